import type { Socket } from 'node:net'
import { type Refusal, refuse } from '../../refusal/refusal.ts'
import { LF } from '../bytes.ts'
import { Exchange } from '../exchange.ts'
import type { DownstreamStream, Story, WireSettings } from '../face.ts'
import { FLAW, requestRefusal } from '../flaws.ts'
import { Head } from '../head.ts'
import type { HeadWriter } from '../head-writer.ts'
import { Outbox } from '../outbox.ts'
import { Progress } from '../progress.ts'
import { Body } from './body.ts'
import type { SpanSink } from './chunks.ts'
import { parseRequestHead } from './request-head.ts'

const HEAD = new Head()
const EMPTY: Buffer = Buffer.alloc(0)
const NOWHERE: SpanSink = { span: () => {} }
/** The body of a refused request is read up to here so that the connection can be used on. */
const MOST_DISCARDED_BYTES = 262_144
/** After the last answer: how long and how much of the caller's input is swallowed before the cut. */
const LINGER_MS = 1000
/** When draining: a request that was sent before is read by then and still answered. */
const DRAIN_GRACE_MS = 250
/**
 * A retired caller's idle time: longer than any sidecar believes in an idle connection, so that it is
 * the caller who closes and no request races a close.
 */
const RETIRED_IDLE_MS = 20_000
const MOST_LINGER_BYTES = 65_536

type Waiting = 'nothing' | 'request' | 'head' | 'body' | 'leave' | 'linger'

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
  readonly #closed: (connection: Downstream<N>) => void
  readonly #closesAt: number

  /** Bytes that cannot be used yet: half a head, a body that waits, pipelined requests. */
  #held = EMPTY
  #paused = false
  /** Within `#process`: what asks for more work only marks it. */
  #busy = false
  #draining = false
  #retired = false
  #discarding = false
  #swallowed = 0
  #callerEnded = false
  #waitsFor: Waiting = 'request'
  #deadline: number

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
    this.#deadline = clock.now + limits.idleMs
    this.#receiver = new Progress(this.#outbox, clock.now)
    this.#closesAt = clock.now + limits.connectionMaxAgeMs * (0.9 + Math.random() * 0.1)
    socket.on('data', (bytes: Buffer) => this.#data(bytes))
    socket.on('end', () => this.#end())
    socket.on('error', () => {})
    socket.on('close', () => this.#close())
  }

  /**
   * Bytes held for this connection, in either direction. Node may hold one read (64 KiB) more: a
   * socket that is paused still delivers what it was about to read.
   */
  get bufferedBytes(): number {
    return this.#held.length + this.#outbox.waiting
  }

  get blocked(): boolean {
    return this.#outbox.blocked
  }

  // --- the response's way back -------------------------------------------------------------------

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
    const last = this.#callerEnded && this.#held.length === 0 && !this.#busy
    if (!keepAlive || last) return this.#sayGoodbye()
    this.#await(this.#discarding ? 'body' : 'request')
    this.resume()
  }

  /** There may be something to do: the upstream takes bytes again, or the next request may begin. */
  resume(): void {
    if (this.#busy || this.#socket.destroyed) return
    if (this.#held.length > 0) {
      const held = this.#held
      this.#held = EMPTY
      this.#process(held, 0)
    }
    this.#readOn()
  }

  abort(): void {
    const { version, answered } = this.exchange
    // HTTP/1.1 frames its bodies: what was sent may still arrive, for its end is seen to be missing.
    if (version === 11 && answered) {
      this.#outbox.flush()
      this.#await('leave')
      this.#socket.destroySoon()
    } else {
      this.#outbox.drop()
      this.#cut()
    }
  }

  // --- the life of the connection ----------------------------------------------------------------

  /** No further exchange after the running one; an idle connection ends at the next tick. */
  drain(): void {
    this.#draining = true
    this.#last(DRAIN_GRACE_MS)
  }

  /**
   * The running exchange, or else the next one, is the last, and its answer says so. Nobody is in a
   * hurry: an idle connection is left to its caller, who may be sending at this very moment.
   */
  retire(): void {
    this.#retired = true
    this.#last(RETIRED_IDLE_MS)
  }

  #last(idleMs: number): void {
    const x = this.exchange
    if (x.open) {
      if (!x.answered) x.keepAlive = false
    } else if (this.#waitsFor === 'request') {
      this.#deadline = Math.min(this.#deadline, this.#settings.clock.now + idleMs)
    }
  }

  /** Ends it at once, whatever is running. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    const { limitHit, limits } = this.#settings
    if (this.#receiver.stalls(now, limits.bodyIdleMs)) return this.#giveUpReceiver()
    if (this.#waitsFor === 'nothing' || now < this.#deadline) return
    // A sender that we have stopped ourselves does not stall.
    if (this.#waitsFor === 'body' && this.#paused) return this.#await('body')
    if (this.#leaving) return this.destroy()
    if (this.#waitsFor === 'request') {
      if (!this.#draining && !this.#retired) limitHit?.('idleMs')
      return this.#sayGoodbye()
    }
    const limit = this.#waitsFor === 'head' ? 'headMs' : 'bodyIdleMs'
    const because = `the request did not come on within limits.${limit}`
    const refusal = refuse('timeout', because, { limit })
    if (this.#waitsFor === 'head') return this.#refuseUnread(refusal)
    if (this.exchange.open) return this.exchange.fail(refusal)
    limitHit?.(limit)
    this.#sayGoodbye()
  }

  /** Else it would hold its exchange, and the connection to the upstream, for ever. */
  #giveUpReceiver(): void {
    const because = 'the caller did not take its answer within limits.bodyIdleMs'
    if (this.exchange.open) this.exchange.fail(refuse('timeout', because, { limit: 'bodyIdleMs' }))
    else this.#settings.limitHit?.('bodyIdleMs')
    this.#outbox.drop()
    this.#cut()
  }

  /** A caller that sends requests on and on and takes no answer: the next one waits. */
  get #clogged(): boolean {
    const { blocked, waiting } = this.#outbox
    return blocked && waiting >= this.#settings.limits.bufferedBytesPerExchange
  }

  #drained(): void {
    this.exchange.upstream?.resume()
    if (this.#paused && !this.exchange.open) this.resume()
  }

  // --- reading -----------------------------------------------------------------------------------

  #data(bytes: Buffer): void {
    if (this.#leaving) return this.#swallow(bytes.length)
    if (this.#held.length > 0) {
      const noLineEnd = !this.exchange.open && bytes.indexOf(LF) === -1
      const joined = Buffer.concat([this.#held, bytes])
      this.#held = joined
      if (this.#paused) return
      // Half a head is read again only when another line is there: a drip costs no more than it sends.
      if (noLineEnd && joined.length <= this.#settings.limits.requestLineBytes) return
      this.#held = EMPTY
      bytes = joined
    }
    this.#process(bytes, 0)
  }

  #process(bytes: Buffer, i: number): void {
    this.#busy = true
    while (i < bytes.length && !this.#socket.destroyed && !this.#leaving) {
      const next = this.#step(bytes, i)
      if (next === -1) break
      i = next
    }
    this.#busy = false
    const { upstream } = this.exchange
    if (upstream !== null) {
      upstream.flush()
      if (upstream.blocked && !this.#body.done) this.#pause()
    }
    this.#outbox.flush()
    if (this.#callerEnded) this.#nothingMore()
  }

  /** Uses what it can from `i`. @returns the position behind it, or -1 when no more can be used now */
  #step(bytes: Buffer, i: number): number {
    if (this.#discarding) return this.#discard(bytes, i)
    const x = this.exchange
    if (!x.open) return this.#clogged ? this.#hold(bytes, i) : this.#request(bytes, i)
    if (this.#body.done || x.upstream === null || x.upstream.blocked) return this.#hold(bytes, i)
    const next = this.#body.take(bytes, i, bytes.length, x.upstream)
    if (next === -1) {
      x.fail(requestRefusal(FLAW.chunk))
      return -1
    }
    x.bytesIn += next - i
    this.#await('body')
    if (this.#body.done) {
      x.requestDone = true
      this.#await('nothing')
      x.upstream?.finish()
    }
    return next
  }

  #request(bytes: Buffer, i: number): number {
    const { requestNames, limits } = this.#settings
    const next = parseRequestHead(HEAD, bytes, i, bytes.length, requestNames, limits)
    if (next === 0) {
      if (this.#waitsFor === 'request') this.#await('head')
      this.#held = i === 0 ? bytes : Buffer.from(bytes.subarray(i))
      return -1
    }
    if (next < 0) {
      this.#refuseUnread(requestRefusal(next))
      return -1
    }
    this.#begin()
    return next
  }

  #begin(): void {
    const x = this.exchange
    x.reset()
    this.#body.begin(HEAD, 'asItStands')
    const expectsContinue = HEAD.expectsContinue && HEAD.version === 11
    this.#await(this.#body.done ? 'nothing' : 'body')
    const old = this.#settings.clock.now >= this.#closesAt
    if (old) this.#settings.limitHit?.('connectionMaxAgeMs')
    if (this.#draining || this.#retired || old) HEAD.keepAlive = false
    const refusal = x.begin(HEAD)
    if (refusal === null) return
    if (!this.#body.done) {
      // Whoever waits for a 100 may send the body or not: what comes next cannot be known.
      if (expectsContinue) x.keepAlive = false
      else this.#discarding = x.keepAlive
      this.#swallowed = 0
    }
    if (refusal.status === 400) x.keepAlive = false
    x.refuse(refusal)
  }

  /** A head that cannot be read: nothing behind it can be either. */
  #refuseUnread(refusal: Refusal): void {
    const x = this.exchange
    x.reset()
    x.method = -1
    x.keepAlive = false
    x.refuse(refusal)
  }

  #discard(bytes: Buffer, i: number): number {
    const next = this.#body.take(bytes, i, bytes.length, NOWHERE)
    if (next !== -1) this.#swallowed += next - i
    if (next === -1 || this.#swallowed > MOST_DISCARDED_BYTES) {
      this.#sayGoodbye()
      return -1
    }
    if (this.#body.done) {
      this.#discarding = false
      this.#await('request')
    }
    return next
  }

  #hold(bytes: Buffer, i: number): number {
    this.#held = i === 0 ? bytes : Buffer.from(bytes.subarray(i))
    this.#pause()
    return -1
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#socket.pause()
  }

  #readOn(): void {
    if (!this.#paused) return
    const { open, upstream } = this.exchange
    // What is held after an exchange is half a head: only more bytes can make it whole.
    if (open && (this.#held.length > 0 || (!this.#body.done && upstream?.blocked))) return
    if (!open && this.#clogged) return
    this.#paused = false
    this.#socket.resume()
  }

  // --- ending ------------------------------------------------------------------------------------

  /** The caller has sent its last byte; it may still read. */
  #end(): void {
    this.#callerEnded = true
    this.#nothingMore()
  }

  /** The caller has ended. A request that is not whole by now never will be. */
  #nothingMore(): void {
    if (this.#held.length > 0 && (this.exchange.open || this.#clogged)) return
    if (this.#leaving || this.#socket.destroyed) return
    const x = this.exchange
    if (x.open && !x.requestDone) {
      x.abandon()
      this.#cut()
    } else if (!x.open) this.#sayGoodbye()
  }

  /** Half-closes, and swallows what still comes: a reset would take the answer from the caller. */
  #sayGoodbye(): void {
    if (this.#leaving) return
    this.#await('leave')
    this.#held = EMPTY
    this.#discarding = false
    this.#swallowed = 0
    this.#outbox.flush()
    this.#socket.end(() => this.#await('linger'))
    this.#paused = false
    this.#socket.resume()
  }

  #swallow(bytes: number): void {
    this.#swallowed += bytes
    // A cut now could overtake the answer: nothing more is read, and the time runs out.
    if (this.#swallowed > MOST_LINGER_BYTES) this.#pause()
  }

  /** The last answer has been said, whether or not the caller has taken all of it. */
  get #leaving(): boolean {
    return this.#waitsFor === 'leave' || this.#waitsFor === 'linger'
  }

  /** Destroys it so that the caller cannot take what it has for the whole. */
  #cut(): void {
    // Only TCP has a reset; a Unix socket has no remote address.
    const plain = !('encrypted' in this.#socket) && this.#socket.remoteAddress !== undefined
    if (plain) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  #close(): void {
    this.exchange.abandon()
    this.#outbox.drop()
    this.#held = EMPTY
    this.#closed(this)
  }

  #await(what: Waiting): void {
    this.#waitsFor = what
    const { limits, clock } = this.#settings
    if (what === 'request') {
      const leaving = this.#retired ? RETIRED_IDLE_MS : limits.idleMs
      const idleMs = this.#draining ? DRAIN_GRACE_MS : Math.min(leaving, limits.idleMs)
      this.#deadline = clock.now + idleMs
    } else if (what === 'head') this.#deadline = clock.now + limits.headMs
    else if (what === 'body' || what === 'leave') this.#deadline = clock.now + limits.bodyIdleMs
    else if (what === 'linger') this.#deadline = clock.now + LINGER_MS
  }
}
