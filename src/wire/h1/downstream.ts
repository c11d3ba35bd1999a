import type { Socket } from 'node:net'
import { isTlsError, saidBy } from '../../fault.ts'
import { FLOODED, isFlood, RecordOverhead, type Underlying } from '../../refusal/record-overhead.ts'
import { refuse } from '../../refusal/refusal.ts'
import { Exchange, type RequestHandler } from '../exchange.ts'
import type { DownstreamStream, WireSettings } from '../face.ts'
import { NO_MEMORY, PERHAPS_GONE, UNREAD } from '../flaws.ts'
import type { HeadWriter } from '../head-writer.ts'
import { Pace } from '../pace.ts'
import { WriteBuffer } from '../write-buffer.ts'
import { CallerEnd } from './caller-end.ts'
import { Deadlines } from './deadlines.ts'
import { GracefulClose } from './graceful-close.ts'
import { RequestReader } from './request-reader.ts'

/**
 * A caller's connection (HTTP/1.1 or HTTP/1.0): one request after the other, answered in order.
 * Pipelined requests wait in the socket for their turn.
 */
export class Downstream<N> implements DownstreamStream {
  readonly canGiveBack = false
  readonly exchange: Exchange<N>
  readonly #socket: Socket
  readonly #settings: WireSettings
  readonly #writeBuffer: WriteBuffer
  readonly #reader: RequestReader<N>
  readonly #deadlines: Deadlines
  readonly #gracefulClose: GracefulClose
  readonly #closed: (connection: Downstream<N>) => void
  readonly #callerEnd: CallerEnd
  readonly #pace = new Pace()
  /** Null where there is no TLS. */
  readonly #overhead: RecordOverhead | null

  constructor(
    socket: Socket,
    context: N,
    handler: RequestHandler<N>,
    settings: WireSettings,
    closed: (connection: Downstream<N>) => void,
    below: Underlying | null = null,
  ) {
    this.#socket = socket
    this.#callerEnd = new CallerEnd(below)
    this.#settings = settings
    this.#closed = closed
    const { limits, clock } = settings
    this.#overhead = below === null ? null : new RecordOverhead(below, socket, clock.now)
    const mostBytes = limits.bufferedBytesPerExchange
    this.#writeBuffer = new WriteBuffer(socket, mostBytes, () => this.#drained())
    this.exchange = new Exchange(context, this, handler)
    this.#deadlines = new Deadlines(settings)
    this.#gracefulClose = new GracefulClose(socket, this.#writeBuffer, this.#deadlines)
    const [writeBuffer, deadlines] = [this.#writeBuffer, this.#deadlines]
    this.#reader = new RequestReader(this.exchange, this, socket, settings, writeBuffer, deadlines)
    socket.on('data', (bytes: Buffer) => this.#data(bytes))
    socket.on('end', () => this.#end())
    socket.on('error', (error) => this.#broke(error))
    socket.on('close', () => this.#close())
  }

  /** Open exchanges: one or none. */
  get size(): number {
    return this.exchange.open ? 1 : 0
  }

  /** Calls `visit` for the open exchange, if there is one. */
  forEachOpen(visit: (x: Exchange<N>) => void): void {
    if (this.exchange.open) visit(this.exchange)
  }

  /** Bytes held, in either direction. Node may hold one read (64 KiB) more of a paused socket. */
  get bufferedBytes(): number {
    return this.#reader.heldBytes + this.#writeBuffer.waiting
  }

  /** All bytes held for this caller, including those at its upstream and in the socket. */
  get heldForCaller(): number {
    const { exchange } = this
    const inSocket = this.#reader.paused ? this.#socket.readableLength : 0
    return this.bufferedBytes + inSocket + (exchange.upstream?.bufferedBytes ?? 0)
  }

  /** Bytes below TLS that brought no data, beyond what is allowed. */
  get overheadBytes(): number {
    const { clock, limits } = this.#settings
    return this.#overhead?.beyond(clock.now, limits) ?? 0
  }

  /** Drops what is held, because there is no memory for it. */
  shed(): void {
    const { open, answered } = this.exchange
    if (open) this.exchange.fail(NO_MEMORY)
    else this.#settings.limitHit?.('bufferedBytes')
    if (open && !answered) return
    this.#reader.drop()
    this.#gracefulClose.cut()
  }

  get blocked(): boolean {
    return this.#writeBuffer.blocked
  }

  /** Since when there has been no request and nothing waits; null: it is in use. */
  get idleSince(): number | null {
    const { waitsFor, since } = this.#deadlines
    const idle = waitsFor === 'request' && this.bufferedBytes === 0 && !this.exchange.open
    return idle ? since : null
  }

  /** Closes it while it is idle, because another caller needs its place. */
  giveWay(): void {
    this.#deadlines.await('leave')
    this.#socket.destroySoon()
  }

  head(out: HeadWriter): void {
    this.#writeBuffer.put(out.bytes, 0, out.length)
  }

  span(bytes: Buffer, start: number, end: number): void {
    this.exchange.bytesOut += end - start
    this.#writeBuffer.put(bytes, start, end)
  }

  flush(): void {
    this.#writeBuffer.flush()
  }

  reply(bytes: Buffer): void {
    this.#writeBuffer.put(bytes, 0, bytes.length)
  }

  finish(): void {
    this.#writeBuffer.flush()
    const { keepAlive } = this.exchange
    // During a read there may be more requests of a caller that has ended its side: the end handler
    // processes them.
    const last = this.#callerEnd.ended && this.#reader.unreadBytes === 0 && !this.#reader.busy
    if (!keepAlive || last) return this.sayGoodbye()
    this.#reader.next()
    // Mostly nothing waits: no further request, and no end.
    if (!this.#reader.isIdle || this.#callerEnd.ended) this.resume()
  }

  /**
   * There may be something to do: the upstream accepts bytes again, or the next request may begin.
   */
  resume(): void {
    if (this.#reader.busy || this.#socket.destroyed) return
    this.#reader.resume()
    this.#used()
    this.#reader.readOn()
  }

  abort(): void {
    const { version, answered } = this.exchange
    this.#gracefulClose.abort(version === 11 && answered)
  }

  giveBack(): void {}

  /** Only exchanges that have been sent already; an idle connection ends after `graceMs`. */
  drain(graceMs?: number): void {
    this.#deadlines.drain(graceMs)
    this.#lastAnswer()
  }

  /** The open or the next exchange is the last; its answer says so. The caller closes when idle. */
  retire(): void {
    this.#deadlines.retire()
    this.#lastAnswer()
  }

  /**
   * A caller that pipelines has sent the next request before it could know that this was the last.
   */
  #lastAnswer(): void {
    if (this.#reader.unreadBytes === 0) this.exchange.endsConnection()
  }

  /** Ends it at once, even with an open exchange. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    const { limitHit, limits } = this.#settings
    if (this.#writeBuffer.stalls(now, limits.callerReadIdleMs)) return this.#giveUpReceiver()
    if (this.#overhead?.isTooMuch(now, limits)) return this.#flooded()
    const deadlines = this.#deadlines
    if (this.exchange.open) {
      if (this.#mayBeGone(now)) return this.exchange.fail(PERHAPS_GONE)
      if (deadlines.waitsFor !== 'body' || this.#reader.paused) this.#pace.rest()
      else {
        const flaw = this.#pace.flaw(now, this.exchange, limits)
        if (flaw !== null) return this.exchange.fail(flaw)
      }
    }
    if (!deadlines.isOver(now)) return
    // A sender does not stall while we have stopped reading from it.
    if (deadlines.waitsFor === 'body' && this.#reader.paused) return deadlines.await('body')
    if (deadlines.leaving) return this.destroy()
    if (deadlines.waitsFor === 'request') {
      if (deadlines.isIdle) limitHit?.('idleMs')
      return this.sayGoodbye()
    }
    const refusal = deadlines.refusal()
    if (deadlines.waitsFor === 'head') return this.exchange.refuseUnread(refusal)
    if (this.exchange.open) return this.exchange.fail(refusal)
    limitHit?.('bodyIdleMs')
    this.sayGoodbye()
  }

  #mayBeGone(now: number): boolean {
    this.#reader.peek()
    const { beganAt, bytesOut } = this.exchange
    return this.#callerEnd.isOver(now, beganAt, bytesOut, this.#settings.limits.halfCloseMs)
  }

  /** Otherwise it would hold its exchange, and the connection to the upstream, for ever. */
  #giveUpReceiver(): void {
    if (this.exchange.open) this.exchange.fail(UNREAD)
    else this.#settings.limitHit?.('callerReadIdleMs')
    this.#gracefulClose.cut()
  }

  #drained(): void {
    this.exchange.upstream?.resume()
    if (this.#reader.paused && !this.exchange.open) this.resume()
  }

  /** Its input is useless, so it is not kept open for our answer. */
  #flooded(): void {
    if (this.exchange.open) this.exchange.abandon(FLOODED)
    else if (this.#deadlines.leaving) this.#settings.limitHit?.('recordOverheadBytesPerSecond')
    else this.exchange.refuseUnread(FLOODED)
    this.destroy()
  }

  #data(bytes: Buffer): void {
    this.#overhead?.heard(bytes.length)
    if (this.#deadlines.leaving) return this.#gracefulClose.swallow(bytes.length)
    this.#callerEnd.heard()
    this.#reader.data(bytes)
    this.#used()
  }

  #used(): void {
    this.#writeBuffer.flush()
    if (this.#callerEnd.ended) this.#nothingMore()
  }

  /** The caller has sent its last byte; it may still read. */
  #end(): void {
    if (this.#callerEnd.end(this.#settings.clock.now)) return this.destroy()
    // An incomplete head that was not parsed again: parse it now to report what is wrong.
    if (!this.exchange.open && this.#reader.unreadBytes > 0) this.resume()
    else this.#nothingMore()
  }

  /** The caller has ended its side. A request that is incomplete now stays incomplete. */
  #nothingMore(): void {
    const { heldBytes, waitsForTurn } = this.#reader
    const later = this.exchange.open || this.#writeBuffer.clogged || waitsForTurn
    if (heldBytes > 0 && later) return
    if (this.#deadlines.leaving || this.#socket.destroyed) return
    const x = this.exchange
    if (x.open && !x.requestDone) {
      x.abandon()
      this.#gracefulClose.cut()
    } else if (!x.open) this.sayGoodbye()
  }

  /** No request comes any more. */
  sayGoodbye(): void {
    if (this.#deadlines.leaving) return
    this.#reader.drop()
    this.#gracefulClose.goodbye()
  }

  /** Node leaves a socket open whose TLS records cannot be read. */
  #broke(error: Error): void {
    if (isFlood(error)) return this.#flooded()
    if (isTlsError(error)) {
      const because = `the caller’s connection broke (${saidBy(error)})`
      this.exchange.abandon(refuse('malformed-request', because))
    }
    this.#socket.destroy()
  }

  #close(): void {
    this.exchange.abandon()
    this.#writeBuffer.drop()
    this.#reader.drop()
    this.#closed(this)
  }
}
