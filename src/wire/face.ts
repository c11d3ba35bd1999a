import type { Socket } from 'node:net'
import type { Limit } from '../refusal/limits.ts'
import type { Underlying } from '../refusal/record-overhead.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { SpanSink } from './h1/chunks.ts'
import type { Head, HeadLimits } from './head.ts'
import type { Composed, HeadWriter } from './head-writer.ts'
import type { NameTable } from './names.ts'

/**
 * What the layers above decide about one exchange, an `Exchange` (`RequestHandler` there names it).
 * Plain functions over a reused Exchange; a head is valid only during the call.
 */
export interface HandlerOf<X> {
  /**
   * The request's head is complete: judge it, write the head to forward into `out`, and return the
   * destination.
   */
  begin(x: X, head: Head, out: HeadWriter): UpstreamOf<X> | Refusal
  /**
   * A response's head, final or interim (1xx), is complete: write what the caller gets into `out`,
   * without the empty line. `hang-up` closes the caller's connection without an answer.
   */
  answer(x: X, head: Head, out: HeadWriter): Refusal | 'hang-up' | null
  /** The complete response for a refusal; null closes the connection without an answer. */
  refusal(x: X, refusal: Refusal, close: boolean): Buffer | null
  /** Called exactly once for every exchange that began, however it ended. */
  end(x: X): void
  /**
   * Is a request refused before it is parsed? Asked for requests that arrive over a link without a
   * body; `x` is an exchange of its caller that has not begun. Absent: never.
   */
  refusesUnread?(x: X, head: Buffer, start: number): boolean
}

/** The destination of a route: a pool of HTTP/1.1 connections, or something that answers itself. */
export interface UpstreamOf<X> {
  /**
   * Starts the exchange: calls `x.connected()` at once, or later (until then `x.upstream` is a
   * blocked placeholder), or `x.fail()`.
   * @param head the composed head, valid only during the call
   */
  open(x: X, head: Composed): void
}

/** How an exchange ended, for the record. */
export type Outcome = 'answered' | 'refused' | 'caller-gone' | 'upstream-gone'

/** The request's way out: spans of the body as they may be forwarded. */
export interface UpstreamStream extends SpanSink {
  /**
   * Takes bytes that nothing else references. If they are the whole buffer, its memory may be
   * released.
   */
  span(bytes: Buffer, start: number, end: number): void
  readonly blocked: boolean
  /** Bytes held, in either direction. */
  readonly bufferedBytes: number
  flush(): void
  /** The request is whole. */
  finish(): void
  /** The answer is not wanted any more. */
  cancel(): void
  /** The caller reads again. */
  resume(): void
}

/** The response's way back. */
export interface DownstreamStream extends SpanSink {
  readonly blocked: boolean
  head(out: HeadWriter): void
  flush(): void
  /** The response is whole. */
  finish(): void
  /** The upstream accepts bytes again, or is now connected. */
  resume(): void
  /** An answer of our own instead of the upstream's. */
  reply(bytes: Buffer): void
  /** An answer that has begun cannot be completed: the caller must see that it was cut. */
  abort(): void
  /** Can the protocol say "nothing of this was acted on, send it elsewhere"? */
  readonly canGiveBack: boolean
  /** Says it. */
  giveBack(): void
}

/**
 * Which of several addresses to connect to: a given one, tried once, or first the one for exchanges
 * with this number.
 */
export interface DialPreference {
  readonly at?: string
  readonly affinity?: number
}

/**
 * Why an address should be used less: it replaces its links; its sidecar is leaving; it accepts
 * nothing for a moment; it floods.
 */
export type Avoiding = 'later' | 'leaving' | 'rest' | 'floods'

/** Opens one connection; `done` is called once, never before this returns. */
export type Dial = (
  onread: { buffer: Buffer; callback: (length: number, buffer: Buffer) => boolean },
  done: (refusal: Refusal | null, socket: Socket | null, peer: string) => void,
  where?: DialPreference,
) => { cancel(): void }

/** The time of the whole process: milliseconds, monotonic, coarse. */
export interface Clock {
  readonly now: number
}

export interface WireLimits extends HeadLimits {
  readonly headMs: number
  readonly bodyIdleMs: number
  /** The minimum rate of a request's body; 0: none. */
  readonly bodyBytesPerSecond: number
  /** The time over which that rate is averaged. */
  readonly bodyRateWindowMs: number
  /** 0: a caller may read its answer as slowly as it likes. */
  readonly callerReadIdleMs: number
  /** 0: an upstream may read a request as slowly as it likes. */
  readonly calleeReadIdleMs: number
  /** 0: TLS records may bring as little data as their sender likes. */
  readonly recordOverheadBytesPerSecond: number
  readonly idleMs: number
  /** How long a caller that has ended its side is kept while there is nothing to send to it. */
  readonly halfCloseMs: number
  /** 0: an answer may take as long as it likes (Okapi never gives up either). */
  readonly responseHeadMs: number
  /** 0: an answer that has begun may stand still as long as it likes. */
  readonly responseIdleMs: number
  /** How long an exchange that was returned waits for another path. */
  readonly connectWaitMs: number
  readonly exchanges: number
  readonly exchangesPerCallee: number
  readonly bufferedBytesPerExchange: number
  readonly connectionMaxAgeMs: number
}

/** A request that was judged and will be refused. */
export interface RefusedRequest {
  readonly judgedAt: number
  upstream: UpstreamStream | null
  /** Refuses it at once. */
  refuse(refusal: Refusal): void
  /** Refuses it later; it holds its place at the upstream until then. */
  fail(refusal: Refusal): void
}

/** When a request is refused: at once, or in its turn. */
export interface RefusalTiming {
  /** False: refuse it now. True: it is refused later, and its body is dropped until then. */
  waits(x: RefusedRequest, refusal: Refusal): boolean
}

/** What every connection of this process needs to know. */
export interface WireSettings {
  readonly requestNames: NameTable
  readonly responseNames: NameTable
  /** May a response's trailer with this id be forwarded? */
  readonly keepTrailer: (id: number) => boolean
  readonly limits: WireLimits
  readonly clock: Clock
  /** When requests over HTTP/1.1 are refused; at once where it is absent. */
  readonly refusals?: RefusalTiming
  /** A limit was reached without a refusal. */
  readonly limitHit?: (limit: Limit) => void
  /** The socket below a TLS connection; null without TLS. Absent: unknown for all. */
  readonly below?: (socket: Socket) => Underlying | null
}
