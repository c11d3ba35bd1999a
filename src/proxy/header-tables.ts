import { ID } from '../wire/names.ts'
import { NAME } from './names.ts'

/** What a door does with a request line of a given name. */
export const FATE = { pass: 0, drop: 1, refuse: 2 } as const

/** By name id. `forge` is the fate of what no module may say to Okapi. */
function table(fates: Readonly<Partial<Record<number, number>>>): Uint8Array {
  const byId = new Uint8Array(256)
  // Host is ours on every leg; request trailers are dropped, so nobody is told of any.
  byId[ID.host] = FATE.drop
  byId[ID.trailer] = FATE.drop
  for (const [id, fate] of Object.entries(fates)) byId[Number(id)] = fate!
  return byId
}

/** RMB and folio-spring echo what they received, innocently: so it is taken off in silence. */
const FORGERIES = [
  NAME.okapiUrl,
  NAME.okapiUrlTo,
  NAME.okapiTrace,
  NAME.okapi,
  NAME.sidecar,
  NAME.forwardedFor,
  NAME.detour,
]

function forgeries(fate: number): Record<number, number> {
  return Object.fromEntries(FORGERIES.map((id) => [id, fate]))
}

/** From a module to Okapi, at the module's own sidecar. */
export const FROM_MODULE = table(forgeries(FATE.drop))

/**
 * The same again at Okapi's sidecar, where whoever holds a key may have come without a sidecar of its
 * own: what would have been taken off is refused. A stolen key alone gains nothing.
 */
export const AT_OKAPI = table(forgeries(FATE.refuse))

/**
 * By the plain door to a module, from an Okapi without a sidecar or whoever else has its address: of
 * what only Okapi may say nothing is believed.
 */
export const FROM_NOBODY = table({ ...forgeries(FATE.drop), [NAME.moduleId]: FATE.drop })

/** From Okapi to a module: what Okapi says goes. */
export const FROM_OKAPI = table({ [NAME.sidecar]: FATE.drop })

/** From browsers and load balancers: the X-Okapi-* of Okapi's own CORS list and no others. */
export const FROM_PUBLIC = table({
  ...forgeries(FATE.drop),
  [NAME.forwardedFor]: FATE.pass,
  [NAME.userId]: FATE.drop,
  [NAME.traceparent]: FATE.drop,
})

/** What a response loses at the answering module's own sidecar, by what the module is for. */
export function answerTable({ authFilter, keepsTokens }: AnswerTraits): Uint8Array {
  const drop = new Uint8Array(256)
  drop[NAME.sidecar] = 1
  if (authFilter) return drop
  // Okapi copies every X-* of an answer into the next step of its pipeline (ProxyService.relayToRequest).
  for (const id of [NAME.tenant, NAME.moduleId, NAME.userId, NAME.okapiUrl, NAME.okapiUrlTo]) {
    drop[id] = 1
  }
  drop[NAME.okapi] = 1
  if (!keepsTokens) drop[NAME.token] = 1
  return drop
}

export interface AnswerTraits {
  readonly authFilter: boolean
  readonly keepsTokens: boolean
}

/** Nothing is taken off: a sidecar on the other side has done it. */
export const ANSWER_OF_SIDECAR = new Uint8Array(256)
