import { TOKEN_COOKIES as CANONICAL } from '../folio/okapi-headers.ts'

/** Compared without regard to case. */
const TOKEN_COOKIES = CANONICAL.map((name) => name.toLowerCase())
const SHORTEST = Math.min(...TOKEN_COOKIES.map(({ length }) => length))
const NAMED = new RegExp(TOKEN_COOKIES.join('|'), 'i')

/**
 * A Cookie value without the user's tokens: null when nothing is left, the same string when there
 * were none.
 */
export function withoutTokens(value: string): string | null {
  // A head has room for 64,000 pairs: they are split only if there can be a token among them.
  if (!NAMED.test(value.replaceAll('"', ''))) return value
  const pairs = value.split(';')
  const kept = pairs.filter((pair) => !isToken(pair))
  if (kept.length === pairs.length) return value
  const left = kept.join(';').trim()
  return left === '' ? null : left
}

/**
 * Does this Set-Cookie value set one of the user's tokens, however it is read? After the first `;`
 * there are attributes (RFC 6265bis section 5.6).
 */
export function setsToken(value: string): boolean {
  const end = value.indexOf(';')
  return isToken(end === -1 ? value : value.slice(0, end))
}

/** The token in a Set-Cookie value, as read by clients that send it on. */
export function setAccessToken(value: string): string | undefined {
  return /^[ \t]*folioAccessToken=([A-Za-z0-9._=-]+)[ \t]*(?:;|$)/.exec(value)?.[1]
}

/**
 * Every token that any reader may take from a Cookie value: also in quotes, and each of several.
 */
export function accessTokensIn(value: string): string[] {
  const found = value.matchAll(/folioAccessToken[ \t]*=[ \t]*"?([A-Za-z0-9._=-]+)/gi)
  return [...found].map(([, token = '']) => token)
}

/** A pair as Netty reads it: it skips separators before the name, and quotes around the value. */
const ACCESS_TOKEN = /^[\t\n\v\f\r ,]*folioAccessToken=("?)([!#-+\--:<-[\]-~]*)\1$/

/**
 * The token that Okapi takes from a Cookie value. Netty skips a pair that breaks RFC 6265
 * (ServerCookieDecoder.STRICT), and Okapi refuses two that do not (TokenHeader.check).
 */
export function accessToken(value: string): string | undefined {
  if (!value.includes('folioAccessToken=')) return undefined
  const tokens = value.split(';').flatMap((pair) => ACCESS_TOKEN.exec(pair)?.[2] ?? [])
  return tokens.length === 1 && tokens[0] !== '' ? tokens[0] : undefined
}

/**
 * Is it a pair with one of these names, or several pairs for clients that split at commas (RFC
 * 2109)? A browser reads `=folioAccessToken=x` as a cookie without a name and sends it as
 * `folioAccessToken=x`; the same for a value without `=` (RFC 6265bis section 5.6, 5.8.3).
 */
function isToken(pair: string): boolean {
  if (pair.length < SHORTEST || !NAMED.test(pair.replaceAll('"', ''))) return false
  return pair.split(',').some((piece) => {
    // Netty skips white space before a name.
    const start = piece.replace(/^[\s=]+/, '')
    const equals = start.indexOf('=')
    const name = equals === -1 ? start : start.slice(0, equals)
    return TOKEN_COOKIES.includes(plain(name))
  })
}

/** A name without quotes, surrounding white space, and prefixes with a meaning for browsers. */
function plain(name: string): string {
  const bare = name.replaceAll('"', '').trim().toLowerCase()
  return bare.replace(/^__(?:host|secure|http|host-http)-/, '')
}
