/** `00-` trace id `-` parent id `-` flags: where each part begins and ends in version 00. */
const TRACE_ID = { start: 3, end: 35 } as const
const PARENT_ID = { start: 36, end: 52 } as const
const FLAGS = { start: 53, end: 55 } as const
/** A later version may carry more, but no more than a header should. */
const LONGEST = 512
const VERSION_00 = 0x3030
const VERSION_FF = 0x6666

/**
 * May the `traceparent` in [start, end) be passed on (W3C Trace Context section 3.2)? Not with
 * version ff, ids of zeros, upper case, or version 00 and something after it. What follows in a
 * later version is ignored. Every request passes here.
 */
export function isTraceparent(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start
  if (length < FLAGS.end || length > LONGEST) return false
  if (!isHex(bytes, start, 0, 2) || !isDash(bytes, start + 2)) return false
  if (!isHex(bytes, start, TRACE_ID.start, TRACE_ID.end)) return false
  if (!isDash(bytes, start + TRACE_ID.end)) return false
  if (!isHex(bytes, start, PARENT_ID.start, PARENT_ID.end)) return false
  if (!isDash(bytes, start + PARENT_ID.end)) return false
  if (!isHex(bytes, start, FLAGS.start, FLAGS.end)) return false
  const version = bytes[start]! * 256 + bytes[start + 1]!
  if (version === VERSION_FF) return false
  return length === FLAGS.end || (version !== VERSION_00 && isDash(bytes, start + FLAGS.end))
}

/** The trace id of what `isTraceparent` allows. */
export function traceIdIn(bytes: Buffer, start: number): string {
  return bytes.toString('latin1', start + TRACE_ID.start, start + TRACE_ID.end)
}

const NAME = 'traceparent: '
/** `sampled`, because that is what the first module would have decided with OpenTelemetry's default. */
const LINE = Buffer.from(`${NAME}00-${'0'.repeat(32)}-${'0'.repeat(16)}-01\r\n`)
const DIGITS = Buffer.from('0123456789abcdef')

/** Where `traceIdIn` finds the value in the line of `beginTrace`. */
export const VALUE_AT = NAME.length
/** Random bytes that a trace takes. */
export const RANDOM_BYTES = 24

/** The header's line, version 00, of a trace that begins with these bytes; valid until the next. */
export function beginTrace(random: Uint8Array, at: number): Buffer {
  const traceEnd = at + 16
  writeId(random, at, traceEnd, VALUE_AT + TRACE_ID.start)
  writeId(random, traceEnd, at + RANDOM_BYTES, VALUE_AT + PARENT_ID.start)
  return LINE
}

/** An id of zeros is invalid (section 3.2.2.3). */
function writeId(random: Uint8Array, start: number, end: number, to: number): void {
  let seen = 0
  let last = to
  for (let i = start; i < end; i++) {
    const byte = random[i]!
    seen |= byte
    LINE[last++] = DIGITS[byte >> 4]!
    LINE[last++] = DIGITS[byte & 15]!
  }
  if (seen === 0) LINE[last - 1] = DIGITS[1]!
}

/** 1 for the digit zero, 2 for every other one, 0 for what is no lower-case digit. */
const DIGIT = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x30) return 1
  return /[1-9a-f]/.test(String.fromCharCode(byte)) ? 2 : 0
})

/** Lower-case digits, and where they are an id (more than two) not all of them zero. */
function isHex(bytes: Uint8Array, offset: number, start: number, end: number): boolean {
  let seen = 0
  for (let i = offset + start; i < offset + end; i++) {
    const digit = DIGIT[bytes[i]!]!
    if (digit === 0) return false
    seen |= digit
  }
  return (seen & 2) !== 0 || end - start === 2
}

function isDash(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x2d
}
