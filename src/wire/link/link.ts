import type { Socket } from 'node:net'
import { isTlsError, saidBy } from '../../fault.ts'
import type { LinkEnding } from '../../refusal/link-endings.ts'
import { FLOODED, isFlood, RecordOverhead, type Underlying } from '../../refusal/record-overhead.ts'
import type { WireSettings } from '../face.ts'
import { Batch } from './batch.ts'
import { ControlFrameBudget } from './control-frame-budget.ts'
import { FrameReader, type FrameSink, type LinkFrame } from './frame-reader.ts'
import { FLAG, FRAME } from './frames.ts'
import { HeadPieces } from './head-pieces.ts'
import { Keepalive } from './keepalive.ts'
import { type LinkEvents, type LinkStream, SettlingStreams } from './link-stream.ts'
import { OpenStreams } from './open-streams.ts'

/** After our last frame: the time for the peer to close too. */
const LINGER_MS = 1000
/** More than a batch and the heads of all exchanges should ever need. */
const MOST_WAITING_BYTES = 16_777_216

const EIGHT = Buffer.alloc(8)

/**
 * A connection that carries many exchanges. The common part of both ends: frames in and out,
 * liveness, budgets, leaving in order.
 */
export abstract class LinkConnection<S extends LinkStream> implements FrameSink {
  readonly peer: string
  readonly batch: Batch
  readonly openedAt: number
  protected readonly settings: WireSettings
  protected readonly socket: Socket
  protected readonly streams = new OpenStreams<S>()
  protected readonly settling = new SettlingStreams()
  /** A head that comes in several frames. */
  protected readonly pieces: HeadPieces
  protected readonly overhead: RecordOverhead
  /** The id that was opened last. */
  protected lastId = 0
  /** We have said GOAWAY. */
  protected leaving = false
  /** The peer has. */
  protected peerLeaves = false
  /** When an exchange was last open. */
  protected usedAt = 0
  readonly #events: LinkEvents
  readonly #reader: FrameReader
  readonly #controlFrames: ControlFrameBudget
  readonly #keepalive: Keepalive
  #endsAt = 0
  #over = false

  /** `below`: what carries TLS; null where there is none. */
  constructor(
    socket: Socket,
    peer: string,
    settings: WireSettings,
    events: LinkEvents,
    below: Underlying | null,
  ) {
    const { now } = settings.clock
    this.socket = socket
    this.peer = peer
    this.settings = settings
    this.openedAt = now
    this.usedAt = now
    this.batch = new Batch(socket)
    this.overhead = new RecordOverhead(below, socket, now)
    this.#events = events
    this.#reader = new FrameReader(this)
    this.pieces = new HeadPieces(settings.limits)
    this.#controlFrames = new ControlFrameBudget(now)
    this.#keepalive = new Keepalive(this.batch, settings.limits, now)
    socket.on('error', (error) => this.#broke(error))
    socket.on('end', () => this.peerEnded())
    socket.on('close', () => {
      this.#gone('lost', 'the connection was closed')
      this.closed()
    })
  }

  /** Exchanges that are open. */
  get size(): number {
    return this.streams.size
  }

  /** Is it over, even if that was not reported yet? */
  get ended(): boolean {
    return this.#over || this.socket.destroyed
  }

  get bufferedBytes(): number {
    let bytes = this.batch.waitingBytes + this.#reader.bufferedBytes + this.pieces.bufferedBytes
    for (const stream of this.streams.all()) bytes += stream.bufferedBytes
    return bytes
  }

  /** Bytes came from the peer. @returns the position behind those that were used in this turn */
  read(bytes: Buffer, start: number, end: number): number {
    if (this.#over) return end
    const reader = this.#reader
    const ending = reader.read(bytes, start, end)
    this.settling.readEnds()
    if (ending !== null) this.close(ending)
    else if (this.batch.waitingBytes > MOST_WAITING_BYTES) this.close('not-reading')
    if (this.#over) return end
    const wasLate = this.#keepalive.isLate
    this.#keepalive.heard(this.settings.clock.now, reader.frames, reader.within, this.pieces.begun)
    if (wasLate) this.answersAgain()
    return reader.usedTo
  }

  /** An exchange is open now. */
  protected opened(id: number, stream: S): void {
    this.lastId = id
    this.streams.add(id, stream)
    this.#controlFrames.opened()
  }

  /** The exchange is over on both sides, or no longer wanted. */
  drop(id: number): void {
    this.streams.delete(id)
    this.usedAt = this.settings.clock.now
    if (this.streams.size === 0) this.restful()
  }

  /** Output of this exchange need not wait for others if no other is open. */
  flush(id: number): void {
    if (this.streams.size <= 1) this.batch.flushAlone(id)
  }

  /** No new exchange from now on; what is open finishes. */
  leave(): void {
    if (this.leaving || this.#over) return
    this.leaving = true
    this.batch.frame(FRAME.goaway, 0, 0, EIGHT, 0, 0)
    if (this.streams.size === 0) this.restful()
  }

  /** Ends it at once: the peer broke a rule, or this process ends. */
  close(ending: LinkEnding, detail = ''): void {
    if (this.#over) return
    this.batch.stop()
    this.socket.destroy()
    this.#gone(ending, detail)
  }

  /** Called by the coarse clock; `waits`: the peer owes an answer. */
  tick(now: number, waits = false): void {
    if (this.#endsAt !== 0) {
      if (now >= this.#endsAt) this.socket.destroy()
      return
    }
    if (this.#over) return
    for (const id of this.streams.ids()) this.streams.get(id)?.tick(now)
    const verdict = this.#keepalive.tick(now, waits)
    if (verdict === 'ping') this.batch.frame(FRAME.ping, 0, 0, EIGHT, 0, EIGHT.length)
    else if (verdict === 'late') this.answersLate()
    else if (verdict !== null) this.close(verdict)
    if (!this.ended && this.overhead.isTooMuch(now, this.settings.limits)) this.flooded()
  }

  // --- frames ------------------------------------------------------------------------------------

  dataBegins(id: number, length: number): LinkEnding | null {
    if (this.pieces.begun) return 'bad-order'
    const stream = this.streams.get(id)
    return stream === undefined ? this.late(id) : stream.dataBegins(length)
  }

  data(id: number, bytes: Buffer, start: number, end: number): LinkEnding | null {
    const stream = this.streams.get(id)
    if (stream === undefined) return null
    this.settling.add(stream)
    return stream.data(bytes, start, end)
  }

  dataEnds(id: number): LinkEnding | null {
    return this.streams.get(id)?.ended() ?? null
  }

  frame(frame: LinkFrame): LinkEnding | null {
    const { type, id, bytes, start } = frame
    if (type === FRAME.open || type === FRAME.head) return this.#headFrame(frame)
    if (this.pieces.begun) return 'bad-order'
    switch (type) {
      case FRAME.end:
        return this.#ends(id)
      case FRAME.credit:
        return this.#credit(id, bytes.readUInt32BE(start))
      case FRAME.reset:
        return this.#reset(id, bytes[start]!)
      case FRAME.ping:
        return this.#ping(frame)
      default:
        if (this.peerLeaves) return this.controlFrames()
        this.peerLeaves = true
        this.peerLeft()
        return null
    }
  }

  /** A complete head of an OPEN or a HEAD; each end accepts only one of the two. */
  protected abstract head(frame: LinkFrame): LinkEnding | null
  /** The peer opens, or answers, no new exchanges. */
  protected abstract peerLeft(): void
  /** No exchange is open. */
  protected abstract restful(): void
  /** The answer to a PING is late: the peer may be gone. */
  protected answersLate(): void {}
  /** Something has come after all. */
  protected answersAgain(): void {}
  /** A stream was given up by the peer. */
  abstract cancelled(): LinkEnding | null

  /** A frame of an exchange that is not open: late, or never opened. */
  protected late(id: number): LinkEnding | null {
    return id > this.lastId ? 'bad-order' : this.controlFrames()
  }

  protected controlFrames(): LinkEnding | null {
    return this.#controlFrames.spend(this.settings.clock.now) ? null : 'too-much-noise'
  }

  /** Our last frame is queued: the socket ends when it has been written. */
  protected finish(): void {
    if (this.#over) return
    this.batch.finish()
    this.#endsAt = this.settings.clock.now + LINGER_MS
    this.#gone('left', '')
  }

  #headFrame(frame: LinkFrame): LinkEnding | null {
    const { pieces } = this
    const more = (frame.flags & FLAG.more) !== 0
    if (!more && !pieces.begun) return this.head(frame)
    if (!pieces.fits(frame)) return 'bad-order'
    pieces.add(frame)
    return more ? null : this.head(pieces.whole(frame))
  }

  #ends(id: number): LinkEnding | null {
    const stream = this.streams.get(id)
    return stream === undefined ? this.late(id) : stream.ended()
  }

  #credit(id: number, bytes: number): LinkEnding | null {
    if (!this.#controlFrames.allowsCredit(bytes, this.settings.clock.now)) return 'too-much-noise'
    const stream = this.streams.get(id)
    if (stream === undefined) return this.late(id)
    return bytes > 0 && stream.granted(bytes) ? null : 'bad-credit'
  }

  #reset(id: number, why: number): LinkEnding | null {
    const stream = this.streams.get(id)
    if (stream === undefined) return this.late(id)
    stream.reset(why)
    this.drop(id)
    return this.cancelled()
  }

  #ping({ flags, bytes, start, end }: LinkFrame): LinkEnding | null {
    if ((flags & FLAG.ack) === 0) this.batch.frame(FRAME.ping, FLAG.ack, 0, bytes, start, end)
    return this.controlFrames()
  }

  /** The peer sends TLS records without data. */
  protected flooded(): void {
    if (this.#over) return
    this.settings.limitHit?.('recordOverheadBytesPerSecond')
    this.close('too-much-noise', FLOODED.because)
  }

  /** Node leaves a socket open whose TLS records cannot be read. */
  #broke(error: Error): void {
    if (isFlood(error)) this.flooded()
    else this.close(isTlsError(error) ? 'broken' : 'lost', saidBy(error))
  }

  /** The peer has sent its last byte. */
  protected peerEnded(): void {
    if (this.streams.size === 0) this.finish()
    else this.close('lost', 'the peer ended the connection')
  }

  #gone(ending: LinkEnding, detail: string): void {
    if (this.#over) return
    this.#over = true
    if (this.#endsAt === 0) this.batch.stop()
    const streams = this.streams.all()
    this.streams.clear()
    for (const stream of streams) stream.lost()
    this.unusable()
    this.#events.ended(ending, this.peer, detail)
  }

  /** It may not be used again. */
  protected abstract unusable(): void
  /** Its socket is closed: there is nothing more to check. */
  protected abstract closed(): void
}
