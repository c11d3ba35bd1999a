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
  /** X-Sidecar-*: only a sidecar says it. */
  sidecar: 41,
  authorization: 42,
  cookie: 43,
  setCookie: 44,
  location: 45,
  forwardedFor: 46,
  /** What claims to know where a request came from, where it should go, or what it really is. */
  detour: 47,
  traceparent: 48,
  origin: 49,
  cacheControl: 50,
} as const

const OKAPI: readonly NameRule[] = [
  { name: 'x-okapi-tenant', id: NAME.tenant },
  { name: 'x-okapi-token', id: NAME.token },
  { name: 'x-okapi-request-id', id: NAME.requestId },
  { name: 'x-okapi-module-id', id: NAME.moduleId },
  { name: 'x-okapi-user-id', id: NAME.userId },
  { name: 'x-okapi-url', id: NAME.okapiUrl },
  { name: 'x-okapi-url-to', id: NAME.okapiUrlTo },
  { name: 'x-okapi-trace', id: NAME.okapiTrace },
  { name: 'x-okapi-*', id: NAME.okapi },
]

const DETOURS = [
  'forwarded',
  'x-forwarded-*',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  // mod-authtoken flushes its permission caches on it (FilterApi zapCache).
  'authtoken-refresh-cache',
]

const COMMON: readonly NameRule[] = [
  { name: 'x-sidecar-*', id: NAME.sidecar },
  { name: 'cookie', id: NAME.cookie, guarded: true },
  { name: 'set-cookie', id: NAME.setCookie },
  // RFC 2965, obsolete; java.net.CookieManager still reads it.
  { name: 'set-cookie2', id: NAME.setCookie },
  { name: 'location', id: NAME.location },
  { name: 'x-forwarded-for', id: NAME.forwardedFor },
  { name: 'traceparent', id: NAME.traceparent },
  { name: 'origin', id: NAME.origin },
  { name: 'cache-control', id: NAME.cacheControl },
  ...DETOURS.map((name) => ({ name, id: NAME.detour })),
]

/**
 * Requests: Okapi reads the first of two equal headers, RMB the last, Tomcat the first, and some
 * servers read `_` as `-`. So no X-Okapi-* and no Authorization stands twice or disguised.
 */
export const REQUEST_NAMES = new NameTable([
  ...OKAPI.map((rule) => ({ ...rule, once: true, guarded: true, strict: true })),
  { name: 'authorization', id: NAME.authorization, once: true, guarded: true },
  ...COMMON,
])

/** Responses: X-Okapi-Trace stands once for each module that was passed. */
export const RESPONSE_NAMES = new NameTable([...OKAPI, ...COMMON])
