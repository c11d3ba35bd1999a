import type { Socket } from 'node:net'
import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { WireSettings } from '../face.ts'
import { Batch } from './batch.ts'
import { Budget } from './budget.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import { FLAG, FRAME } from './frames.ts'
import { HeadPieces } from './head-pieces.ts'

/** When nothing has come for so long a PING is sent; when nothing has come for twice that, it is over. */
const QUIET_MS = 15_000
/** After the last word, for the peer to close too. */
const LINGER_MS = 1000
/** Frames that do no work: at once, and per second on top. */
const MOST_NOISE = 4096
const NOISE_PER_SECOND = 512
/** Credit in smaller crumbs is noise. */
const CRUMB_BYTES = 4096
/** More than any batch and the heads of all exchanges should ever need. */
const MOST_WAITING_BYTES = 16_777_216
/** When nothing was written for so long, what a large body has needed is given back. */
const SHRINK_MS = 5000

const EIGHT = Buffer.alloc(8)

/** One exchange as the link sees it. */
export interface LinkStream {
  readonly bufferedBytes: number
  /** A DATA frame of this length begins. */
  dataBegins(length: number): LinkEnding | null
  data(bytes: Buffer, start: number, end: number): LinkEnding | null
  /** The peer's half is over. */
  ended(): LinkEnding | null
  /** False when it is more than the window holds. */
  granted(bytes: number): boolean
  /** The peer gave it up. */
  reset(why: number): void
  /** The link is gone. */
  lost(): void
  /** What came within one turn has been handed on: it may leave, and credit goes back. */
  settle(): void
  tick(now: number): void
}

/** What the rooms above want to know. */
export interface LinkEvents {
  /** @param peer the name of the other side; `detail` says more where there is more to say */
  ended(ending: LinkEnding, peer: string, detail: string): void
}

/**
 * A connection that carries many exchanges. This is what both ends have in common: frames in and out,
 * liveness, budgets, leaving in good order.
 */
export abstract class Link<S extends LinkStream> implements FrameSink {
  readonly peer: string
  readonly batch: Batch
  readonly openedAt: number
  protected readonly settings: WireSettings
  protected readonly socket: Socket
  protected readonly streams = new Map<number, S>()
  /** The id that was opened last. */
  protected lastId = 0
  /** We have said GOAWAY. */
  protected leaving = false
  /** The peer has. */
  protected peerLeaves = false
  /** When an exchange was last open. */
  protected usedAt: number
  readonly #events: LinkEvents
  readonly #reader: FrameReader
  readonly #pieces: HeadPieces
  readonly #noise: Budget
  #heardAt: number
  #pinged = false
  /** Frames that have come, and when the last one came to its end or none was begun. */
  #frames = 0
  #frameSince: number
  #writes = 0
  #wroteAt = 0
  #stuckSince = 0
  #endsAt = 0
  #over = false
  #touched: S[] = []
  readonly #settleTouched: () => void

  constructor(socket: Socket, peer: string, settings: WireSettings, events: LinkEvents) {
    const { now } = settings.clock
    this.socket = socket
    this.peer = peer
    this.settings = settings
    this.openedAt = now
    this.usedAt = now
    this.batch = new Batch(socket)
    this.#events = events
    this.#reader = new FrameReader(this)
    this.#pieces = new HeadPieces(settings.limits)
    this.#noise = new Budget(MOST_NOISE, NOISE_PER_SECOND, now)
    this.#heardAt = now
    this.#frameSince = now
    this.#settleTouched = () => {
      const touched = this.#touched
      this.#touched = []
      for (const stream of touched) stream.settle()
    }
    socket.on('error', () => {})
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

  /** Is it over, even if nobody has been told yet? */
  get ended(): boolean {
    return this.#over || this.socket.destroyed
  }

  get bufferedBytes(): number {
    let bytes = this.batch.waitingBytes + this.#reader.bufferedBytes + this.#pieces.bufferedBytes
    for (const stream of this.streams.values()) bytes += stream.bufferedBytes
    return bytes
  }

  /** Bytes came from the peer. */
  read(bytes: Buffer, start: number, end: number): void {
    if (this.#over) return
    this.#heardAt = this.settings.clock.now
    this.#pinged = false
    const ending = this.#reader.read(bytes, start, end)
    if (ending !== null) return this.close(ending)
    if (this.batch.waitingBytes > MOST_WAITING_BYTES) return this.close('not-reading')
    if (this.#pieces.begun) return
    if (!this.#reader.within || this.#frames !== this.#reader.frames) {
      this.#frames = this.#reader.frames
      this.#frameSince = this.#heardAt
    }
  }

  /** The exchange is over on both sides, or nobody asks for it any more. */
  drop(id: number): void {
    this.streams.delete(id)
    this.usedAt = this.settings.clock.now
    if (this.streams.size === 0) this.restful()
  }

  /** No new exchange from now on; what is open finishes. */
  leave(): void {
    if (this.leaving || this.#over) return
    this.leaving = true
    this.batch.frame(FRAME.goaway, 0, 0, EIGHT, 0, 0)
    if (this.streams.size === 0) this.restful()
  }

  /** Ends it at once: the peer broke a rule, or we go. */
  close(ending: LinkEnding, detail = ''): void {
    if (this.#over) return
    this.batch.stop()
    this.socket.destroy()
    this.#gone(ending, detail)
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    if (this.#endsAt !== 0) {
      if (now >= this.#endsAt) this.socket.destroy()
      return
    }
    if (this.#over) return
    for (const stream of this.streams.values()) stream.tick(now)
    this.#watchReading(now)
    this.#watchWriting(now)
  }

  // --- frames ------------------------------------------------------------------------------------

  dataBegins(id: number, length: number): LinkEnding | null {
    if (this.#pieces.begun) return 'bad-order'
    const stream = this.streams.get(id)
    return stream === undefined ? this.late(id) : stream.dataBegins(length)
  }

  data(id: number, bytes: Buffer, start: number, end: number): LinkEnding | null {
    const stream = this.streams.get(id)
    if (stream === undefined) return null
    this.#touch(stream)
    return stream.data(bytes, start, end)
  }

  dataEnds(id: number): LinkEnding | null {
    return this.streams.get(id)?.ended() ?? null
  }

  frame(
    type: number,
    flags: number,
    id: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): LinkEnding | null {
    if (type === FRAME.open || type === FRAME.head) {
      return this.#headFrame(type, flags, id, bytes, start, end)
    }
    if (this.#pieces.begun) return 'bad-order'
    switch (type) {
      case FRAME.end:
        return this.#end(id)
      case FRAME.credit:
        return this.#credit(id, bytes.readUInt32BE(start))
      case FRAME.reset:
        return this.#reset(id, bytes[start]!)
      case FRAME.ping:
        return this.#ping(flags, bytes, start, end)
      default:
        if (this.peerLeaves) return this.noise()
        this.peerLeaves = true
        this.peerLeft()
        return null
    }
  }

  /** A whole head of an OPEN or a HEAD, of which each end takes only one. */
  protected abstract head(
    type: number,
    flags: number,
    id: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): LinkEnding | null
  /** The peer opens, or answers, nothing new any more. */
  protected abstract peerLeft(): void
  /** No exchange is open. */
  protected abstract restful(): void
  /** A stream was given up by the peer. */
  protected abstract cancelled(): LinkEnding | null

  /** A frame of an exchange that is not open: late, or of one that never was. */
  protected late(id: number): LinkEnding | null {
    return id > this.lastId ? 'bad-order' : this.noise()
  }

  protected noise(): LinkEnding | null {
    return this.#noise.spend(this.settings.clock.now) ? null : 'too-much-noise'
  }

  /** Our last word has been said: the socket ends when it has left. */
  protected finish(): void {
    if (this.#over) return
    this.batch.finish()
    this.#endsAt = this.settings.clock.now + LINGER_MS
    this.#gone('left', '')
  }

  #headFrame(
    type: number,
    flags: number,
    id: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): LinkEnding | null {
    const pieces = this.#pieces
    const more = (flags & FLAG.more) !== 0
    if (!more && !pieces.begun) return this.head(type, flags, id, bytes, start, end)
    if (!pieces.fits(type, id)) return 'bad-order'
    pieces.add(type, id, bytes, start, end)
    if (more) return null
    const whole = pieces.take()
    return this.head(type, flags, id, whole, 0, whole.length)
  }

  #end(id: number): LinkEnding | null {
    const stream = this.streams.get(id)
    return stream === undefined ? this.late(id) : stream.ended()
  }

  #credit(id: number, bytes: number): LinkEnding | null {
    if (bytes < CRUMB_BYTES && this.noise() !== null) return 'too-much-noise'
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

  #ping(flags: number, bytes: Buffer, start: number, end: number): LinkEnding | null {
    if ((flags & FLAG.ack) === 0) {
      this.batch.frame(FRAME.ping, FLAG.ack, 0, bytes, start, end)
    }
    return this.noise()
  }

  #touch(stream: S): void {
    const touched = this.#touched
    if (touched.at(-1) === stream) return
    if (touched.push(stream) === 1) setImmediate(this.#settleTouched)
  }

  // --- life --------------------------------------------------------------------------------------

  #watchReading(now: number): void {
    const { limits } = this.settings
    if ((this.#reader.within || this.#pieces.begun) && now - this.#frameSince > limits.headMs) {
      return this.close('slow-frame')
    }
    const quietMs = now - this.#heardAt
    if (quietMs > 2 * QUIET_MS) return this.close('silent')
    if (quietMs > QUIET_MS && !this.#pinged) {
      this.#pinged = true
      this.batch.frame(FRAME.ping, 0, 0, EIGHT, 0, EIGHT.length)
    }
  }

  #watchWriting(now: number): void {
    const { batch } = this
    const progress = batch.writes !== this.#writes
    this.#writes = batch.writes
    if (batch.busy && !progress) {
      if (this.#stuckSince === 0) this.#stuckSince = now
      if (now - this.#stuckSince > this.settings.limits.bodyIdleMs) this.close('not-reading')
      return
    }
    this.#stuckSince = 0
    if (progress) this.#wroteAt = now
    else if (now - this.#wroteAt > SHRINK_MS) batch.shrink()
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
    const streams = [...this.streams.values()]
    this.streams.clear()
    for (const stream of streams) stream.lost()
    this.unusable()
    this.#events.ended(ending, this.peer, detail)
  }

  /** Nobody may use it again. */
  protected abstract unusable(): void
  /** Its socket is closed: there is nothing more to look after. */
  protected abstract closed(): void
}
