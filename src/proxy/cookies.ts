/** The cookies in which Stripes keeps the user's own tokens; compared without regard to case. */
const TOKEN_COOKIES = ['folioaccesstoken', 'foliorefreshtoken']

/**
 * A Cookie value without the user's tokens: null when nothing is left, the same string when there
 * were none.
 */
export function withoutTokens(value: string): string | null {
  if (!/folio/i.test(value)) return value
  const pairs = value.split(';')
  const kept = pairs.filter((pair) => !isToken(pair))
  if (kept.length === pairs.length) return value
  const left = kept.join(';').trim()
  return left === '' ? null : left
}

/** Does this Set-Cookie value set one of the user's tokens? */
export function setsToken(value: string): boolean {
  return isToken(value)
}

/**
 * The token that Okapi takes from a Cookie value, if it is there once and spelled beyond doubt. Netty
 * skips a pair that breaks RFC 6265 (ServerCookieDecoder.STRICT), and Okapi refuses two.
 */
export function accessToken(value: string): string | undefined {
  if (!value.includes('folioAccessToken=')) return undefined
  const pairs = value.split(';').filter((pair) => pair.includes('folioAccessToken'))
  const [, token] = /^[ \t]*folioAccessToken=([A-Za-z0-9._=-]+)$/.exec(pairs[0]!) ?? []
  return pairs.length === 1 ? token : undefined
}

function isToken(pair: string): boolean {
  const equals = pair.indexOf('=')
  // Netty skips commas and blanks in front of a name.
  const name = (equals === -1 ? pair : pair.slice(0, equals)).replace(/^[\s,]+/, '').trim()
  return TOKEN_COOKIES.includes(name.toLowerCase())
}
