import type { Reason } from '../refusal/reasons.ts'
import { asciiBytes, JsonLine } from './json-line.ts'
import type { Direction } from './labels.ts'

/** Whose exchange it was: the same for all of a connection. */
export interface Calling {
  readonly direction: Direction
  /** The proven identity as text: `mod-users-19.7.0`, `operator/anna`, `public`. */
  readonly caller: string
  /** Address of the connection. */
  readonly peer: string
}

/** What was asked for: the same for all exchanges that one rule allows. */
export interface Called {
  /** Whose ingress decides: `okapi-7.2.0`, or a module id. */
  readonly at: string
  readonly method: string
  /** The pattern of a descriptor: there is no field for a path, a query, a header or a body. */
  readonly route: string
  /** Id of the interface that the route stands in. */
  readonly interface: string
  /** The module that answers, or may: `mod-users-19.7.0`. */
  readonly provider: string
  /** Which rule allowed or refused it. */
  readonly rule: string
}

/** Serialized fields of a line: what many lines have in common is made once. */
export type EncodedFields = Uint8Array

/**
 * One exchange in the log. Empty text and negative numbers are left out of the line. No field for a
 * path, a query, a header or a body may be added.
 */
export interface AccessRecord {
  /** Milliseconds since 1970. */
  timeMs: number
  calling: EncodedFields
  called: EncodedFields
  /** The true caller of a call by Okapi: a name as in `caller`, `okapi` or `unknown`. */
  onBehalfOf: string
  /** 0: the caller disconnected before there was one. */
  status: number
  reason: Reason | ''
  /** The reason given by the sidecar that answered; its own line is in its own log. */
  refusedBeyond: Reason | ''
  /** The full sentence of a refusal. */
  because: string
  /** In report mode: why enforcing would have refused it. */
  wouldDeny: Reason | ''
  /**
   * `low` or `high`: the sensitivity of the interface, if its use should be visible; '' for all
   * others.
   */
  audit: 'low' | 'high' | ''
  /** With `audit`: the user that the token names, read and not verified. */
  userId: string
  /** The identity that the upstream proved, or its address where it proves none. */
  upstream: string
  tenant: string
  requestId: string
  traceId: string
  bytesIn: number
  bytesOut: number
  judgeMicros: number
  connectMs: number
  firstByteMs: number
  totalMs: number
}

/** Where lines go; pino's destination is one. Bytes are valid only during the call. */
export interface LineSink {
  write(lines: Uint8Array): unknown
}

/** Lines are passed on at the latest when they reach this length together. */
const BATCH_BYTES = 64 * 1024

/**
 * The access log: each exchange is serialized once and written in batches. The owner calls `flush`
 * about ten times a second, and at the end.
 */
export class AccessLog {
  readonly #sink: LineSink
  readonly #lines = new JsonLine(BATCH_BYTES)

  constructor(sink: LineSink) {
    this.#sink = sink
  }

  /** Adds one line of JSON, with the same beginning as pino's; the record may be reused at once. */
  write(record: AccessRecord): void {
    writeLine(this.#lines, record)
    if (this.#lines.length >= BATCH_BYTES) this.flush()
  }

  /** Hands over what has come together. */
  flush(): void {
    if (this.#lines.length > 0) this.#sink.write(this.#lines.take())
  }
}

const BEGIN = asciiBytes('{"level":"info","time":"')
const MESSAGE = asciiBytes('Z","msg":"exchange"')
const END = asciiBytes('}\n')
/** Each field's name as it stands in the line. */
const NAME = {
  direction: asciiBytes(',"direction":'),
  caller: asciiBytes(',"caller":'),
  peer: asciiBytes(',"peer":'),
  onBehalfOf: asciiBytes(',"onBehalfOf":'),
  at: asciiBytes(',"at":'),
  method: asciiBytes(',"method":'),
  route: asciiBytes(',"route":'),
  interface: asciiBytes(',"interface":'),
  provider: asciiBytes(',"provider":'),
  status: asciiBytes(',"status":'),
  reason: asciiBytes(',"reason":'),
  refusedBeyond: asciiBytes(',"refusedBeyond":'),
  because: asciiBytes(',"because":'),
  rule: asciiBytes(',"rule":'),
  wouldDeny: asciiBytes(',"wouldDeny":'),
  audit: asciiBytes(',"audit":'),
  userId: asciiBytes(',"userId":'),
  upstream: asciiBytes(',"upstream":'),
  tenant: asciiBytes(',"tenant":'),
  requestId: asciiBytes(',"requestId":'),
  traceId: asciiBytes(',"traceId":'),
  bytesIn: asciiBytes(',"bytesIn":'),
  bytesOut: asciiBytes(',"bytesOut":'),
  judgeMicros: asciiBytes(',"judgeMicros":'),
  connectMs: asciiBytes(',"connectMs":'),
  firstByteMs: asciiBytes(',"firstByteMs":'),
  totalMs: asciiBytes(',"totalMs":'),
} as const

/** The fields that say whose exchange it was. */
export function calling({ direction, caller, peer }: Calling): EncodedFields {
  const line = new JsonLine(256)
  line.text(NAME.direction, direction)
  line.text(NAME.caller, caller)
  line.text(NAME.peer, peer)
  return line.take()
}

/** The fields that say what was asked for. */
export function called(asked: Called): EncodedFields {
  const line = new JsonLine(256)
  line.text(NAME.at, asked.at)
  line.textOfCaller(NAME.method, asked.method)
  line.text(NAME.route, asked.route)
  line.text(NAME.interface, asked.interface)
  line.text(NAME.provider, asked.provider)
  line.text(NAME.rule, asked.rule)
  return line.take()
}

function writeLine(line: JsonLine, record: AccessRecord): void {
  line.plain(BEGIN)
  time(line, record.timeMs)
  line.plain(MESSAGE)
  line.span(record.calling)
  line.span(record.called)
  line.text(NAME.onBehalfOf, record.onBehalfOf)
  line.whole(NAME.status, record.status)
  line.text(NAME.reason, record.reason)
  line.text(NAME.refusedBeyond, record.refusedBeyond)
  line.textOfCaller(NAME.because, record.because)
  line.text(NAME.wouldDeny, record.wouldDeny)
  line.text(NAME.audit, record.audit)
  line.textOfCaller(NAME.userId, record.userId)
  line.text(NAME.upstream, record.upstream)
  line.textOfCaller(NAME.tenant, record.tenant)
  line.textOfCaller(NAME.requestId, record.requestId)
  line.text(NAME.traceId, record.traceId)
  if (record.bytesIn >= 0) line.whole(NAME.bytesIn, record.bytesIn)
  if (record.bytesOut >= 0) line.whole(NAME.bytesOut, record.bytesOut)
  if (record.judgeMicros >= 0)
    line.thousandths(NAME.judgeMicros, Math.round(record.judgeMicros * 1000))
  if (record.connectMs >= 0) line.thousandths(NAME.connectMs, Math.round(record.connectMs * 1000))
  if (record.firstByteMs >= 0)
    line.thousandths(NAME.firstByteMs, Math.round(record.firstByteMs * 1000))
  if (record.totalMs >= 0) line.thousandths(NAME.totalMs, Math.round(record.totalMs * 1000))
  line.plain(END)
}

let second = Number.NaN
let upToSecond = asciiBytes('')

/** ISO 8601 in UTC with milliseconds; the part up to the second is made once a second. */
function time(line: JsonLine, timeMs: number): void {
  const at = Math.floor(timeMs / 1000)
  if (at !== second) {
    // 8.64e15 ms is the last instant that a Date can hold.
    const known = Math.abs(timeMs) <= 8.64e15 ? timeMs : 0
    upToSecond = asciiBytes(new Date(known).toISOString().slice(0, -4))
    second = at
  }
  line.plain(upToSecond)
  const ms = Math.floor(timeMs) - at * 1000
  line.threeDigits(ms >= 0 && ms < 1000 ? ms : 0)
}
