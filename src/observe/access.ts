import type { Reason } from '../refusal/reasons.ts'
import { jsonText, jsonTextOfCaller } from './json-text.ts'
import type { Direction } from './labels.ts'

/**
 * One exchange as the log tells it. Empty text and negative numbers are left out of the line. There
 * is no field for a path, a query, a header or a body, and none may be added: `route` is the pattern
 * of a descriptor.
 */
export interface AccessRecord {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly direction: Direction
  /** The proven identity as a person writes it: `mod-users-19.7.0`, `operator/anna`, `public`. */
  readonly caller: string
  /** Address of the connection. */
  readonly peer: string
  /** Whose ingress decides: `okapi-7.2.0`, or a module id. */
  readonly at: string
  readonly method: string
  readonly route: string
  /** 0: the caller went away before there was one. */
  readonly status: number
  readonly reason: Reason | ''
  /** The full sentence of a refusal. */
  readonly because: string
  /** Which rule allowed or refused it. */
  readonly rule: string
  /** In report mode: why enforcing would have refused it. */
  readonly wouldDeny: Reason | ''
  readonly tenant: string
  readonly requestId: string
  readonly traceId: string
  readonly bytesIn: number
  readonly bytesOut: number
  readonly judgeMicros: number
  readonly connectMs: number
  readonly firstByteMs: number
  readonly totalMs: number
}

/** Where lines go; pino's destination is one. */
export interface LineSink {
  write(lines: string): unknown
}

/** Lines are handed over at the latest when they are this long together. */
const BATCH_CHARS = 64 * 1024

/**
 * The access log: each exchange is serialized once and written in batches. The owner calls `flush`
 * about ten times a second, and at the end.
 */
export class AccessLog {
  readonly #sink: LineSink
  #lines = ''

  constructor(sink: LineSink) {
    this.#sink = sink
  }

  /** Adds one line; the record may be used again at once. */
  write(record: AccessRecord): void {
    this.#lines += accessLine(record)
    if (this.#lines.length >= BATCH_CHARS) this.flush()
  }

  /** Hands over what has come together. */
  flush(): void {
    if (this.#lines === '') return
    const lines = this.#lines
    this.#lines = ''
    this.#sink.write(lines)
  }
}

/** One line of JSON, ASCII only, ending in a line feed; the head is as pino writes it. */
export function accessLine(record: AccessRecord): string {
  let line = `{"level":"info","time":"${isoTime(record.timeMs)}","msg":"exchange","direction":"`
  line += `${record.direction}"`
  if (record.caller !== '') line += `,"caller":${jsonText(record.caller)}`
  if (record.peer !== '') line += `,"peer":${jsonText(record.peer)}`
  if (record.at !== '') line += `,"at":${jsonText(record.at)}`
  if (record.method !== '') line += `,"method":${jsonTextOfCaller(record.method)}`
  if (record.route !== '') line += `,"route":${jsonText(record.route)}`
  line += `,"status":${whole(record.status)}`
  if (record.reason !== '') line += `,"reason":"${record.reason}"`
  if (record.because !== '') line += `,"because":${jsonTextOfCaller(record.because)}`
  if (record.rule !== '') line += `,"rule":${jsonText(record.rule)}`
  if (record.wouldDeny !== '') line += `,"wouldDeny":"${record.wouldDeny}"`
  if (record.tenant !== '') line += `,"tenant":${jsonTextOfCaller(record.tenant)}`
  if (record.requestId !== '') line += `,"requestId":${jsonTextOfCaller(record.requestId)}`
  if (record.traceId !== '') line += `,"traceId":${jsonText(record.traceId)}`
  if (record.bytesIn >= 0) line += `,"bytesIn":${whole(record.bytesIn)}`
  if (record.bytesOut >= 0) line += `,"bytesOut":${whole(record.bytesOut)}`
  if (record.judgeMicros >= 0) line += `,"judgeMicros":${micros(record.judgeMicros)}`
  if (record.connectMs >= 0) line += `,"connectMs":${micros(record.connectMs)}`
  if (record.firstByteMs >= 0) line += `,"firstByteMs":${micros(record.firstByteMs)}`
  if (record.totalMs >= 0) line += `,"totalMs":${micros(record.totalMs)}`
  return `${line}}\n`
}

/** JSON has no NaN and no Infinity; such a number is a mistake of ours and reads as 0. */
function whole(value: number): number {
  return Number.isFinite(value) ? Math.trunc(value) : 0
}

/** To a thousandth: microseconds where the unit is milliseconds. */
function micros(value: number): number {
  return value < 1e12 ? Math.round(value * 1000) / 1000 : whole(value)
}

let second = Number.NaN
let upToSecond = ''

/** ISO 8601 in UTC with milliseconds; the part up to the second is made once a second. */
function isoTime(timeMs: number): string {
  const at = Math.floor(timeMs / 1000)
  if (at !== second) {
    // 8.64e15 ms is the last instant that a Date can hold.
    const known = Math.abs(timeMs) <= 8.64e15 ? timeMs : 0
    upToSecond = new Date(known).toISOString().slice(0, -4)
    second = at
  }
  const ms = Math.floor(timeMs) - at * 1000
  return `${upToSecond}${ms >= 0 && ms < 1000 ? String(ms).padStart(3, '0') : '000'}Z`
}
