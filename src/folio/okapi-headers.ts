/**
 * How a header from a module, client or operator to Okapi is treated. `pass`: it passes. `checked`:
 * it passes only with a token that says the same. `strip`: the sender's sidecar removes it, Okapi's
 * refuses it.
 */
export type FromModule = 'pass' | 'checked' | 'strip'

/**
 * How a module's own sidecar treats a header in its answer. `token`: it passes only from modules
 * whose task is to issue tokens.
 */
export type OnResponse = 'pass' | 'token' | 'strip'

/** One X-Okapi-* header: who may say it. */
export interface OkapiHeader {
  /** Lower-case. */
  readonly name: string
  /** In Okapi's spelling: its clients compare the prefix `X-Okapi` case-sensitively. */
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
 * Names that modules, clients and operators have no reason to send and that some receiver trusts;
 * lower-case, removed like `strip`. `x-forwarded-` is a prefix. Authtoken-Refresh-Cache flushes the
 * caches of mod-authtoken (FilterApi.zapCache).
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
  // RFC 9440 section 2.4: only the server that terminates TLS may set it.
  'client-cert',
  'client-cert-chain',
  // CGI programs read it as HTTP_PROXY, and send their own requests through it (httpoxy, CVE-2016-5385).
  'proxy',
]

/**
 * Names in an answer that make a web server in front of Okapi answer with something else: one of its files,
 * or one that it fetches from another server (nginx, Apache, lighttpd, Perlbal). Lower-case.
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
 * Names in an answer that change how a browser treats all other answers of the same origin; all modules are one
 * origin to a browser. It may report each request to an address given here (NEL), go to another port, delete its
 * cookies, or let a script of this path see all other requests. Lower-case.
 */
export const ORIGIN_WIDE_ANSWERS: readonly string[] = [
  'nel',
  'report-to',
  'clear-site-data',
  'strict-transport-security',
  'alt-svc',
  'service-worker-allowed',
]

/** Prefix of further names to remove, such as X-Forwarded-Client-Cert. */
export const FORWARDED_PREFIX = 'x-forwarded-'

/** Prefix of headers that only sidecars send. */
export const SIDECAR_PREFIX = 'x-sidecar-'

/** The handle of an open exchange at Okapi's ingress, which Okapi passes on; lower-case. */
export const EXCHANGE_HEADER = 'x-sidecar-exchange'

/** The true caller behind a call of Okapi's, from Okapi's sidecar to the callee's; lower-case. */
export const CALLER_HEADER = 'x-sidecar-caller'

/** The user's own tokens in cookies (okapi-core TokenHeader, mod-login); Okapi compares case-sensitively. */
export const TOKEN_COOKIES: readonly string[] = ['folioAccessToken', 'folioRefreshToken']

const byName = new Map(OKAPI_HEADERS.map((header) => [header.name, header]))

/** The table row of a lower-case name. */
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
