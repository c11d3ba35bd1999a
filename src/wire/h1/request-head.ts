import { ascii, CR, LF, SP, TOKEN, VISIBLE } from '../bytes.ts'
import { FLAW } from '../flaws.ts'
import { FRAMING, type Head, type HeadLimits, SERVED_METHODS } from '../head.ts'
import { ID, type NameTable } from '../names.ts'
import { parseFields } from './fields.ts'

const HTTP = ascii('HTTP/')
const METHOD_BYTES = SERVED_METHODS.map(ascii)
const LONGEST_METHOD = Math.max(...SERVED_METHODS.map((method) => method.length))
/**
 * A byte that is not allowed in host[:port]: delimiters, white space, controls (RFC 3986 section
 * 3.2.2).
 */
const HOST_BYTE = Uint8Array.from({ length: 256 }, (_, byte) =>
  VISIBLE[byte] === 1 && !'/\\?#@<>"{}|^`,'.includes(String.fromCharCode(byte)) ? 1 : 0,
)

/**
 * Parses one request head, strictly (RFC 9112 sections 2, 3, 5): anything that two readers could
 * understand differently is refused, never repaired.
 *
 * @returns the position behind the head, 0 when more bytes are needed, or a FLAW (below 0)
 */
export function parseRequestHead(
  head: Head,
  bytes: Buffer,
  start: number,
  end: number,
  names: NameTable,
  limits: HeadLimits,
): number {
  head.begin(bytes, start)
  const lineEnd = requestLine(head, start, end)
  if (lineEnd === 0 && end - start > limits.requestLineBytes) return FLAW.lineTooLong
  if (lineEnd <= 0) return lineEnd
  if (lineEnd - start - 2 > limits.requestLineBytes) return FLAW.lineTooLong
  const headEnd = parseFields(head, names, lineEnd, end, limits.headerCount)
  if ((headEnd === 0 ? end : headEnd) - lineEnd > limits.headerBytes) return FLAW.headTooLong
  return headEnd <= 0 ? headEnd : whole(head, headEnd)
}

function requestLine(head: Head, start: number, end: number): number {
  const { bytes } = head
  let i = start
  while (i < end && TOKEN[bytes[i]!] === 1) i++
  if (i - start > LONGEST_METHOD) return FLAW.method
  if (i >= end) return 0
  if (bytes[i] !== SP || i === start) return FLAW.requestLine
  head.method = methodIndex(bytes, start, i)
  if (head.method === -1) return FLAW.method
  head.targetStart = ++i
  if (i >= end) return 0
  if (bytes[i] !== 0x2f) return bytes[i] === SP ? FLAW.requestLine : FLAW.targetForm
  head.pathEnd = -1
  for (; i < end && VISIBLE[bytes[i]!] === 1; i++) {
    if (bytes[i] === 0x3f && head.pathEnd === -1) head.pathEnd = i
  }
  if (i >= end) return 0
  head.targetEnd = i
  if (head.pathEnd === -1) head.pathEnd = i
  if (bytes[i] === CR || bytes[i] === LF) return FLAW.requestLine
  if (bytes[i] !== SP) return FLAW.targetByte
  return version(head, i + 1, end)
}

/**
 * `HTTP/1.1` or `HTTP/1.0` and CR LF from `i`; other well-formed versions get a status of their
 * own.
 */
function version(head: Head, i: number, end: number): number {
  const { bytes } = head
  for (let k = 0; k < HTTP.length; k++) {
    if (i + k >= end) return 0
    if (bytes[i + k] !== HTTP[k]) return FLAW.requestLine
  }
  i += HTTP.length
  if (i + 4 >= end) return 0
  const major = bytes[i]! - 0x30
  const minor = bytes[i + 2]! - 0x30
  if (bytes[i + 1] !== 0x2e || major < 0 || major > 9 || minor < 0 || minor > 9) {
    return FLAW.requestLine
  }
  if (bytes[i + 3] !== CR || bytes[i + 4] !== LF) return FLAW.lineEnd
  if (major !== 1 || minor > 1) return FLAW.version
  head.version = 10 + minor
  head.keepAlive = minor === 1
  return i + 5
}

/** Checks that are possible only when every line is known. */
function whole(head: Head, headEnd: number): number {
  const host = head.find(ID.host)
  if (host === -1) {
    if (head.version === 11) return FLAW.noHost
  } else {
    for (let i = head.valueStart[host]!; i < head.valueEnd[host]!; i++) {
      if (HOST_BYTE[head.bytes[i]!] === 0) return FLAW.host
    }
  }
  if (head.framing === FRAMING.chunked) {
    if (head.has(ID.contentLength)) return FLAW.lengthAndCoding
    if (head.version === 10) return FLAW.codingIn10
  }
  return headEnd
}

function methodIndex(bytes: Uint8Array, start: number, end: number): number {
  for (let k = 0; k < METHOD_BYTES.length; k++) {
    const method = METHOD_BYTES[k]!
    if (end - start === method.length && same(bytes, start, method)) return k
  }
  return -1
}

function same(bytes: Uint8Array, start: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word[i]) return false
  return true
}
