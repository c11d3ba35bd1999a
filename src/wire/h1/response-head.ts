import { ascii, CR, LF, SP, VALUE } from '../bytes.ts'
import { FLAW } from '../flaws.ts'
import { FRAMING, type Head, type HeadLimits } from '../head.ts'
import { ID, type NameTable } from '../names.ts'
import { parseFields } from './fields.ts'

const HTTP_1 = ascii('HTTP/1.')

/**
 * Parses one response head, as strictly as a request's (RFC 9112 sections 4, 5, 6.3).
 *
 * @param toHead the request was HEAD: no body follows, whatever the fields say
 * @returns the position behind the head, 0 when more bytes are needed, or a FLAW (below 0)
 */
export function parseResponseHead(
  head: Head,
  bytes: Buffer,
  start: number,
  end: number,
  names: NameTable,
  limits: HeadLimits,
  toHead: boolean,
): number {
  head.begin(bytes, start)
  const lineEnd = statusLine(head, start, end)
  if (lineEnd === 0 && end - start > limits.requestLineBytes) return FLAW.headTooLong
  if (lineEnd <= 0) return lineEnd
  const headEnd = parseFields(head, names, lineEnd, end, limits.headerCount)
  if ((headEnd === 0 ? end : headEnd) - start > limits.headerBytes) return FLAW.headTooLong
  return headEnd <= 0 ? headEnd : whole(head, headEnd, toHead)
}

function statusLine(head: Head, start: number, end: number): number {
  const { bytes } = head
  for (let i = 0; i < HTTP_1.length; i++) {
    if (start + i >= end) return 0
    if (bytes[start + i] !== HTTP_1[i]) return FLAW.status
  }
  let i = start + HTTP_1.length
  if (i + 5 >= end) return 0
  const minor = bytes[i]! - 0x30
  if ((minor !== 0 && minor !== 1) || bytes[i + 1] !== SP) return FLAW.status
  head.version = 10 + minor
  head.keepAlive = minor === 1
  head.status = digits(bytes, i + 2)
  if (head.status < 100 || head.status > 599) return FLAW.status
  i += 5
  // RFC 9112 section 4: the blank is required even before an empty reason; many servers leave it
  // out.
  if (bytes[i] !== SP && bytes[i] !== CR) return FLAW.status
  while (i < end && VALUE[bytes[i]!] === 1) i++
  if (i + 1 >= end) return 0
  if (bytes[i] !== CR || bytes[i + 1] !== LF) return FLAW.status
  return i + 2
}

function whole(head: Head, headEnd: number, toHead: boolean): number {
  const { status } = head
  if (head.framing === FRAMING.chunked) {
    if (head.has(ID.contentLength)) return FLAW.lengthAndCoding
    if (head.version === 10) return FLAW.codingIn10
  }
  if (toHead || status === 204 || status === 304 || status < 200) head.framing = FRAMING.none
  else if (head.framing === FRAMING.none) head.framing = FRAMING.untilClose
  return headEnd
}

function digits(bytes: Uint8Array, i: number): number {
  let number = 0
  for (let k = 0; k < 3; k++) {
    const digit = bytes[i + k]! - 0x30
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number
}
