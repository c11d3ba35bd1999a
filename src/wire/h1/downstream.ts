import type { Socket } from 'node:net'
import { Exchange } from '../exchange.ts'
import type { DownstreamStream, Story, WireSettings } from '../face.ts'
import { FLAW, requestRefusal, UNREAD } from '../flaws.ts'
import { Head } from '../head.ts'
import type { HeadWriter } from '../head-writer.ts'
import { Outbox } from '../outbox.ts'
import { Progress } from '../progress.ts'
import { Body } from './body.ts'
import { Departure } from './departure.ts'
import { Discard } from './discard.ts'
import { Intake } from './intake.ts'
import { Patience } from './patience.ts'
import { parseRequestHead } from './request-head.ts'

const HEAD = new Head()
/**
 * A caller's connection: HTTP/1.1 and HTTP/1.0 requests in turn, answered in order. Pipelined ones
 * wait in the socket until theirs has come.
 */
export class Downstream<N> implements DownstreamStream {
  readonly exchange: Exchange<N>
  readonly #socket: Socket
  readonly #settings: WireSettings
  readonly #outbox: Outbox
  readonly #receiver: Progress
  readonly #body: Body
  readonly #intake: Intake
  readonly #discard = new Discard()
  readonly #patience: Patience
  readonly #departure: Departure
  readonly #closed: (connection: Downstream<N>) => void

  /** Within `#process`: what asks for more work only marks it. */
  #busy = false
  #callerEnded = false

  constructor(
    socket: Socket,
    note: N,
    story: Story<N>,
    settings: WireSettings,
    closed: (connection: Downstream<N>) => void,
  ) {
    this.#socket = socket
    this.#settings = settings
    this.#closed = closed
    this.#body = new Body(settings.requestNames, null)
    const { limits, clock } = settings
    const mostBytes = limits.bufferedBytesPerExchange
    this.#outbox = new Outbox(socket, mostBytes, () => this.#drained())
    this.exchange = new Exchange(note, this, story)
    this.#receiver = new Progress(this.#outbox, clock.now)
    this.#intake = new Intake(socket)
    this.#patience = new Patience(settings)
    this.#departure = new Departure(socket, this.#outbox, this.#patience)
    socket.on('data', (bytes: Buffer) => this.#data(bytes))
    socket.on('end', () => this.#end())
    socket.on('error', () => {})
    socket.on('close', () => this.#close())
  }

  /** Bytes held, in either direction. Node may hold one read (64 KiB) more of a paused socket. */
  get bufferedBytes(): number {
    return this.#intake.heldBytes + this.#outbox.waiting
  }

  get blocked(): boolean {
    return this.#outbox.blocked
  }

  head(out: HeadWriter): void {
    this.#outbox.put(out.bytes, 0, out.length)
  }

  span(bytes: Buffer, start: number, end: number): void {
    this.exchange.bytesOut += end - start
    this.#outbox.put(bytes, start, end)
  }

  flush(): void {
    this.#outbox.flush()
  }

  reply(bytes: Buffer): void {
    this.#outbox.put(bytes, 0, bytes.length)
  }

  finish(): void {
    this.#outbox.flush()
    const { keepAlive } = this.exchange
    // Within `#process` more requests of an ended caller may be at hand: its end looks after them.
    const last = this.#callerEnded && this.#intake.heldBytes === 0 && !this.#busy
    if (!keepAlive || last) return this.#sayGoodbye()
    this.#patience.await(this.#discard.active ? 'body' : 'request')
    this.resume()
  }

  /** There may be something to do: the upstream takes bytes again, or the next request may begin. */
  resume(): void {
    if (this.#busy || this.#socket.destroyed) return
    if (this.#intake.heldBytes > 0) this.#process(this.#intake.take(), 0)
    this.#readOn()
  }

  abort(): void {
    const { version, answered } = this.exchange
    this.#departure.abort(version === 11 && answered)
  }

  /** No exchange but those that have been sent already; an idle connection ends after `graceMs`. */
  drain(graceMs?: number): void {
    this.#patience.drain(graceMs)
    this.#lastAnswer()
  }

  /**
   * The running exchange, or else the next one, is the last, and its answer says so. Nobody is in a
   * hurry: an idle connection is left to its caller, who may be sending at this very moment.
   */
  retire(): void {
    this.#patience.retire()
    this.#lastAnswer()
  }

  /** Whoever pipelines has sent the next request before it could know that there is none. */
  #lastAnswer(): void {
    if (this.#intake.heldBytes === 0) this.exchange.endsConnection()
  }

  /** Ends it at once, whatever is running. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    const { limitHit, limits } = this.#settings
    if (this.#receiver.stalls(now, limits.callerReadIdleMs)) return this.#giveUpReceiver()
    const patience = this.#patience
    if (!patience.isOver(now)) return
    // A sender that we have stopped ourselves does not stall.
    if (patience.waitsFor === 'body' && this.#intake.paused) return patience.await('body')
    if (patience.leaving) return this.destroy()
    if (patience.waitsFor === 'request') {
      if (patience.isIdle) limitHit?.('idleMs')
      return this.#sayGoodbye()
    }
    const refusal = patience.refusal()
    if (patience.waitsFor === 'head') return this.exchange.refuseUnread(refusal)
    if (this.exchange.open) return this.exchange.fail(refusal)
    limitHit?.('bodyIdleMs')
    this.#sayGoodbye()
  }

  /** Else it would hold its exchange, and the connection to the upstream, for ever. */
  #giveUpReceiver(): void {
    if (this.exchange.open) this.exchange.fail(UNREAD)
    else this.#settings.limitHit?.('callerReadIdleMs')
    this.#departure.cut()
  }

  #drained(): void {
    this.exchange.upstream?.resume()
    if (this.#intake.paused && !this.exchange.open) this.resume()
  }

  #data(bytes: Buffer): void {
    if (this.#patience.leaving) return this.#departure.swallow(bytes.length)
    const usable = this.#intake.join(bytes, !this.exchange.open, this.#settings.limits)
    if (usable !== null) this.#process(usable, 0)
  }

  #process(bytes: Buffer, i: number): void {
    this.#busy = true
    while (i < bytes.length && !this.#socket.destroyed && !this.#patience.leaving) {
      const next = this.#step(bytes, i)
      if (next === -1) break
      i = next
    }
    this.#busy = false
    const { upstream } = this.exchange
    if (upstream !== null) {
      upstream.flush()
      if (upstream.blocked && !this.#body.done) this.#intake.pause()
    }
    this.#outbox.flush()
    if (this.#callerEnded) this.#nothingMore()
  }

  /** Uses what it can from `i`. @returns the position behind it, or -1 when no more can be used now */
  #step(bytes: Buffer, i: number): number {
    if (this.#discard.active) return this.#throwAway(bytes, i)
    const x = this.exchange
    if (!x.open) return this.#outbox.clogged ? this.#intake.hold(bytes, i) : this.#request(bytes, i)
    if (this.#body.done || x.upstream === null || x.upstream.blocked)
      return this.#intake.hold(bytes, i)
    const next = this.#body.take(bytes, i, bytes.length, x.upstream)
    if (next === -1) {
      x.fail(requestRefusal(FLAW.chunk))
      return -1
    }
    x.bytesIn += next - i
    this.#patience.await('body')
    if (this.#body.done) {
      x.requestDone = true
      this.#patience.await('nothing')
      x.upstream?.finish()
    }
    return next
  }

  #request(bytes: Buffer, i: number): number {
    const { requestNames, limits } = this.#settings
    const next = parseRequestHead(HEAD, bytes, i, bytes.length, requestNames, limits)
    if (next === 0) {
      if (this.#patience.waitsFor === 'request') this.#patience.await('head')
      this.#intake.keep(bytes, i)
      return -1
    }
    if (next < 0) {
      this.exchange.refuseUnread(requestRefusal(next))
      return -1
    }
    this.#begin(next < bytes.length)
    return next
  }

  /** @param more bytes that came with the request: behind a body nobody can see yet what they are */
  #begin(more: boolean): void {
    const x = this.exchange
    x.reset()
    this.#body.begin(HEAD, 'asItStands')
    const expectsContinue = HEAD.expectsContinue && HEAD.version === 11
    this.#patience.await(this.#body.done ? 'nothing' : 'body')
    const pipelined = more && this.#body.done
    if (this.#patience.lastExchange() && !pipelined) HEAD.keepAlive = false
    const refusal = x.begin(HEAD)
    if (refusal === null) return
    if (!this.#body.done) {
      // Whoever waits for a 100 may send the body or not: what comes next cannot be known.
      if (expectsContinue) x.keepAlive = false
      else if (x.keepAlive) this.#discard.begin()
    }
    if (refusal.status === 400) x.keepAlive = false
    x.refuse(refusal)
  }

  #throwAway(bytes: Buffer, i: number): number {
    const next = this.#discard.take(this.#body, bytes, i)
    if (next === -1) this.#sayGoodbye()
    else if (!this.#discard.active) this.#patience.await('request')
    return next
  }

  #readOn(): void {
    if (!this.#intake.paused) return
    const { open, upstream } = this.exchange
    // What is held after an exchange is half a head: only more bytes can make it whole.
    if (open && (this.#intake.heldBytes > 0 || (!this.#body.done && upstream?.blocked))) return
    if (!open && this.#outbox.clogged) return
    this.#intake.resume()
  }

  /** The caller has sent its last byte; it may still read. */
  #end(): void {
    this.#callerEnded = true
    // Half a head that was not read again: what is wrong with it may be told.
    if (!this.exchange.open && this.#intake.heldBytes > 0) this.resume()
    else this.#nothingMore()
  }

  /** The caller has ended. A request that is not whole by now never will be. */
  #nothingMore(): void {
    if (this.#intake.heldBytes > 0 && (this.exchange.open || this.#outbox.clogged)) return
    if (this.#patience.leaving || this.#socket.destroyed) return
    const x = this.exchange
    if (x.open && !x.requestDone) {
      x.abandon()
      this.#departure.cut()
    } else if (!x.open) this.#sayGoodbye()
  }

  #sayGoodbye(): void {
    if (this.#patience.leaving) return
    this.#intake.drop()
    this.#intake.paused = false
    this.#discard.end()
    this.#departure.goodbye()
  }

  #close(): void {
    this.exchange.abandon()
    this.#outbox.drop()
    this.#intake.drop()
    this.#closed(this)
  }
}
