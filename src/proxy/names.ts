import {
  CALLER_HEADER,
  DIVERTING_ANSWERS,
  EXCHANGE_HEADER,
  FORWARDED_PREFIX,
  OKAPI_PREFIX,
  ORIGIN_WIDE_ANSWERS,
  SIDECAR_PREFIX,
  SPOOFABLE_HEADERS,
} from '../folio/okapi-headers.ts'
import { type NameRule, NameTable } from '../wire/names.ts'

/** Ids of the field names that FOLIO gives a meaning; the wire's own are below 32. */
export const NAME = {
  tenant: 32,
  token: 33,
  requestId: 34,
  moduleId: 35,
  userId: 36,
  okapiUrl: 37,
  okapiUrlTo: 38,
  okapiTrace: 39,
  /** Every other X-Okapi-*. */
  okapi: 40,
  /** X-Sidecar-*: only a sidecar sends it. */
  sidecar: 41,
  authorization: 42,
  cookie: 43,
  setCookie: 44,
  location: 45,
  forwardedFor: 46,
  /** Headers that claim where a request came from, where it should go, or what it really is. */
  detour: 47,
  traceparent: 48,
  origin: 49,
  cacheControl: 50,
  /** X-Sidecar-Refused. */
  refused: 51,
  accessControlRequestMethod: 52,
  /** X-Sidecar-Exchange: to Okapi and, through it, back. */
  exchange: 53,
  /** X-Sidecar-Caller: from Okapi's sidecar to the callee's. */
  caller: 54,
} as const

/**
 * The X-Okapi-* of folio/okapi-headers.ts that have an id of their own; all others share
 * `NAME.okapi`, because they are treated alike.
 */
export const OKAPI_IDS: ReadonlyMap<string, number> = new Map([
  ['x-okapi-tenant', NAME.tenant],
  ['x-okapi-token', NAME.token],
  ['x-okapi-request-id', NAME.requestId],
  ['x-okapi-module-id', NAME.moduleId],
  ['x-okapi-user-id', NAME.userId],
  ['x-okapi-url', NAME.okapiUrl],
  ['x-okapi-url-to', NAME.okapiUrlTo],
  ['x-okapi-trace', NAME.okapiTrace],
])

const OKAPI: readonly NameRule[] = [
  ...[...OKAPI_IDS].map(([name, id]) => ({ name, id })),
  { name: `${OKAPI_PREFIX}*`, id: NAME.okapi },
]

const DETOURS = [...SPOOFABLE_HEADERS, `${FORWARDED_PREFIX}*`]

const COMMON: readonly NameRule[] = [
  { name: 'x-sidecar-refused', id: NAME.refused },
  { name: EXCHANGE_HEADER, id: NAME.exchange, once: true, guarded: true, strict: true },
  { name: CALLER_HEADER, id: NAME.caller, once: true, guarded: true, strict: true },
  { name: `${SIDECAR_PREFIX}*`, id: NAME.sidecar },
  { name: 'cookie', id: NAME.cookie, guarded: true },
  { name: 'set-cookie', id: NAME.setCookie },
  // RFC 2965, obsolete; java.net.CookieManager still reads it.
  { name: 'set-cookie2', id: NAME.setCookie },
  { name: 'location', id: NAME.location },
  { name: 'x-forwarded-for', id: NAME.forwardedFor },
  { name: 'traceparent', id: NAME.traceparent },
  { name: 'origin', id: NAME.origin },
  { name: 'access-control-request-method', id: NAME.accessControlRequestMethod },
  { name: 'cache-control', id: NAME.cacheControl },
  ...DETOURS.map((name) => ({ name, id: NAME.detour })),
]

/**
 * Requests: Okapi reads the first of two equal headers, RMB the last, Tomcat the first, and some
 * servers read `_` as `-`. So no X-Okapi-* and no Authorization may occur twice or disguised.
 */
export const REQUEST_NAMES = new NameTable([
  ...OKAPI.map((rule) => ({ ...rule, once: true, guarded: true, strict: true })),
  { name: 'authorization', id: NAME.authorization, once: true, guarded: true },
  ...COMMON,
])

/** Responses: X-Okapi-Trace occurs once for each module on the way. */
export const RESPONSE_NAMES = new NameTable([
  ...OKAPI,
  ...[...DIVERTING_ANSWERS, ...ORIGIN_WIDE_ANSWERS].map((name) => ({ name, id: NAME.detour })),
  ...COMMON,
])
