/**
 * What becomes of a header that a module, client or operator sends towards Okapi. `pass`: goes on.
 * `checked`: goes on only beside a token that says the same. `strip`: taken off by the sender's
 * sidecar, refused at Okapi's.
 */
export type FromModule = 'pass' | 'checked' | 'strip'

/**
 * What becomes of a header in a module's answer, at its own sidecar. `token`: only from modules
 * that answer with tokens by trade.
 */
export type OnResponse = 'pass' | 'token' | 'strip'

/** One X-Okapi-* header: who may say it. */
export interface OkapiHeader {
  /** Lower-case. */
  readonly name: string
  /** Spelled as Okapi does: its clients compare the prefix `X-Okapi` case-sensitively. */
  readonly canonical: string
  readonly what: string
  readonly fromModule: FromModule
  /** Does it pass from browsers? This is Okapi's own list for CORS (okapi-core CorsHelper). */
  readonly fromPublic: boolean
  readonly onResponse: OnResponse
}

/** Every name of okapi-common XOkapiHeaders.java; other `x-okapi-*` names are treated as `strip`. */
export const OKAPI_HEADERS: readonly OkapiHeader[] = [
  row('X-Okapi-Tenant', 'the tenant to act for', 'pass', true, 'strip'),
  row('X-Okapi-Token', 'the token of the user or module', 'pass', true, 'token'),
  row('X-Okapi-Request-Id', 'grows by a segment at each hop', 'pass', true, 'pass'),
  row('X-Okapi-Module-Id', 'picks the provider of a `multiple` interface', 'pass', true, 'strip'),
  row('X-Okapi-User-Id', 'mod-authtoken signs it into the next token', 'checked', false, 'strip'),
  row('X-Okapi-Trace', 'timing of each module', 'strip', false, 'pass'),
  row('X-Okapi-Url', 'where the module finds Okapi'),
  row('X-Okapi-Url-to', 'where a system call finds the module itself'),
  row('X-Okapi-Permissions', 'what the auth filter found; modules believe it'),
  row('X-Okapi-Permissions-Required', 'Okapi to the auth filter'),
  row('X-Okapi-Permissions-Desired', 'Okapi to the auth filter'),
  row('X-Okapi-Module-Permissions', 'Okapi to the auth filter, which signs tokens for it'),
  row('X-Okapi-Extra-Permissions', 'Okapi to the auth filter'),
  row('X-Okapi-Module-Tokens', 'the auth filter to Okapi'),
  row('X-Okapi-Additional-Token', 'a second token, for the auth filter'),
  row('X-Okapi-Filter', 'Okapi to filters: the phase and path'),
  row('X-Okapi-Auth-Result', 'Okapi to filters'),
  row('X-Okapi-Auth-Headers', 'Okapi to filters'),
  row('X-Okapi-Handler-Result', 'Okapi to filters'),
  row('X-Okapi-Handler-Headers', 'Okapi to filters'),
  row('X-Okapi-Match-Path-Pattern', 'the pattern that matched'),
  row('X-Okapi-request-ip', 'set by Okapi on every call'),
  row('X-Okapi-request-timestamp', 'set by Okapi on every call'),
  row('X-Okapi-request-method', 'set by Okapi on every call'),
  row('X-Okapi-Stop', 'an answer that ends Okapi’s pipeline'),
]

/** The prefix of all of them, lower-case. */
export const OKAPI_PREFIX = 'x-okapi-'

/**
 * Names that no module, client or operator has a reason to send and that some reader believes;
 * lower-case, taken off like `strip`. `x-forwarded-` is a prefix. Authtoken-Refresh-Cache flushes
 * the caches of mod-authtoken (FilterApi.zapCache).
 */
export const SPOOFABLE_HEADERS: readonly string[] = [
  'authtoken-refresh-cache',
  'forwarded',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  // RFC 9440 section 2.4: only who ends the TLS may say it.
  'client-cert',
  'client-cert-chain',
  // A CGI takes it for HTTP_PROXY, and calls others by it (httpoxy, CVE-2016-5385).
  'proxy',
]

/**
 * Names in an answer that have a web server in front of Okapi answer with something else: a file of its own,
 * or what it asks another server for (nginx, Apache, lighttpd, Perlbal). Lower-case.
 */
export const DIVERTING_ANSWERS: readonly string[] = [
  'x-accel-redirect',
  'x-sendfile',
  'x-sendfile2',
  'x-lighttpd-send-file',
  'x-reproxy-url',
  'x-reproxy-file',
]

/**
 * Names in an answer by which a browser changes what it does with every other answer of the same origin, and
 * to a browser all modules are one: it tells of each request to an address that is named here (NEL), goes to
 * another port, forgets its cookies, or lets a script of this path see all others. Lower-case.
 */
export const ORIGIN_WIDE_ANSWERS: readonly string[] = [
  'nel',
  'report-to',
  'clear-site-data',
  'strict-transport-security',
  'alt-svc',
  'service-worker-allowed',
]

/** Prefix of further names to take off, X-Forwarded-Client-Cert among them. */
export const FORWARDED_PREFIX = 'x-forwarded-'

/** Prefix of what only a sidecar says. */
export const SIDECAR_PREFIX = 'x-sidecar-'

/** The handle of an exchange that is open at Okapi's ingress, for Okapi to hand on; lower-case. */
export const EXCHANGE_HEADER = 'x-sidecar-exchange'

/** Who stands behind a call of Okapi's, as Okapi's sidecar tells the callee's; lower-case. */
export const CALLER_HEADER = 'x-sidecar-caller'

/** The user's own tokens in cookies (okapi-core TokenHeader, mod-login); to Okapi their case counts. */
export const TOKEN_COOKIES: readonly string[] = ['folioAccessToken', 'folioRefreshToken']

const byName = new Map(OKAPI_HEADERS.map((header) => [header.name, header]))

/** The row of a lower-case name. */
export function okapiHeader(name: string): OkapiHeader | undefined {
  return byName.get(name)
}

function row(
  canonical: string,
  what: string,
  fromModule: FromModule = 'strip',
  fromPublic = false,
  onResponse: OnResponse = 'strip',
): OkapiHeader {
  return { name: canonical.toLowerCase(), canonical, what, fromModule, fromPublic, onResponse }
}
