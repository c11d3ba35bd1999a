import type { Problem } from '../fault.ts'
import type { PolicySource } from '../policy/compile.ts'
import { type Grant, readGrants } from '../policy/grants.ts'
import { STRIPES } from '../policy/stripes.ts'

/**
 * Every grant that a policy compiled from this source holds, the built-in ones last. What cannot be
 * read is left out: compiling tells it.
 */
export function grantsInForce({
  grants = [],
  known = [],
  knownGrants = [],
}: Pick<PolicySource, 'grants' | 'known' | 'knownGrants'>): readonly Grant[] {
  const unread: Problem[] = []
  const named = readGrants(known, unread).filter(({ caller }) => knownGrants.includes(caller))
  return [...readGrants(grants, unread), ...named, ...STRIPES]
}
