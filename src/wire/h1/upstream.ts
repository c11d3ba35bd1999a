import type { Socket } from 'node:net'
import { saidBy } from '../../fault.ts'
import { isFlood, RecordOverhead } from '../../refusal/record-overhead.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import type { Exchange } from '../exchange.ts'
import type { UpstreamStream, WireSettings } from '../face.ts'
import {
  brokenOff,
  closedEarly,
  FLAW,
  floods,
  interimFlaw,
  late,
  malformed,
  responseRefusal,
  takesNothing,
} from '../flaws.ts'
import { FRAMING, HEAD_METHOD, Head } from '../head.ts'
import { owesAnswer } from '../pace.ts'
import { HalfHead } from '../partial-head.ts'
import { WriteBuffer } from '../write-buffer.ts'
import { Body } from './body.ts'
import type { ConnectionOwner } from './connection-owner.ts'
import { parseResponseHead } from './response-head.ts'

const HEAD = new Head()
const UNTIL_CLOSE = 'it ends with its connection: over TLS its end cannot be told from a cut'

/**
 * A connection to an upstream, one exchange at a time. All connections of a process read into one
 * shared buffer (`onread`), so every byte is processed or copied before the read callback returns.
 */
export class UpstreamConnection<N> implements UpstreamStream {
  static readonly readBuffer = Buffer.allocUnsafeSlow(65536)

  /** The identity that the other side proved, or its address where it proves none. */
  readonly peer: string
  /** The same as a sentence says it. */
  readonly #name: string
  /** The pool's count of changes when this connection was dialled. */
  readonly epoch: number
  readonly openedAt: number
  /** From then on it is too old to be reused; maintained by the pool. */
  idleUntil = 0
  /** Seconds that the upstream promised to keep an idle connection, -1 unknown. */
  keepAliveSeconds = -1
  readonly socket: Socket
  readonly #settings: WireSettings
  readonly #keeper: ConnectionOwner<UpstreamConnection<N>>
  readonly #writeBuffer: WriteBuffer
  readonly #body: Body
  readonly #overhead: RecordOverhead
  #x: Exchange<N> | null = null
  readonly #held = new HalfHead()
  #interim = 0
  #inBody = false
  #keepAlive = false
  #paused = false
  #dead = false
  /** Since when it is the upstream's turn. */
  #since = 0

  constructor(
    socket: Socket,
    { name, peer, epoch }: { name: string; peer: string; epoch: number },
    settings: WireSettings,
    keeper: ConnectionOwner<UpstreamConnection<N>>,
  ) {
    this.socket = socket
    // A peer with a proven identity is named by it, otherwise by its address.
    this.#name = 'encrypted' in socket || name === peer ? peer : `${name} (${peer})`
    this.peer = peer
    this.epoch = epoch
    this.#settings = settings
    this.#keeper = keeper
    this.openedAt = settings.clock.now
    this.#body = new Body(settings.responseNames, settings.keepTrailer)
    this.#overhead = new RecordOverhead(settings.below?.(socket) ?? null, socket, this.openedAt)
    const mostBytes = settings.limits.bufferedBytesPerExchange
    this.#writeBuffer = new WriteBuffer(socket, mostBytes, () => this.#x?.downstream.resume())
    socket.on('end', () => this.#ended())
    socket.on('error', (error) => this.#broke(error))
    socket.on('close', () => this.#close())
  }

  get blocked(): boolean {
    return this.#writeBuffer.blocked
  }

  /** Ended, even if that was not reported yet: authentication destroys sockets. */
  get ended(): boolean {
    return this.#dead || this.socket.destroyed
  }

  get bufferedBytes(): number {
    return this.#held.length + this.#writeBuffer.waiting
  }

  // --- the request's way out ---------------------------------------------------------------------

  /** Starts the exchange and sends its head. */
  begin(x: Exchange<N>, head: Buffer, length: number): void {
    this.#x = x
    this.#inBody = false
    this.#interim = 0
    this.#since = this.#settings.clock.now
    this.#writeBuffer.put(head, 0, length)
    x.connected(this, this.peer)
  }

  span(bytes: Buffer, start: number, end: number): void {
    this.#since = this.#settings.clock.now
    this.#writeBuffer.put(bytes, start, end, true)
  }

  flush(): void {
    this.#writeBuffer.flush()
  }

  finish(): void {
    this.#writeBuffer.flush()
  }

  cancel(): void {
    this.#x = null
    this.destroy()
  }

  resume(): void {
    if (!this.#paused || this.#dead) return
    this.#paused = false
    this.socket.resume()
  }

  destroy(): void {
    this.#writeBuffer.drop()
    this.socket.destroy()
    this.#gone()
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    const x = this.#x
    const { limits } = this.#settings
    const stalls = this.#writeBuffer.stalls(now, limits.calleeReadIdleMs)
    if (stalls) return this.#fail(takesNothing(this.#name))
    if (this.#overhead.isTooMuch(now, limits)) return this.#flooded()
    if (x === null) return
    if (!owesAnswer(x, this.blocked)) this.#since = now
    const refusal = late(this.#name, now - this.#since, this.#inBody, limits)
    if (refusal !== null) this.#fail(refusal)
  }

  // --- the response's way back -------------------------------------------------------------------

  /** The read callback: `buffer` is shared. @returns false to stop reading */
  read(length: number, buffer: Buffer): boolean {
    let bytes = buffer
    let end = length
    this.#overhead.heard(length)
    const x = this.#x
    if (x === null) {
      // Unrequested: a second answer on an idle socket must reach no caller (Node CVE-2026-48931).
      this.destroy()
      return false
    }
    if (this.#held.length > 0) {
      const joined = this.#held.join(buffer, 0, length, this.#settings.limits)
      if (joined === null) return true
      bytes = joined
      end = joined.length
    }
    this.#answer(x, bytes, end)
    if (this.#inBody) this.#since = this.#settings.clock.now
    x.downstream.flush()
    if (this.#dead) return false
    // The pool may have given this connection to another exchange meanwhile.
    const now = this.#x
    this.#paused = now?.downstream.blocked === true
    return !this.#paused
  }

  #answer(x: Exchange<N>, bytes: Buffer, end: number): void {
    let i = 0
    while (!this.#inBody) {
      const next = this.#head(x, bytes, i, end)
      if (next <= 0) return
      i = next
    }
    if (i < end && !this.#body.done) {
      i = this.#body.take(bytes, i, end, x.downstream)
      if (i === -1) return this.#fail(responseRefusal(FLAW.chunk, this.#name))
    }
    if (this.#body.done) this.#whole(x, i < end)
  }

  /** @returns the position after one head and the body so far; 0: nothing more to do now */
  #head(x: Exchange<N>, bytes: Buffer, i: number, end: number): number {
    if (i === end) return 0
    const { responseNames, limits } = this.#settings
    const toHead = x.method === HEAD_METHOD
    const next = parseResponseHead(HEAD, bytes, i, end, responseNames, limits, toHead)
    if (next === 0) {
      this.#held.keep(bytes, i, end)
      return 0
    }
    if (next < 0) {
      this.#fail(responseRefusal(next, this.#name, HEAD.atFault))
      return 0
    }
    if (HEAD.status < 200) {
      if (!this.#interimAllowed()) return 0
      return x.respond(HEAD) && !this.#dead ? next : 0
    }
    return this.#final(x, bytes, next, end)
  }

  /** A final head: the part of the body that came with it is judged before anything is sent. */
  #final(x: Exchange<N>, bytes: Buffer, i: number, end: number): number {
    if (HEAD.framing === FRAMING.untilClose && 'encrypted' in this.socket) {
      // Anything on the way can end the connection, and Node cannot tell that from a close_notify.
      this.#fail(malformed(this.#name, UNTIL_CLOSE))
      return 0
    }
    this.#body.begin(HEAD, x.carry(HEAD))
    const next = this.#body.done ? i : this.#body.judge(bytes, i, end)
    if (next === -1) {
      this.#fail(responseRefusal(FLAW.chunk, this.#name))
      return 0
    }
    if (!x.respond(HEAD) || this.#dead) return 0
    this.#inBody = true
    this.#keepAlive = HEAD.keepAlive && HEAD.framing !== FRAMING.untilClose
    this.keepAliveSeconds = HEAD.keepAliveSeconds
    if (next > i) this.#body.handOn(bytes, x.downstream)
    return next
  }

  #interimAllowed(): boolean {
    const flaw = interimFlaw(HEAD.status, ++this.#interim)
    if (flaw !== null) this.#fail(malformed(this.#name, flaw))
    return flaw === null
  }

  /** @param more bytes came after the end of the response, so the connection must not be reused */
  #whole(x: Exchange<N>, more: boolean): void {
    const good = !more && x.requestSent && !this.#dead
    this.#x = null
    this.#held.drop()
    if (good && this.#keepAlive) {
      x.upstream = null
      this.#keeper.released(this)
    } else {
      if (good) this.#keeper.leaves(this.socket)
      this.destroy()
    }
    x.done()
  }

  #fail(refusal: Refusal): void {
    const x = this.#x
    this.#x = null
    this.destroy()
    x?.fail(refusal)
  }

  #flooded(): void {
    if (this.#x === null) this.#settings.limitHit?.('recordOverheadBytesPerSecond')
    this.#keeper.floods(this.socket)
    this.#fail(floods(this.#name))
  }

  #ended(): void {
    const x = this.#x
    const whole = x !== null && this.#inBody && this.#body.connectionEnded(x.downstream)
    if (whole) this.#whole(x, true)
    else this.#fail(this.#lost())
  }

  #close(): void {
    if (this.#x !== null) this.#fail(this.#lost())
    this.#gone()
  }

  /** Node leaves a socket open whose TLS records cannot be read. */
  #broke(error: Error): void {
    if (isFlood(error)) return this.#flooded()
    this.#fail(brokenOff(this.#name, saidBy(error), this.#inBody))
  }

  #lost(): Refusal {
    return closedEarly(this.#name, this.#inBody)
  }

  #gone(): void {
    if (this.#dead) return
    this.#dead = true
    this.#keeper.gone(this)
  }
}
