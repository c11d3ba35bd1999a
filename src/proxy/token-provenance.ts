import { productOf } from '../folio/module-id.ts'
import { proposedGrant } from '../policy/grants.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Clock } from '../wire/face.ts'
import type { Head } from '../wire/head.ts'
import { accessToken, accessTokensIn, setAccessToken } from './cookies.ts'
import { ACTION } from './header-tables.ts'
import { claims } from './headers.ts'
import { NAME } from './names.ts'
import type { RequestContext } from './request-context.ts'
import type { SeenTokens } from './seen-tokens.ts'
import { claimsOf } from './token.ts'
import { MOST_TOKEN_BYTES, TokenHasher } from './token-hash.ts'

export interface TokenProvenanceOptions {
  readonly mode: 'report' | 'enforce'
  readonly seen: SeenTokens
  readonly clock: Clock
  /** How long after the start `enforce` only reports, because nothing is remembered yet. */
  readonly graceMs: number
  readonly lifeMs: number
}

const BEARER = Buffer.from('Bearer ')
const TOKEN_LINES = [NAME.token, NAME.authorization] as const

/**
 * A module may send to Okapi only tokens that Okapi has sent to it, or that were in an answer to
 * it; tokens found elsewhere are refused. Tokens that a module sends are never remembered;
 * otherwise it could make any token its own.
 */
export class TokenProvenance {
  readonly #options: TokenProvenanceOptions
  readonly #hasher: TokenHasher

  constructor(options: TokenProvenanceOptions) {
    this.#options = options
    this.#hasher = new TokenHasher(...options.seen.key)
  }

  /** Milliseconds until `enforce` refuses; 0: it already does, or the mode is `report`. */
  get graceMs(): number {
    const { mode, graceMs, seen, clock } = this.#options
    return mode === 'report' ? 0 : Math.max(0, graceMs - seen.ageMs(clock.now))
  }

  /** Why the token of this request must not be forwarded. */
  judge(context: RequestContext, head: Head): Refusal | null {
    const { listener, caller, authorizer } = context
    if (listener.tokens !== 'judged') return null
    if (caller.kind !== 'module') return this.#judgePerson(context, head)
    const sources = authorizer.tokens
    if (sources === 'any') return null
    // Only Okapi's sidecar knows which tokens were sent to another module.
    if (listener.direction === 'egress' && sources.length > 0) return null
    for (const id of TOKEN_LINES) {
      const line = head.find(id)
      if (line === -1) continue
      let start = head.valueStart[line]!
      const end = head.valueEnd[line]!
      if (id === NAME.authorization) start = afterBearer(head.bytes, start, end)
      if (start === end || this.#isKnown(caller.id, sources, head.bytes, start, end)) continue
      return this.#refuse(context, caller.id)
    }
    return null
  }

  /** A browser or a person logs in, and never has a module's token: it must have been stolen. */
  #judgePerson(context: RequestContext, head: Head): Refusal | null {
    const { callerName, listener } = context
    const cookie = listener.request.tokenCookies === ACTION.pass ? head.valueOf(NAME.cookie) : ''
    const inCookies = cookie === undefined || cookie === '' ? [] : accessTokensIn(cookie)
    const found =
      claims(head, listener.request).ofModule || inCookies.some((token) => claimsOf(token).ofModule)
    if (!found) return null
    this.#options.seen.missed()
    const because = `${callerName} may not send the token of a module: it was made for the calls of that module`
    const refusal = refuse('token-not-seen-here', because, { wouldAllow: 'the token of a login' })
    return context.found(refusal, this.#options.mode)
  }

  /** Okapi sends this request to a module, with this token. */
  passes({ listener, traits, at, bare }: RequestContext, head: Head): void {
    // Tokens that a module with an auth filter sends are not judged.
    if (listener.tokens !== 'remembered' || bare || traits.authFilter) return
    const line = head.find(NAME.token)
    if (line !== -1) this.#remember(at, head.bytes, head.valueStart[line]!, head.valueEnd[line]!)
    if (!traits.seesCookies) return
    const cookie = head.valueOf(NAME.cookie)
    const token = cookie === undefined ? undefined : accessToken(cookie)
    if (token !== undefined) this.#rememberText(at, token)
  }

  /**
   * An answer to a module: X-Okapi-Token of `/authn/login`, cookies of `/authn/login-with-expiry`.
   * Bodies are not read: the tokens in them (`/token`, `/token/sign`) are passed to browsers, not
   * sent to Okapi. Tokens in a module's own answers are not remembered: otherwise a module that may
   * answer with tokens could make any token its own.
   */
  answers({ listener, caller, decision }: RequestContext, head: Head): void {
    if (listener.tokens !== 'judged' || caller.kind !== 'module') return
    if (!head.has(NAME.token) && !head.has(NAME.setCookie)) return
    const provider = decision?.allow === true ? decision.provider : null
    if (provider !== null && productOf(provider) === productOf(caller.id)) return
    for (let line = 0; line < head.count; line++) {
      if (head.ids[line] === NAME.token) {
        this.#remember(caller.id, head.bytes, head.valueStart[line]!, head.valueEnd[line]!)
      } else if (head.ids[line] === NAME.setCookie) {
        const token = setAccessToken(head.value(line))
        if (token !== undefined) this.#rememberText(caller.id, token)
      }
    }
  }

  #isKnown(
    caller: string,
    sources: readonly string[],
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    if (end - start > MOST_TOKEN_BYTES) return false
    const { seen, clock } = this.#options
    const hash = this.#hasher.hash(bytes, start, end)
    if (seen.knows(caller, hash, clock.now)) return true
    for (const id of sources) if (seen.knows(id, hash, clock.now)) return true
    return false
  }

  #remember(moduleId: string, bytes: Buffer, start: number, end: number): void {
    if (start === end || end - start > MOST_TOKEN_BYTES) return
    const { seen, clock } = this.#options
    seen.remember(moduleId, this.#hasher.hash(bytes, start, end), clock.now)
  }

  #rememberText(moduleId: string, token: string): void {
    const bytes = Buffer.from(token, 'latin1')
    this.#remember(moduleId, bytes, 0, bytes.length)
  }

  #refuse(context: RequestContext, caller: string): Refusal | null {
    const { lifeMs, mode, seen } = this.#options
    seen.missed()
    const because = `${caller} may not send this token: Okapi has not sent it to ${caller} within ${timeText(lifeMs)}, nor did it come in an answer`
    const opens = 'tokens: [MODULE] (whose tokens it gets by another way)'
    const wouldAllow = `a token that Okapi sent to it; or ${proposedGrant(caller, 'okapi', opens)}`
    const refusal = refuse('token-not-seen-here', because, { wouldAllow })
    return context.found(refusal, this.graceMs === 0 ? mode : 'report')
  }
}

/** Where the token begins in the value of Authorization, as Okapi reads it (TokenHeader.check). */
function afterBearer(bytes: Buffer, start: number, end: number): number {
  const from = start + BEARER.length
  if (from > end || bytes.compare(BEARER, 0, BEARER.length, start, from) !== 0) return start
  let at = from
  while (at < end && bytes[at]! <= 0x20) at++
  return at
}

/** `24 h`, `90 min`: lifetimes are whole minutes. */
function timeText(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`
}
