import { randomFillSync } from 'node:crypto'
import { beginTrace, isTraceparent, RANDOM_BYTES, traceIdIn, VALUE_AT } from '../observe/trace.ts'
import type { ModuleTraits } from '../policy/traits.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { type Head, LINE } from '../wire/head.ts'
import type { HeadWriter } from '../wire/head-writer.ts'
import { accessToken, setsToken, withoutTokens } from './cookies.ts'
import { ACTION } from './header-tables.ts'
import { NAME } from './names.ts'
import type { OkapiUrl } from './okapi-url.ts'
import { bearer, type Claims, claimsOf, NO_CLAIMS, RecentClaims } from './token.ts'

/** How a listener treats the lines of its requests beyond the table of names. */
export interface RequestRules {
  /** By name id: pass, drop, refuse. */
  readonly actions: Uint8Array
  /**
   * The user's token cookies: pass, drop or refuse; `readers`: pass to the modules that need them.
   */
  readonly tokenCookies: number | 'readers'
  /** X-Okapi-User-Id: pass, or compare with the token; without a token `drop` or `refuse` it. */
  readonly userId: number
  /** The caller's address is appended to X-Forwarded-For: mod-login and mod-users-bl log it. */
  readonly appendsAddress: boolean
}

/** The refusal if the head has a line that this caller must not send, else null. */
export function forbidden(head: Head, { actions }: RequestRules): Refusal | null {
  for (let line = 0; line < head.count; line++) {
    if (actions[head.ids[line]!] !== ACTION.refuse || head.action[line] !== LINE.open) continue
    return notAllowed(nameOf(head, line))
  }
  return null
}

/**
 * X-Okapi-User-Id is forwarded only with a token that names the same user, because mod-authtoken
 * would sign the header into the next module token (FilterApi: `finalUserId = header ?? claim`).
 */
export function userId(head: Head, rules: RequestRules): Refusal | null {
  const { userId: action } = rules
  const line = head.find(NAME.userId)
  if (line === -1 || action === ACTION.pass) return null
  const { userId: claimed } = claims(head, rules)
  if (claimed === head.value(line)) return null
  if (claimed !== undefined) {
    return refuse('forbidden-header', 'X-Okapi-User-Id names another user than the token beside it')
  }
  if (action === ACTION.refuse)
    return notAllowed('X-Okapi-User-Id without a token that names the user')
  head.action[line] = LINE.hop
  return null
}

/** The user's own tokens in cookies: Okapi forwards them to every module. */
export function tokenCookies(
  head: Head,
  out: HeadWriter,
  { tokenCookies: action }: RequestRules,
  { seesCookies }: Pick<ModuleTraits, 'seesCookies'>,
): Refusal | null {
  if (!head.has(NAME.cookie)) return null
  if (action === ACTION.pass || (action === 'readers' && seesCookies)) return null
  for (let line = 0; line < head.count; line++) {
    if (head.ids[line] !== NAME.cookie || head.action[line] !== LINE.open) continue
    const value = head.value(line)
    const left = withoutTokens(value)
    if (left === value) continue
    if (action === ACTION.refuse)
      return notAllowed('the cookies folioAccessToken, folioRefreshToken')
    head.action[line] = LINE.hop
    if (left !== null) out.text(`${nameOf(head, line)}: ${left}\r\n`)
  }
  return null
}

/** X-Forwarded-For as one line, with the caller's own address at its end. */
export function forwardedFor(head: Head, out: HeadWriter, address: string): void {
  const before: string[] = []
  for (let line = 0; line < head.count; line++) {
    if (head.ids[line] !== NAME.forwardedFor || head.action[line] !== LINE.open) continue
    before.push(head.value(line))
    head.action[line] = LINE.hop
  }
  out.text(`X-Forwarded-For: ${[...before, address].join(', ')}\r\n`)
}

/** The caller's trace id, '' without a valid one. */
export function givenTrace(head: Head): string {
  const line = head.find(NAME.traceparent)
  if (line === -1) return ''
  const start = head.valueStart[line]!
  return isTraceparent(head.bytes, start, head.valueEnd[line]!) ? traceIdIn(head.bytes, start) : ''
}

/**
 * The trace that the request belongs to (W3C Trace Context): forwarded unchanged, or started.
 * @returns its id
 */
export function trace(
  head: Head,
  out: HeadWriter,
  { actions }: RequestRules,
  given: string,
): string {
  if (given !== '' && actions[NAME.traceparent] === ACTION.pass) return given
  for (let i = 0; i < head.count; i++) {
    if (head.ids[i] === NAME.traceparent) head.action[i] = LINE.hop
  }
  const line = beginTrace(randomness, draw())
  out.span(line, 0, line.length)
  return traceIdIn(line, VALUE_AT)
}

/**
 * The claims of the token that Okapi would take (okapi-core TokenHeader), read and not verified. A
 * browser that follows a link sends only its cookie.
 */
export function claims(head: Head, { tokenCookies }: RequestRules): Claims {
  const line = head.find(NAME.token)
  if (line !== -1) return recent.of(head.bytes, head.valueStart[line]!, head.valueEnd[line]!)
  const authorization = head.valueOf(NAME.authorization)
  if (authorization !== undefined) return claimsOf(bearer(authorization))
  // To other modules the cookie is not forwarded.
  const cookie = tokenCookies === ACTION.pass ? head.valueOf(NAME.cookie) : undefined
  const fromCookie = cookie === undefined ? undefined : accessToken(cookie)
  return fromCookie === undefined ? NO_CLAIMS : claimsOf(fromCookie)
}

const recent = new RecentClaims()

/** For the module, Okapi (and for X-Okapi-Url-to the module itself) is on loopback. */
export function okapiUrls(
  head: Head,
  out: HeadWriter,
  okapi: OkapiUrl | undefined,
  self: string,
): string | undefined {
  const to = head.find(NAME.okapiUrlTo)
  if (to !== -1) {
    head.action[to] = LINE.hop
    out.text(`${nameOf(head, to)}: ${self}\r\n`)
  }
  const line = head.find(NAME.okapiUrl)
  if (line === -1 || okapi === undefined) return undefined
  const original = head.repeated(NAME.okapiUrl) ?? ''
  head.action[line] = LINE.hop
  out.text(`${nameOf(head, line)}: ${okapi.rewrite(original)}\r\n`)
  return original
}

/**
 * X-Okapi-Url is replaced by the egress without a path. A path from a caller without a proven
 * identity would be removed from every later request of the module.
 */
export function ownOkapiUrl(
  head: Head,
  out: HeadWriter,
  okapi: OkapiUrl | undefined,
): string | undefined {
  const line = head.find(NAME.okapiUrl)
  if (line === -1 || okapi === undefined) return undefined
  out.text(`${nameOf(head, line)}: ${okapi.origin}\r\n`)
  return head.value(line)
}

/**
 * A Location with the loopback address that the module was `told` gets Okapi's own address back.
 */
export function location(
  head: Head,
  out: HeadWriter,
  okapi: OkapiUrl | undefined,
  original: string | undefined,
  told?: string,
): void {
  const line = head.find(NAME.location)
  if (line === -1 || okapi === undefined || original === undefined) return
  const value = head.value(line)
  const restored = okapi.restore(value, original, told)
  if (restored === value) return
  head.action[line] = LINE.hop
  out.text(`${nameOf(head, line)}: ${restored}\r\n`)
}

/** Highly sensitive answers must not be cached on the way, whatever the module says. */
export function noStore(head: Head, out: HeadWriter): void {
  for (let line = 0; line < head.count; line++) {
    if (head.ids[line] === NAME.cacheControl) head.action[line] = LINE.hop
  }
  out.text('Cache-Control: no-store\r\n')
}

/** Only few modules may set cookies with the user's tokens (session fixation). */
export function dropTokenSetCookies(head: Head): void {
  if (!head.has(NAME.setCookie)) return
  for (let line = 0; line < head.count; line++) {
    if (head.ids[line] === NAME.setCookie && setsToken(head.value(line))) {
      head.action[line] = LINE.hop
    }
  }
}

/** Random bytes are read from the system for a few hundred traces at a time. */
const randomness = Buffer.alloc(RANDOM_BYTES * 256)
let drawn = randomness.length

/** @returns the position of random bytes for one trace */
function draw(): number {
  if (drawn === randomness.length) {
    randomFillSync(randomness)
    drawn = 0
  }
  drawn += RANDOM_BYTES
  return drawn - RANDOM_BYTES
}

function nameOf(head: Head, line: number): string {
  return head.bytes.toString('latin1', head.nameStart[line]!, head.nameEnd[line]!)
}

function notAllowed(what: string): Refusal {
  return refuse('forbidden-header', `this caller must not send ${what}`, {
    wouldAllow: 'calling through its own sidecar, which removes it',
  })
}
