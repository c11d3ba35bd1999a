import { hasAuthFilter } from '../folio/descriptor.ts'
import { isOkapi, productOf } from '../folio/module-id.ts'
import type { Caller } from './caller.ts'
import { idOf } from './descriptors.ts'
import type { Grant } from './grants.ts'
import type { PolicyModel } from './model.ts'

/**
 * Which tokens a caller may send to Okapi in addition to those that Okapi has sent to it: `any`, or
 * those that Okapi has sent to one of these modules, by full id.
 */
export type TokenSources = 'any' | readonly string[]

/** No tokens but those that Okapi has sent to the module itself. */
const OWN_TOKENS: TokenSources = []

/**
 * What `grants`, which apply now to this caller at Okapi, say about tokens. A module with an auth
 * filter issues tokens, and sends ones that were never sent to it (mod-authtoken FilterApi: `new
 * DummyToken`).
 */
export function tokenSourcesOf(
  { set }: PolicyModel,
  caller: Caller,
  grants: readonly Grant[],
): TokenSources {
  // Browsers and people log in, and send a token first.
  if (caller.kind !== 'module' || isOkapi(caller.id)) return 'any'
  const module = set.modules.get(caller.id)
  if (module !== undefined && hasAuthFilter(module.descriptor)) return 'any'
  const named = grants.flatMap(({ opens }) => (opens.kind === 'tokens' ? [opens.of] : []))
  if (named.length === 0) return OWN_TOKENS
  if (named.includes('any')) return 'any'
  const names = new Set(named.flat())
  const ids = [...set.modules.values()].map(idOf)
  return ids.filter((id) => names.has(id) || names.has(productOf(id)))
}
