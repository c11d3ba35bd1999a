import type { Caller } from '../policy/caller.ts'
import { openOf, type Subject } from './asking.ts'
import { subjectsAt } from './module-reach.ts'
import { reachThroughOkapi } from './okapi-reach.ts'
import { type Opening, openingOf } from './opening.ts'
import type { Installation } from './reach.ts'

/** The migration door of one sidecar. */
export interface PlainDoorway {
  /** Whose ingress: `okapi`, or the full id of the module beside it. */
  readonly at: string
  /** Milliseconds since 1970; from then on nothing is open there. */
  readonly untilMs: number
}

const PLAIN: Caller = { kind: 'plain' }

/** What whoever comes by the plain door may call; each opening says until when. */
export function reachPlainly(
  installation: Installation,
  { at, untilMs }: PlainDoorway,
  subjects: readonly Subject[],
): Opening[] {
  const until = new Date(untilMs).toISOString().slice(0, 16).replace('T', ' ')
  const why = `the plain door, until ${until} UTC`
  const open =
    at === 'okapi' ? reachThroughOkapi(installation, PLAIN, subjects) : atModule(installation, at)
  return open.map((opening) => ({ ...opening, why }))
}

function atModule({ policy, set }: Installation, at: string): Opening[] {
  const module = set.modules.get(at)
  if (module === undefined) return []
  const judge = policy.bind(PLAIN, at)
  const place = { caller: PLAIN, at, provider: at }
  return subjectsAt(module).flatMap((subject) => {
    const { kind } = subject.route
    return openOf(judge, subject, []).map((found) =>
      openingOf(place, kind, subject.route, found, []),
    )
  })
}
