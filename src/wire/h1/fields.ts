import {
  ascii,
  COLON,
  COMMA,
  CR,
  HTAB,
  hashOf,
  isWord,
  LF,
  SP,
  sameFolded,
  TOKEN,
  VALUE,
} from '../bytes.ts'
import { FLAW } from '../flaws.ts'
import { FRAMING, type Head, LINE, MOST_LINES } from '../head.ts'
import { ALIAS, ID, type NameTable } from '../names.ts'

const CHUNKED = ascii('chunked')
const CLOSE = ascii('close')
const KEEP_ALIVE = ascii('keep-alive')
/** Each is compared with every line; two or three are ordinary. */
const MOST_OPTIONS = 64

/**
 * Reads the field lines from `i` up to the empty line (RFC 9112 section 5) into `head`.
 *
 * @returns the position behind the empty line, 0 when it is not there yet, or a FLAW
 */
export function parseFields(
  head: Head,
  names: NameTable,
  i: number,
  end: number,
  most: number,
): number {
  const { bytes } = head
  let hops = false
  for (;;) {
    if (i >= end) return 0
    if (bytes[i] === CR) break
    const nameStart = i
    while (i < end && TOKEN[bytes[i]!] === 1) i++
    if (i >= end) return 0
    if (bytes[i] !== COLON || i === nameStart) return bytes[i] === LF ? FLAW.lineEnd : FLAW.name
    const nameEnd = i++
    while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++
    const valueStart = i
    while (i < end && VALUE[bytes[i]!] === 1) i++
    if (i >= end) return 0
    if (bytes[i] !== CR) {
      if (bytes[i] === LF) return FLAW.lineEnd
      return atFault(head, FLAW.value, nameStart, nameEnd)
    }
    if (i + 1 >= end) return 0
    if (bytes[i + 1] !== LF) return FLAW.lineEnd
    let valueEnd = i
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--
    i += 2
    if (head.count >= most || head.count === MOST_LINES) return FLAW.tooManyLines

    const line = head.count++
    head.nameStart[line] = nameStart
    head.nameEnd[line] = nameEnd
    head.valueStart[line] = valueStart
    head.valueEnd[line] = valueEnd
    const flaw = classify(head, names, line)
    if (flaw !== 0) return atFault(head, flaw, nameStart, nameEnd)
    if (head.ids[line] === ID.connection) hops = true
  }
  if (i + 1 >= end) return 0
  if (bytes[i + 1] !== LF) return FLAW.lineEnd
  head.end = i + 2
  if (hops) {
    const flaw = connections(head, names)
    if (flaw !== 0) return flaw
  }
  return head.end
}

/** Remembers the field name in [start, end) for the refusal's sentence. */
function atFault(head: Head, flaw: number, start: number, end: number): number {
  head.atFault = head.bytes.toString('latin1', start, end)
  return flaw
}

/** What the name means to wire, and whether it may occur again. */
function classify(head: Head, names: NameTable, line: number): number {
  const { bytes } = head
  const start = head.nameStart[line]!
  const end = head.nameEnd[line]!
  const id = names.find(bytes, start, end)
  if (id === ALIAS) return FLAW.alias
  head.ids[line] = id
  head.action[line] = LINE.open
  const first = id === ID.other || head.context(id, line)
  if (names.once && names.isPrefix) head.hashes[line] = hashOf(bytes, start, end)
  if (names.once && !first && (!names.isPrefix || stoodBefore(head, line))) return FLAW.twice
  return id === ID.other || id > ID.keepAlive ? 0 : own(head, line, id)
}

function own(head: Head, line: number, id: number): number {
  const { bytes } = head
  const start = head.valueStart[line]!
  const end = head.valueEnd[line]!
  switch (id) {
    case ID.contentLength:
      head.action[line] = LINE.framing
      return isBare(head, line) ? contentLength(head, start, end) : FLAW.length
    case ID.transferEncoding:
      head.action[line] = LINE.framing
      if (!isBare(head, line) || !isWord(bytes, start, end, CHUNKED)) return FLAW.coding
      head.framing = FRAMING.chunked
      return 0
    case ID.expect:
      head.expects = true
      return 0
    case ID.keepAlive:
      head.action[line] = LINE.hop
      head.keepAliveSeconds = timeoutSeconds(head.value(line))
      return 0
    case ID.connection:
    case ID.hop:
      head.action[line] = LINE.hop
      return 0
    default:
      return 0
  }
}

/**
 * Is there only leading blank space around the value of this line? The line is forwarded unchanged,
 * and not every reader strips what RFC 9110 section 5.6.3 allows: for llhttp `chunked` followed by
 * a TAB is another coding.
 */
function isBare(head: Head, line: number): boolean {
  const { bytes } = head
  const start = head.valueStart[line]!
  for (let i = head.nameEnd[line]! + 1; i < start; i++) if (bytes[i] === HTAB) return false
  return bytes[head.valueEnd[line]!] === CR
}

/**
 * 1 to 15 digits, no sign, no leading zero: every reader understands it in the same way (RFC 9110
 * section 8.6).
 */
function contentLength(head: Head, start: number, end: number): number {
  if (end - start < 1 || end - start > 15) return FLAW.length
  if (end - start > 1 && head.bytes[start] === 0x30) return FLAW.length
  let length = 0
  for (let i = start; i < end; i++) {
    const digit = head.bytes[i]! - 0x30
    if (digit < 0 || digit > 9) return FLAW.length
    length = length * 10 + digit
  }
  head.contentLength = length
  if (head.framing === FRAMING.none) head.framing = FRAMING.length
  return 0
}

/** Under a prefix two lines of different names are ordinary, two of the same name are not. */
function stoodBefore(head: Head, line: number): boolean {
  const id = head.ids[line]
  const start = head.nameStart[line]!
  const end = head.nameEnd[line]!
  for (let before = head.find(id!); before < line; before++) {
    if (head.ids[before] !== id || head.hashes[before] !== head.hashes[line]) continue
    const [s, e] = [head.nameStart[before]!, head.nameEnd[before]!]
    if (sameFolded(head.bytes, start, end, s, e)) return true
  }
  return false
}

/** What Connection names ends here too (RFC 9110 section 7.6.1), unless it must reach its end. */
function connections(head: Head, names: NameTable): number {
  const { bytes } = head
  let options = 0
  for (let line = 0; line < head.count; line++) {
    if (head.ids[line] !== ID.connection) continue
    let i = head.valueStart[line]!
    const end = head.valueEnd[line]!
    while (i < end) {
      while (i < end && (bytes[i] === COMMA || isBlank(bytes[i]!))) i++
      const start = i
      while (i < end && bytes[i] !== COMMA) i++
      let stop = i
      while (stop > start && isBlank(bytes[stop - 1]!)) stop--
      if (stop === start) continue
      if (++options > MOST_OPTIONS) return FLAW.options
      const flaw = connectionOption(head, names, start, stop)
      if (flaw !== 0) return flaw
    }
  }
  return 0
}

function connectionOption(head: Head, names: NameTable, start: number, end: number): number {
  const { bytes } = head
  if (isWord(bytes, start, end, CLOSE)) {
    head.keepAlive = false
    head.closeAsked = true
    return 0
  }
  if (isWord(bytes, start, end, KEEP_ALIVE)) {
    if (!head.closeAsked) head.keepAlive = true
    return 0
  }
  if (names.find(bytes, start, end) === ALIAS || names.guarded) {
    return atFault(head, FLAW.connection, start, end)
  }
  for (let line = 0; line < head.count; line++) {
    const [s, e] = [head.nameStart[line]!, head.nameEnd[line]!]
    if (sameFolded(bytes, start, end, s, e)) head.endHere(line)
  }
  return 0
}

function timeoutSeconds(value: string): number {
  const match = /(?:^|,)\s*timeout=(\d{1,6})\s*(?:,|$)/i.exec(value)
  return match === null ? -1 : Number(match[1])
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB
}
