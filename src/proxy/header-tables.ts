import { type OkapiHeader, okapiHeader } from '../folio/okapi-headers.ts'
import type { ModuleTraits } from '../policy/traits.ts'
import { ID } from '../wire/names.ts'
import { NAME, OKAPI_IDS } from './names.ts'

/** What a listener does with a request line of a given name. */
export const ACTION = { pass: 0, drop: 1, refuse: 2 } as const

/**
 * In addition to X-Okapi-*: headers that no module, client, person or browser has a reason to send.
 */
const FORGERIES = [
  ...[NAME.okapi, NAME.sidecar, NAME.refused, NAME.exchange, NAME.caller],
  ...[NAME.forwardedFor, NAME.detour],
]

/**
 * By name id: `action` for headers that may not be sent, according to `says` from
 * folio/okapi-headers.ts.
 */
function table(
  says: (header: OkapiHeader) => boolean,
  action: number,
  exceptions: Readonly<Record<number, number>> = {},
): Uint8Array {
  const byId = new Uint8Array(256)
  // Host is ours on every leg; request trailers are dropped, so none is announced.
  byId[ID.host] = ACTION.drop
  byId[ID.trailer] = ACTION.drop
  for (const [name, id] of OKAPI_IDS) {
    if (!says(okapiHeader(name)!)) byId[id] = action
  }
  for (const id of FORGERIES) byId[id] = action
  for (const [id, other] of Object.entries(exceptions)) byId[Number(id)] = other
  return byId
}

const bySender = ({ fromModule }: OkapiHeader) => fromModule !== 'strip'
const everything = () => true

/**
 * From a module to Okapi, at the module's own sidecar. RMB and folio-spring echo what they received
 * without bad intent, so it is removed silently.
 */
export const FROM_MODULE = table(bySender, ACTION.drop)

/**
 * The same at Okapi's sidecar, where a caller with a key may arrive without a sidecar of its own:
 * what a sidecar would have removed is refused, so a stolen key alone gains nothing.
 */
export const AT_OKAPI = table(bySender, ACTION.refuse)

/**
 * From a caller with a grant at a module, past Okapi: what Okapi's sidecar would refuse is refused.
 * X-Okapi-Url is replaced; X-Okapi-Module-Id is only for Okapi.
 */
export const DIRECTLY = table(bySender, ACTION.refuse, {
  [NAME.okapiUrl]: ACTION.drop,
  [NAME.moduleId]: ACTION.drop,
})

/**
 * Through the migration listener to a module, from an Okapi without a sidecar or another host with
 * its address: headers that only Okapi may send are not accepted.
 */
export const FROM_UNPROVEN = table(bySender, ACTION.drop, {
  [NAME.moduleId]: ACTION.drop,
  [NAME.traceparent]: ACTION.drop,
})

/** Through the migration listener to Okapi, from modules without a sidecar. */
export const FROM_UNPROVEN_TO_OKAPI = table(bySender, ACTION.drop, {
  [NAME.traceparent]: ACTION.drop,
})

/** From Okapi to a module: everything that Okapi sends passes. */
export const FROM_OKAPI = table(everything, ACTION.drop, {
  [NAME.okapi]: ACTION.pass,
  [NAME.forwardedFor]: ACTION.pass,
  [NAME.detour]: ACTION.pass,
})

/** From browsers and load balancers: only the X-Okapi-* of Okapi's own CORS list. */
export const FROM_PUBLIC = table(({ fromPublic }) => fromPublic, ACTION.drop, {
  [NAME.forwardedFor]: ACTION.pass,
  [NAME.traceparent]: ACTION.drop,
})

/** The traits of a module that decide what it may answer. */
type Answerer = Pick<ModuleTraits, 'authFilter' | 'keepsTokens'>

/**
 * By name id, 1: headers that are removed from a module's answers, by its traits. Okapi copies
 * every `X-*` of an answer into the next step of its pipeline (ProxyService.relayToRequest), which
 * any module could end with one.
 */
export function answersLose({ authFilter, keepsTokens }: Answerer): Uint8Array {
  return authFilter ? OF_AUTH_FILTER : keepsTokens ? OF_TOKEN_GIVER : OF_ORDINARY
}

function answers(keeps: (header: OkapiHeader) => boolean): Uint8Array {
  const drop = new Uint8Array(256)
  for (const [name, id] of OKAPI_IDS) if (!keeps(okapiHeader(name)!)) drop[id] = 1
  for (const id of FORGERIES) drop[id] = 1
  return drop
}

const OF_ORDINARY = answers(({ onResponse }) => onResponse === 'pass')
const OF_TOKEN_GIVER = answers(({ onResponse }) => onResponse !== 'strip')
const OF_AUTH_FILTER = answers(everything)
OF_AUTH_FILTER[NAME.okapi] = 0

/** Okapi's answers pass unchanged, except for headers that are only for Okapi itself. */
export const ANSWER_OF_OKAPI = new Uint8Array(256)
ANSWER_OF_OKAPI[NAME.exchange] = 1
ANSWER_OF_OKAPI[NAME.caller] = 1
