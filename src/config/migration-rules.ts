import { parseListen } from './addresses.ts'
import { get, type Raw } from './document.ts'
import type { Flaw } from './issues.ts'
import { isNarrow, parseNetwork } from './networks.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** A listener without proof of identity that stays open for longer is not a migration. */
const MOST_DAYS = 180

/** What is wrong with `migration`, beyond the form of each key. */
export interface MigrationFlaws {
  readonly errors: readonly Flaw[]
  readonly warnings: readonly Flaw[]
  /**
   * `until` is over. `check` says that it is an error; the process starts all the same, with
   * the listener closed: a pod that is moved to another node must not stay away for it.
   */
  readonly overdue: readonly Flaw[]
}

/** @param now milliseconds since 1970 */
export function migrationFlaws(raw: Raw, now: number): MigrationFlaws {
  if (get(raw, ['migration']) === undefined) return { errors: [], warnings: [], overdue: [] }
  const { tooFar, overdue } = ofDate(get(raw, ['migration', 'until']), now)
  return { errors: [...ofPlace(raw), ...tooFar], warnings: ofWidth(raw), overdue }
}

function ofPlace(raw: Raw): Flaw[] {
  const flaws: Flaw[] = []
  if (get(raw, ['ingress']) === undefined) {
    const message = '`migration` needs `ingress.forward`, which says where its requests go'
    flaws.push({ path: ['migration'], message, hint: 'set ingress.forward' })
  }
  const path = ['migration', 'listen']
  const listen = get(raw, path)
  const parsed = typeof listen === 'string' ? parseListen(listen) : undefined
  if (parsed !== undefined && 'value' in parsed && 'path' in parsed.value) {
    const message = '`migration.listen` must be HOST:PORT: a Unix socket tells no address'
    flaws.push({ path, message, hint: 'for example 0.0.0.0:9131' })
  }
  return flaws
}

function ofDate(until: unknown, now: number): { tooFar: Flaw[]; overdue: Flaw[] } {
  const at = typeof until === 'string' ? Date.parse(until) : Number.NaN
  const path = ['migration', 'until']
  if (at <= now) {
    const message = '`migration.until` is over: the migration listener refuses every call'
    const hint = 'remove `migration`; or, if a caller still has to move, set a later date'
    return { tooFar: [], overdue: [{ path, message, hint }] }
  }
  if (!(at - now > MOST_DAYS * DAY_MS)) return { tooFar: [], overdue: [] }
  const message = `\`migration.until\` is more than ${MOST_DAYS} days away`
  const latest = new Date(now + MOST_DAYS * DAY_MS).toISOString().slice(0, 10)
  const hint = `${latest} at the latest; it can be set anew then`
  return { tooFar: [{ path, message, hint }], overdue: [] }
}

function ofWidth(raw: Raw): Flaw[] {
  const path = ['migration', 'from']
  const from = get(raw, path)
  if (!Array.isArray(from)) return []
  return from.flatMap((text: unknown, i) => {
    const parsed = typeof text === 'string' ? parseNetwork(text) : undefined
    if (parsed === undefined || !('value' in parsed) || isNarrow(parsed.value)) return []
    const message = `\`migration.from\` lists ${text}: any host with an address of it may connect`
    const hint = 'name the addresses of those that have not moved, where they keep them'
    return [{ path: [...path, i], message, hint }]
  })
}
