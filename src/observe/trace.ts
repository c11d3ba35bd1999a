/** A W3C trace context as `traceparent` carries it; lower-case hex. */
export interface Trace {
  /** 32 digits. */
  readonly traceId: string
  /** 16 digits: the caller's span. */
  readonly parentId: string
  /** Two digits; 01 is `sampled`. */
  readonly flags: string
}

/** `00-` trace id `-` parent id `-` flags: where each part begins and ends in version 00. */
const TRACE_ID = { start: 3, end: 35 } as const
const PARENT_ID = { start: 36, end: 52 } as const
const FLAGS = { start: 53, end: 55 } as const
/** A later version may carry more, but no more than a header should. */
const LONGEST = 512
const VERSION_00 = 0x3030
const VERSION_FF = 0x6666

/** Reads a `traceparent` that may be passed on; undefined where the trace has to be begun anew. */
export function parseTraceparent(value: string): Trace | undefined {
  const bytes = Buffer.from(value)
  if (!isTraceparent(bytes, 0, bytes.length)) return undefined
  return {
    traceId: value.slice(TRACE_ID.start, TRACE_ID.end),
    parentId: value.slice(PARENT_ID.start, PARENT_ID.end),
    flags: value.slice(FLAGS.start, FLAGS.end),
  }
}

/**
 * May the `traceparent` in [start, end) be passed on (W3C Trace Context section 3.2)? Not with version
 * ff, ids of zeros, upper case, or version 00 and something after it. What follows in a later version
 * is left unread. Every request comes by here.
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

/**
 * Begins a trace from 24 random bytes in hex (48 digits). `sampled` is set, because that is what the
 * first module would have decided by itself with OpenTelemetry's default.
 */
export function beginTrace(randomHex: string): Trace {
  if (randomHex.length !== 48) throw new TypeError('48 hex digits are needed')
  return {
    traceId: notZero(randomHex.slice(0, 32)),
    parentId: notZero(randomHex.slice(32)),
    flags: '01',
  }
}

/** The header's value, version 00. */
export function formatTraceparent({ traceId, parentId, flags }: Trace): string {
  return `00-${traceId}-${parentId}-${flags}`
}

/** An id of zeros is invalid (section 3.2.2.3). */
function notZero(id: string): string {
  return /^0+$/.test(id) ? `${id.slice(1)}1` : id
}

/** Lower-case digits, and where they are an id (more than two) not all of them zero. */
function isHex(bytes: Uint8Array, offset: number, start: number, end: number): boolean {
  let seen = 0
  for (let i = offset + start; i < offset + end; i++) {
    const byte = bytes[i]!
    if (byte < 0x30 || (byte > 0x39 && byte < 0x61) || byte > 0x66) return false
    seen |= byte & 0x4f
  }
  return seen !== 0 || end - start === 2
}

function isDash(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x2d
}
