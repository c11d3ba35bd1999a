import { type Refusal, refuse } from '../refusal/refusal.ts'

/**
 * What the strict parsers object to, each with its refusal made once. A parser answers with the
 * negative index, so that the hot path carries integers.
 */
const LIST = {
  requestLine: refuse('malformed-request', 'the request line is not METHOD SP TARGET SP VERSION'),
  method: refuse('malformed-request', 'the method is none of those that are served'),
  targetForm: refuse('ambiguous-target', 'the request target does not begin with /'),
  targetByte: refuse(
    'ambiguous-target',
    'the request target holds a byte that is no visible ASCII',
    { wouldAllow: 'the byte written with %: an ä of UTF-8 is %C3%A4' },
  ),
  version: refuse('version-not-supported', 'the version is neither HTTP/1.1 nor HTTP/1.0'),
  lineEnd: refuse('ambiguous-header', 'a line does not end with CR LF'),
  name: refuse(
    'ambiguous-header',
    'a field name is empty, has white space before its colon, is folded, or is no token',
  ),
  value: refuse('ambiguous-header', 'a field value holds a control character'),
  twice: refuse('ambiguous-header', 'a field that may stand once stands twice'),
  alias: refuse('ambiguous-header', 'a field name with _ reads like one that is guarded'),
  length: refuse('ambiguous-header', 'Content-Length is not 1 to 15 digits'),
  coding: refuse('ambiguous-header', 'Transfer-Encoding is not exactly `chunked`'),
  lengthAndCoding: refuse(
    'ambiguous-header',
    'Content-Length and Transfer-Encoding stand together',
  ),
  codingIn10: refuse('ambiguous-header', 'Transfer-Encoding stands in an HTTP/1.0 message'),
  connection: refuse('ambiguous-header', 'a Connection line names a field that must reach its end'),
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

/** The caller does not take its answer. */
export const UNREAD = refuse(
  'timeout',
  'the caller read nothing of its answer for limits.callerReadIdleMs',
  { limit: 'callerReadIdleMs' },
)

/** A name from the list. */
export type Flaw = keyof typeof LIST

const NAMES = Object.keys(LIST) as readonly Flaw[]

/** Each flaw as the negative number that a parser answers with. */
export const FLAW = Object.fromEntries(NAMES.map((name, i) => [name, -1 - i])) as Readonly<
  Record<Flaw, number>
>

/** The refusal of a request whose parser answered `code` (below 0). */
export function requestRefusal(code: number): Refusal {
  return LIST[NAMES[-1 - code]!]
}

/** The refusal when it was the upstream that sent it: always 502, saying what was wrong. */
export function responseRefusal(code: number): Refusal {
  return refuse('upstream-malformed', `the upstream’s answer: ${LIST[NAMES[-1 - code]!].because}`)
}
