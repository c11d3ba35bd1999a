import { FLOODED } from '../refusal/record-overhead.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { WireLimits } from './face.ts'

/** Placeholder in a sentence for the field at fault, whose name is in the head. */
const FIELD = '{field}'
/** A name that is longer is cut: a sentence stands in one line of a log. */
/** An upstream that sends more 1xx heads than this for one request is broken. */
const MOST_INTERIM = 16
const MOST_NAME = 64

/**
 * Errors that the strict parsers find. A parser returns the negative index, so that the hot path
 * handles integers.
 */
const LIST = {
  requestLine: refuse('malformed-request', 'the request line is not METHOD SP TARGET SP VERSION'),
  method: refuse('malformed-request', 'the method is not one of those that are served'),
  targetForm: refuse('ambiguous-target', 'the request target does not begin with /'),
  targetByte: refuse(
    'ambiguous-target',
    'the request target holds a byte that is not visible ASCII',
    { wouldAllow: 'the byte written with %: an ä of UTF-8 is %C3%A4' },
  ),
  version: refuse('version-not-supported', 'the version is neither HTTP/1.1 nor HTTP/1.0'),
  lineEnd: refuse('ambiguous-header', 'a line does not end with CR LF'),
  name: refuse(
    'ambiguous-header',
    'a field name is empty, has white space before its colon, is folded, or is not a token',
  ),
  value: refuse('ambiguous-header', `the value of ${FIELD} holds a control character`),
  twice: refuse('ambiguous-header', `${FIELD} occurs twice, but may occur only once`),
  alias: refuse('ambiguous-header', `${FIELD} reads like a guarded name: _ for -`),
  length: refuse('ambiguous-header', 'Content-Length is not 1 to 15 digits'),
  coding: refuse('ambiguous-header', 'Transfer-Encoding is not exactly "chunked"'),
  lengthAndCoding: refuse(
    'ambiguous-header',
    'Content-Length and Transfer-Encoding occur together',
  ),
  codingIn10: refuse('ambiguous-header', 'Transfer-Encoding occurs in an HTTP/1.0 message'),
  connection: refuse('ambiguous-header', `Connection names ${FIELD}, which must reach its end`),
  options: refuse('ambiguous-header', 'Connection has more than 64 options'),
  noHost: refuse('malformed-request', 'an HTTP/1.1 request has no Host'),
  host: refuse('malformed-request', 'Host is not host[:port]'),
  lineTooLong: refuse('too-large', 'the request line is longer than limits.requestLineBytes', {
    status: 414,
    limit: 'requestLineBytes',
  }),
  headTooLong: refuse('too-large', 'the head is longer than limits.headerBytes', {
    limit: 'headerBytes',
  }),
  tooManyLines: refuse('too-large', 'the head has more lines than limits.headerCount', {
    limit: 'headerCount',
  }),
  chunk: refuse('malformed-request', 'the chunked body is broken'),
  status: refuse('upstream-malformed', 'the status line is not VERSION SP 3DIGIT SP REASON'),
} as const

/** The caller does not read its answer. */
export const UNREAD = refuse(
  'timeout',
  'the caller read nothing of its answer for limits.callerReadIdleMs',
  { limit: 'callerReadIdleMs' },
)

/** The caller has ended its side, and it is unknown whether it still reads. */
export const PERHAPS_GONE = refuse(
  'timeout',
  'the caller had ended its side, and for limits.halfCloseMs there was nothing to send to it',
  { limit: 'halfCloseMs' },
)

/** A name from the list. */
export type WireFlaw = keyof typeof LIST

const NAMES = Object.keys(LIST) as readonly WireFlaw[]

/** Each flaw as the negative number that a parser returns. */
export const FLAW = Object.fromEntries(NAMES.map((name, i) => [name, -1 - i])) as Readonly<
  Record<WireFlaw, number>
>

/**
 * The refusal of a request whose parser answered `code` (below 0).
 * @param field the name of the field at fault, where there is one
 */
export function requestRefusal(code: number, field = ''): Refusal {
  const refusal: Refusal = LIST[NAMES[-1 - code]!]
  return { ...refusal, because: named(refusal.because, field) }
}

/** The refusal when it was the upstream that sent it: always 502, saying who sent what. */
export function responseRefusal(code: number, upstream: string, field = ''): Refusal {
  return malformed(upstream, named(LIST[NAMES[-1 - code]!].because, field))
}

/** `what` is wrong with an answer. */
export function malformed(upstream: string, what: string): Refusal {
  return refuse('upstream-malformed', `the answer of ${upstream}: ${what}`)
}

/** What is wrong with the `count`th interim (1xx) answer to one request; null: nothing. */
export function interimFlaw(status: number, count: number): string | null {
  if (status === 101) return 'a 101 without an Upgrade request'
  return count > MOST_INTERIM ? 'too many 1xx answers' : null
}

/**
 * Is an interim answer for the caller? The 100 that it asked for is, and no other, though RFC 9110 section
 * 15.2 has proxies forward them: Vert.x takes every one that it does not know for the answer
 * (Http1xClientConnection, 4.5: 102 and 199), as Python's http.client does, and then the answer itself for
 * that of the next request.
 */
export function interimGoesOn(status: number, expects: boolean): boolean {
  return status === 100 && expects
}

/** Too much is buffered for all callers together, so some of it was dropped. */
export const NO_MEMORY: Refusal = refuse(
  'too-many',
  'limits.bufferedBytes are buffered for all callers, most of them for this one: it reads its answers, or its callee reads its requests, too slowly',
  { limit: 'bufferedBytes' },
)

/** The connection ended, before the answer or in the middle of it. */
export function closedEarly(upstream: string, inBody: boolean): Refusal {
  return refuse('upstream-unreachable', `${upstream} closed the connection ${moment(inBody)}`)
}

/** The connection broke: `code` says how. */
export function brokenOff(upstream: string, code: string, inBody: boolean): Refusal {
  const because = `the connection to ${upstream} broke ${moment(inBody)}: ${code}`
  return refuse('upstream-unreachable', because)
}

/** The other end of a link ended one exchange. */
export function givenUp(upstream: string, inBody: boolean): Refusal {
  return refuse('upstream-unreachable', `${upstream} gave the exchange up ${moment(inBody)}`)
}

/** The other end of a link takes no more exchanges for now, and has not looked at this one. */
export function linkFull(upstream: string): Refusal {
  const because = `${upstream} takes no more exchanges of this link for now: it has as many open as it may, or no CPU left (limits.turnMs there)`
  return refuse('overloaded', because)
}

/**
 * The upstream's answer has not begun, or has stalled, for this long (Okapi keeps an answer open
 * that a module has cut). @returns null: no limit is reached yet
 */
export function late(
  upstream: string,
  waitedMs: number,
  inBody: boolean,
  limits: Pick<WireLimits, 'responseHeadMs' | 'responseIdleMs'>,
): Refusal | null {
  const limit = inBody ? 'responseIdleMs' : 'responseHeadMs'
  if (limits[limit] === 0 || waitedMs < limits[limit]) return null
  const what = inBody ? 'nothing more of the answer' : 'no answer'
  return refuse('timeout-upstream', `${what} of ${upstream} within limits.${limit}`, { limit })
}

/** It has stopped reading the request, and need not answer before it has all of it. */
export function takesNothing(upstream: string): Refusal {
  const because = `${upstream} read nothing of the request for limits.calleeReadIdleMs`
  return refuse('timeout-upstream', because, { limit: 'calleeReadIdleMs' })
}

/** It sends TLS records without data. */
export function floods(upstream: string): Refusal {
  return refuse('upstream-malformed', `${upstream}: ${FLOODED.because}`, {
    limit: 'recordOverheadBytesPerSecond',
  })
}

function moment(inBody: boolean): string {
  return inBody ? 'in the middle of its answer' : 'without an answer'
}

/** Names are tokens (RFC 9110 section 5.6.2): nothing in them needs an escape. */
function named(because: string, field: string): string {
  const name = field.length > MOST_NAME ? `${field.slice(0, MOST_NAME)}...` : field
  return because.replace(FIELD, () => (name === '' ? 'a field' : `\`${name}\``))
}
