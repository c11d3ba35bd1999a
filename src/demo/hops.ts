import { request } from 'undici'
import type { ChildLine } from './child.ts'
import type { DemoCluster } from './cluster.ts'
import { type Member, MODULES, NOTE_ID, OKAPI, TENANT } from './members.ts'

/** One leg of a call, as the sidecar that received it logged it. */
export interface Hop {
  /** Proven by its certificate. */
  readonly caller: string
  readonly at: string
  readonly method: string
  readonly route: string
  readonly status: number
}

/** The one honest call. */
export interface HonestCall {
  readonly path: string
  readonly status: number
  readonly hops: readonly Hop[]
}

/** The receiver, the number of calls, and the only permitted caller. */
const LEGS: readonly (readonly [at: Member, times: number, caller: Member])[] = [
  [MODULES.authtoken, 2, OKAPI],
  [MODULES.notes, 1, OKAPI],
  [OKAPI, 1, MODULES.notes],
  [MODULES.users, 1, OKAPI],
]

/** Anna reads a note: Okapi asks mod-notes, which asks Okapi, which asks mod-users. */
export async function honestCall(cluster: DemoCluster): Promise<HonestCall> {
  const requestId = `demo${process.pid}`
  const path = `/notes/${NOTE_ID}`
  const token = String(await cluster.processes.get(MODULES.authtoken)!.child.ask('annasToken'))
  const { statusCode, body } = await request(`${cluster.okapiUrl}${path}`, {
    headers: {
      'X-Okapi-Tenant': TENANT,
      'X-Okapi-Token': token,
      'X-Okapi-Request-Id': requestId,
    },
  })
  await body.dump()
  if (statusCode !== 200) return { path, status: statusCode, hops: [] }
  const legs = await Promise.all(
    LEGS.map(async ([at, times]) => {
      const { child } = cluster.sidecars.get(at)!
      const lines = await child.say(times, (line) => received(line, requestId))
      return lines.map((line) => hop(line, at))
    }),
  )
  const [authtoken, notes, okapi, users] = legs
  const hops = [authtoken?.[0], ...notes!, ...okapi!, authtoken?.[1], ...users!]
  return { path, status: statusCode, hops: hops.filter((leg) => leg !== undefined) }
}

function received({ direction, requestId }: ChildLine, wanted: string): boolean {
  return direction === 'ingress' && String(requestId).startsWith(wanted)
}

/** `at`: the member whose sidecar wrote the line. */
function hop({ caller, method, route, status }: ChildLine, at: Member): Hop {
  return {
    caller: String(caller),
    at,
    method: String(method),
    route: String(route ?? ''),
    status: Number(status),
  }
}

/** True when every leg exists, was answered, and was called by the expected member. */
export function crossed({ status, hops }: HonestCall): boolean {
  const wanted = LEGS.reduce((sum, [, times]) => sum + times, 0)
  const right = hops.every(({ at, caller, status: answered }) => {
    const leg = LEGS.find(([callee]) => callee === at)
    return leg?.[2] === caller && answered < 300
  })
  return status === 200 && hops.length === wanted && right
}
