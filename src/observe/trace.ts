/** A W3C trace context as `traceparent` carries it; lower-case hex. */
export interface Trace {
  /** 32 digits. */
  readonly traceId: string
  /** 16 digits: the caller's span. */
  readonly parentId: string
  /** Two digits; 01 is `sampled`. */
  readonly flags: string
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/**
 * Reads a `traceparent` (W3C Trace Context section 3.2), or undefined where the trace has to be begun
 * anew: version ff, ids of zeros, upper case, or version 00 with something after it. What follows in
 * a later version is left unread.
 */
export function parseTraceparent(value: string): Trace | undefined {
  // 55 characters in version 00; a later version may carry more, but no more than a header should.
  if (value.length < 55 || value.length > 512) return undefined
  const [, version, traceId, parentId, flags, more] = TRACEPARENT.exec(value) ?? []
  if (traceId === undefined || parentId === undefined || flags === undefined) return undefined
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined
  return { traceId, parentId, flags }
}

/**
 * Begins a trace from 24 random bytes in hex (48 digits). `sampled` is set, because that is what the
 * first module would have decided by itself with OpenTelemetry's default.
 */
export function beginTrace(randomHex: string): Trace {
  if (!/^[0-9a-f]{48}$/.test(randomHex)) throw new TypeError('48 hex digits are needed')
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
