import type { Socket } from 'node:net'
import { saidBy } from '../../fault.ts'
import { isFlood, RecordOverhead } from '../../refusal/record-overhead.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import type { Exchange } from '../exchange.ts'
import type { UpstreamStream, WireSettings } from '../face.ts'
import { brokenOff, closedEarly, floods, late, takesNothing } from '../flaws.ts'
import { owesAnswer } from '../pace.ts'
import { WriteBuffer } from '../write-buffer.ts'
import type { ConnectionOwner } from './connection-owner.ts'
import { UpstreamResponse } from './upstream-response.ts'

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
  readonly socket: Socket
  readonly #settings: WireSettings
  readonly #keeper: ConnectionOwner<UpstreamConnection<N>>
  readonly #writeBuffer: WriteBuffer
  readonly #response: UpstreamResponse<N>
  readonly #overhead: RecordOverhead
  #x: Exchange<N> | null = null
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
    const isTls = 'encrypted' in socket
    // A peer with a proven identity is named by it, otherwise by its address.
    this.#name = isTls || name === peer ? peer : `${name} (${peer})`
    this.peer = peer
    this.epoch = epoch
    this.#settings = settings
    this.#keeper = keeper
    this.openedAt = settings.clock.now
    const connection = { name: this.#name, isTls, isDead: () => this.#dead }
    this.#response = new UpstreamResponse<N>(connection, settings)
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
    return this.#response.heldBytes + this.#writeBuffer.waiting
  }

  /** Seconds that the upstream promised to keep an idle connection, -1 unknown. */
  get keepAliveSeconds(): number {
    return this.#response.keepAliveSeconds
  }

  // --- the request's way out ---------------------------------------------------------------------

  /** Starts the exchange and sends its head. */
  begin(x: Exchange<N>, head: Buffer, length: number): void {
    this.#x = x
    this.#response.begin()
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
    const refusal = late(this.#name, now - this.#since, this.#response.inBody, limits)
    if (refusal !== null) this.#fail(refusal)
  }

  // --- the response's way back -------------------------------------------------------------------

  /** The read callback: `buffer` is shared. @returns false to stop reading */
  read(length: number, buffer: Buffer): boolean {
    this.#overhead.heard(length)
    const x = this.#x
    if (x === null) {
      // Unrequested: a second answer on an idle socket must reach no caller (Node CVE-2026-48931).
      this.destroy()
      return false
    }
    const progress = this.#response.read(x, buffer, length)
    if (progress === 'half') return true
    if (progress === 'whole' || progress === 'excess') this.#whole(x, progress === 'excess')
    else if (progress !== 'more') this.#fail(progress)
    if (this.#response.inBody) this.#since = this.#settings.clock.now
    x.downstream.flush()
    if (this.#dead) return false
    // The pool may have given this connection to another exchange meanwhile.
    const now = this.#x
    this.#paused = now?.downstream.blocked === true
    return !this.#paused
  }

  /** @param more bytes came after the end of the response, so the connection must not be reused */
  #whole(x: Exchange<N>, more: boolean): void {
    const good = !more && x.requestSent && !this.#dead
    this.#x = null
    this.#response.drop()
    if (good && this.#response.keepAlive) {
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
    const whole = x !== null && this.#response.connectionEnded(x.downstream)
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
    this.#fail(brokenOff(this.#name, saidBy(error), this.#response.inBody))
  }

  #lost(): Refusal {
    return closedEarly(this.#name, this.#response.inBody)
  }

  #gone(): void {
    if (this.#dead) return
    this.#dead = true
    this.#keeper.gone(this)
  }
}
