import type { Reason } from '../refusal/reasons.ts'
import { ascii, JsonLine } from './json-line.ts'
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
  /** Id of the interface that the route stands in. */
  readonly interface: string
  /** The module that answers, or may: `mod-users-19.7.0`. */
  readonly provider: string
  /** 0: the caller went away before there was one. */
  readonly status: number
  readonly reason: Reason | ''
  /** The full sentence of a refusal. */
  readonly because: string
  /** Which rule allowed or refused it. */
  readonly rule: string
  /** In report mode: why enforcing would have refused it. */
  readonly wouldDeny: Reason | ''
  /** `low` or `high`: the interface is one whose use is to be seen; '' for all others. */
  readonly audit: 'low' | 'high' | ''
  /** With `audit`: the user that the token names, read and not verified. */
  readonly userId: string
  /** The identity that the upstream proved, or its address where it proves none. */
  readonly upstream: string
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

  /** Adds one line; the record may be used again at once. */
  write(record: AccessRecord): void {
    writeLine(this.#lines, record)
    if (this.#lines.length >= BATCH_BYTES) this.flush()
  }

  /** Hands over what has come together. */
  flush(): void {
    if (this.#lines.length > 0) this.#sink.write(this.#lines.take())
  }
}

/** One line of JSON, ASCII only, ending in a line feed; the head is as pino writes it. */
export function accessLine(record: AccessRecord): string {
  const line = new JsonLine(1024)
  writeLine(line, record)
  return line.take()
}

const BEGIN = ascii('{"level":"info","time":"')
const MESSAGE = ascii('Z","msg":"exchange"')
const END = ascii('}\n')
/** Each field's name as it stands in the line. */
const NAME = {
  direction: ascii(',"direction":'),
  caller: ascii(',"caller":'),
  peer: ascii(',"peer":'),
  at: ascii(',"at":'),
  method: ascii(',"method":'),
  route: ascii(',"route":'),
  interface: ascii(',"interface":'),
  provider: ascii(',"provider":'),
  status: ascii(',"status":'),
  reason: ascii(',"reason":'),
  because: ascii(',"because":'),
  rule: ascii(',"rule":'),
  wouldDeny: ascii(',"wouldDeny":'),
  audit: ascii(',"audit":'),
  userId: ascii(',"userId":'),
  upstream: ascii(',"upstream":'),
  tenant: ascii(',"tenant":'),
  requestId: ascii(',"requestId":'),
  traceId: ascii(',"traceId":'),
  bytesIn: ascii(',"bytesIn":'),
  bytesOut: ascii(',"bytesOut":'),
  judgeMicros: ascii(',"judgeMicros":'),
  connectMs: ascii(',"connectMs":'),
  firstByteMs: ascii(',"firstByteMs":'),
  totalMs: ascii(',"totalMs":'),
} as const

function writeLine(line: JsonLine, record: AccessRecord): void {
  line.plain(BEGIN)
  time(line, record.timeMs)
  line.plain(MESSAGE)
  line.text(NAME.direction, record.direction)
  line.text(NAME.caller, record.caller)
  line.text(NAME.peer, record.peer)
  line.text(NAME.at, record.at)
  line.textOfCaller(NAME.method, record.method)
  line.text(NAME.route, record.route)
  line.text(NAME.interface, record.interface)
  line.text(NAME.provider, record.provider)
  line.whole(NAME.status, record.status)
  line.text(NAME.reason, record.reason)
  line.textOfCaller(NAME.because, record.because)
  line.text(NAME.rule, record.rule)
  line.text(NAME.wouldDeny, record.wouldDeny)
  line.text(NAME.audit, record.audit)
  line.textOfCaller(NAME.userId, record.userId)
  line.text(NAME.upstream, record.upstream)
  line.textOfCaller(NAME.tenant, record.tenant)
  line.textOfCaller(NAME.requestId, record.requestId)
  line.text(NAME.traceId, record.traceId)
  if (record.bytesIn >= 0) line.whole(NAME.bytesIn, record.bytesIn)
  if (record.bytesOut >= 0) line.whole(NAME.bytesOut, record.bytesOut)
  if (record.judgeMicros >= 0) line.thousandths(NAME.judgeMicros, record.judgeMicros)
  if (record.connectMs >= 0) line.thousandths(NAME.connectMs, record.connectMs)
  if (record.firstByteMs >= 0) line.thousandths(NAME.firstByteMs, record.firstByteMs)
  if (record.totalMs >= 0) line.thousandths(NAME.totalMs, record.totalMs)
  line.plain(END)
}

let second = Number.NaN
let upToSecond = ascii('')

/** ISO 8601 in UTC with milliseconds; the part up to the second is made once a second. */
function time(line: JsonLine, timeMs: number): void {
  const at = Math.floor(timeMs / 1000)
  if (at !== second) {
    // 8.64e15 ms is the last instant that a Date can hold.
    const known = Math.abs(timeMs) <= 8.64e15 ? timeMs : 0
    upToSecond = ascii(new Date(known).toISOString().slice(0, -4))
    second = at
  }
  line.plain(upToSecond)
  const ms = Math.floor(timeMs) - at * 1000
  line.threeDigits(ms >= 0 && ms < 1000 ? ms : 0)
}
