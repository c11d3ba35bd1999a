import type { Socket } from 'node:net'
import type { Limit } from '../refusal/limits.ts'
import type { Underlying } from '../refusal/record-overhead.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { SpanSink } from './h1/chunks.ts'
import type { Head, HeadLimits } from './head.ts'
import type { Composed, HeadWriter } from './head-writer.ts'
import type { NameTable } from './names.ts'

/**
 * What the rooms above tell wire about one exchange, an `Exchange` (`RequestHandler` there names it).
 * Plain functions over a reused Exchange; a head is valid during the call only.
 */
export interface HandlerOf<X> {
  /** The request's head is whole: judge it, write the head that goes on into `out`, say where to. */
  begin(x: X, head: Head, out: HeadWriter): UpstreamOf<X> | Refusal
  /**
   * A response's head is whole, final or interim (1xx): write what the caller gets into `out`, without
   * the empty line. `hang-up` closes the caller's connection without an answer.
   */
  answer(x: X, head: Head, out: HeadWriter): Refusal | 'hang-up' | null
  /** The whole response that says a refusal; null closes the connection without an answer. */
  refusal(x: X, refusal: Refusal, close: boolean): Buffer | null
  /** Called exactly once for every exchange that began, whatever became of it. */
  end(x: X): void
  /**
   * Is a request refused before anything of it is looked at? Asked of those that come over a link and have no body;
   * `x` is one of its caller that has not begun. Absent: never.
   */
  refusesUnread?(x: X, head: Buffer, start: number): boolean
}

/** Where a route leads: a pool of HTTP/1.1 connections, or something that answers by itself. */
export interface UpstreamOf<X> {
  /**
   * Takes the exchange on: `x.connected()` at once, or later and `x.upstream` holds its place until
   * then (blocked), or `x.fail()`.
   * @param head the composed head, valid during the call only
   */
  open(x: X, head: Composed): void
}

/** How an exchange ended, for the record. */
export type Outcome = 'answered' | 'refused' | 'caller-gone' | 'upstream-gone'

/** The request's way out: spans of the body as they may be forwarded. */
export interface UpstreamStream extends SpanSink {
  /** Takes bytes that nothing else refers to any more: where these are all of them, their memory may be given back. */
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
  /** The upstream takes bytes again, or is there at last. */
  resume(): void
  /** An answer of our own instead of the upstream's. */
  reply(bytes: Buffer): void
  /** What was begun cannot be ended well: the caller must see that it was cut. */
  abort(): void
  /** Has the protocol a word for "nothing of this was acted on, send it elsewhere"? */
  readonly canGiveBack: boolean
  /** Says it. */
  giveBack(): void
}

/**
 * Where a connection is to lead among several addresses: to one of them, tried once, or first to the one where
 * exchanges with this number belong.
 */
export interface DialPreference {
  readonly at?: string
  readonly affinity?: number
}

/** Why an address is to be asked less: others go before it; it takes nothing for a moment; it floods. */
export type Avoiding = 'later' | 'rest' | 'floods'

/** Opens one connection; `done` is called once, never before this returns. */
export type Dial = (
  onread: { buffer: Buffer; callback: (length: number, buffer: Buffer) => boolean },
  done: (refusal: Refusal | null, socket: Socket | null, peer: string) => void,
  where?: DialPreference,
) => { cancel(): void }

/** Time as the whole process sees it: milliseconds, monotonic, coarse. */
export interface Clock {
  readonly now: number
}

export interface WireLimits extends HeadLimits {
  readonly headMs: number
  readonly bodyIdleMs: number
  /** The least rate of a request's body; 0: none. */
  readonly bodyBytesPerSecond: number
  /** Over so long a time it is averaged. */
  readonly bodyRateWindowMs: number
  /** 0: a caller may read its answer as slowly as it likes. */
  readonly callerReadIdleMs: number
  /** 0: an upstream may read a request as slowly as it likes. */
  readonly calleeReadIdleMs: number
  /** 0: TLS records may bring as little data as their sender likes. */
  readonly recordOverheadBytesPerSecond: number
  readonly idleMs: number
  /** So long a caller that ended its side is waited for while there is nothing to send to it. */
  readonly halfCloseMs: number
  /** 0: an answer may take as long as it likes (Okapi never gives up either). */
  readonly responseHeadMs: number
  /** 0: an answer that has begun may stand still as long as it likes. */
  readonly responseIdleMs: number
  /** How long an exchange that was given back waits for another path to take it. */
  readonly connectWaitMs: number
  readonly exchanges: number
  readonly exchangesPerCallee: number
  readonly bufferedBytesPerExchange: number
  readonly connectionMaxAgeMs: number
}

/** A request that was judged and is to be refused. */
export interface RefusedRequest {
  readonly judgedAt: number
  upstream: UpstreamStream | null
  /** Refuses it at once. */
  refuse(refusal: Refusal): void
  /** Refuses it later, when its place of the upstream is to be given up. */
  fail(refusal: Refusal): void
}

/** When a request is refused: at once, or in its turn. */
export interface RefusalTiming {
  /** False: it is to be refused now. True: it is refused later, and what comes of its body is dropped. */
  waits(x: RefusedRequest, refusal: Refusal): boolean
}

/** What every connection of this process is told once. */
export interface WireSettings {
  readonly requestNames: NameTable
  readonly responseNames: NameTable
  /** May a response's trailer with this id go on? */
  readonly keepTrailer: (id: number) => boolean
  readonly limits: WireLimits
  readonly clock: Clock
  /** When requests over HTTP/1.1 are refused; at once where it is absent. */
  readonly refusals?: RefusalTiming
  /** A limit was reached that no refusal tells of. */
  readonly limitHit?: (limit: Limit) => void
  /** What carries a connection over TLS; null where there is no TLS. Absent: nothing is known of any. */
  readonly below?: (socket: Socket) => Underlying | null
}
