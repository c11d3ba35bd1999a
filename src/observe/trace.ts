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

/**
 * Reads a `traceparent` (W3C Trace Context section 3.2), or undefined where the trace has to be begun
 * anew: version ff, ids of zeros, upper case, or version 00 with something after it. What follows in
 * a later version is left unread. Every request comes by here, so it is read without a RegExp.
 */
export function parseTraceparent(value: string): Trace | undefined {
  if (value.length < FLAGS.end || value.length > LONGEST) return undefined
  if (!isHex(value, 0, 2) || !isDash(value, 2) || !isId(value, TRACE_ID)) return undefined
  if (!isDash(value, 35) || !isId(value, PARENT_ID)) return undefined
  if (!isDash(value, 52) || !isHex(value, FLAGS.start, FLAGS.end)) return undefined
  if (value.startsWith('ff')) return undefined
  if (value.length > FLAGS.end && (value.startsWith('00') || !isDash(value, FLAGS.end))) {
    return undefined
  }
  return {
    traceId: value.slice(TRACE_ID.start, TRACE_ID.end),
    parentId: value.slice(PARENT_ID.start, PARENT_ID.end),
    flags: value.slice(FLAGS.start, FLAGS.end),
  }
}

/**
 * Begins a trace from 24 random bytes in hex (48 digits). `sampled` is set, because that is what the
 * first module would have decided by itself with OpenTelemetry's default.
 */
export function beginTrace(randomHex: string): Trace {
  if (randomHex.length !== 48 || !isHex(randomHex, 0, 48)) {
    throw new TypeError('48 hex digits are needed')
  }
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
  return isZero(id, 0, id.length) ? `${id.slice(1)}1` : id
}

function isId(value: string, { start, end }: { start: number; end: number }): boolean {
  return isHex(value, start, end) && !isZero(value, start, end)
}

/** Lower case only. */
function isHex(value: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = value.charCodeAt(i)
    if (code < 0x30 || (code > 0x39 && code < 0x61) || code > 0x66) return false
  }
  return true
}

function isZero(value: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (value.charCodeAt(i) !== 0x30) return false
  return true
}

function isDash(value: string, at: number): boolean {
  return value.charCodeAt(at) === 0x2d
}
