import { freeMemory } from '../memory.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { HeldBytes, HeldRoom } from './held-bytes.ts'

/** Length, and what tells which message this is: key and version of a request, or a correlation id. */
export const FRAME_HEAD_BYTES = 8

/** `hold`: `whole` gets it. A number: `head` gets so many bytes of it, `rest` the others as they come. */
export type FrameWanted = 'hold' | 'end' | number

/** The handler of the frames of one direction. */
export interface FrameWatcher {
  /** @param size of the frame with its length in front; `head` has its first eight bytes */
  begins(size: number, head: Buffer): FrameWanted
  /** A frame including its length; the receiver releases `room`. False: nothing more for now. */
  whole(frame: Buffer, room: HeldRoom | undefined): boolean
  head(bytes: Buffer, left: number): void
  rest(bytes: Buffer, left: number): void
  /** There is no room to hold a frame. */
  noRoom(): void
}

/** `waiting`: nothing is read until `resume`. `broken`: not a frame, or too long. */
export type FramesScanned = 'on' | 'waiting' | 'end' | 'broken'

/** The limits for frames of one direction. */
export interface FrameLimits {
  /** Bytes of a frame, the length in front not counted. */
  readonly longest: number
  /** The same of one that is held. */
  readonly longestHeld: number
  readonly budget: HeldBytes
  readonly clock: { readonly now: number }
}

const NO_BYTES = Buffer.alloc(0)

/**
 * Follows the frames in a stream of bytes. A frame within one chunk is passed on as a view; one in
 * several pieces is assembled, which copies it once; a streamed one is never held.
 */
export class FrameScanner {
  readonly #watcher: FrameWatcher
  readonly #longest: number
  readonly #longestHeld: number
  readonly #budget: HeldBytes
  readonly #clock: FrameLimits['clock']
  /** Bytes that were not processed yet. */
  #unread: Buffer = NO_BYTES
  /** The frame that is gathered, and how much of it is there. */
  #gathered: Buffer | undefined
  #filled = 0
  #room: HeldRoom | undefined
  /** Of the frame that streams: its first bytes are wanted; bytes that are to come. */
  #headBytes = 0
  #left = 0
  #giveUp: (() => void) | undefined
  #stopped = false
  #since = 0

  constructor(watcher: FrameWatcher, { longest, longestHeld, budget, clock }: FrameLimits) {
    this.#clock = clock
    this.#watcher = watcher
    this.#longest = longest
    this.#longestHeld = longestHeld
    this.#budget = budget
  }

  /** Have whole frames come, and nothing else? */
  get atBoundary(): boolean {
    return this.#left === 0 && this.#gathered === undefined && this.#unread.length === 0
  }

  /** Since when a frame is held that is not whole yet, by the clock; infinity: there is none. */
  get gatheredSince(): number {
    return this.#gathered === undefined ? Number.POSITIVE_INFINITY : this.#since
  }

  /** Is nothing taken until `resume`? */
  get isWaiting(): boolean {
    return this.#stopped || this.#giveUp !== undefined
  }

  /** Which limit `broken` was about; undefined: none. */
  tooLong: 'kafka.frameBytes' | 'kafka.heldBytes' | undefined

  /** @param chunk belongs to the scanner from now on: its memory may be released */
  scan(chunk: Buffer): FramesScanned {
    const bytes = this.#withUnread(chunk)
    let at = 0
    let copied = 0
    while (at < bytes.length) {
      if (this.isWaiting) return this.#keep(bytes, at, 'waiting')
      if (this.#gathered !== undefined) {
        const end = this.#gather(this.#gathered, bytes, at)
        copied += end - at
        at = end
      } else if (this.#left > 0 && this.#headBytes === 0) at = this.#stream(bytes, at)
      else if (this.#headBytes > 0) {
        if (bytes.length - at < this.#headBytes) return this.#keep(bytes, at, 'on')
        at = this.#passHead(bytes, at)
      } else {
        if (bytes.length - at < FRAME_HEAD_BYTES) return this.#keepShort(bytes, at)
        const begun = this.#begin(bytes, at)
        if (typeof begun === 'string') return begun
        at = begun
      }
    }
    if (copied === bytes.length) freeMemory(bytes)
    return this.isWaiting ? 'waiting' : 'on'
  }

  #withUnread(chunk: Buffer): Buffer {
    const unread = this.#unread
    this.#unread = NO_BYTES
    if (unread.length === 0) return chunk
    return chunk.length === 0 ? unread : Buffer.concat([unread, chunk])
  }

  /** Goes on with what waited. */
  resume(): FramesScanned {
    this.#stopped = false
    return this.scan(NO_BYTES)
  }

  destroy(): void {
    this.#giveUp?.()
    this.#giveUp = undefined
    this.#room?.release()
    this.#room = undefined
    this.#gathered = undefined
    this.#unread = NO_BYTES
  }

  #begin(bytes: Buffer, at: number): number | FramesScanned {
    const length = bytes.readInt32BE(at)
    if (!this.#lengthFits(length, this.#longest, 'kafka.frameBytes')) return 'broken'
    const size = 4 + length
    const wanted = this.#watcher.begins(size, bytes.subarray(at, at + FRAME_HEAD_BYTES))
    if (wanted === 'end') return 'end'
    if (wanted !== 'hold') {
      this.#headBytes = Math.min(wanted, size)
      this.#left = size
      return at
    }
    if (!this.#lengthFits(length, this.#longestHeld, 'kafka.heldBytes')) return 'broken'
    if (bytes.length - at >= size) {
      this.#stopped = !this.#watcher.whole(bytes.subarray(at, at + size), undefined)
      return at + size
    }
    const room = this.#budget.take(size)
    if (room === undefined) {
      this.#watcher.noRoom()
      this.#giveUp = this.#budget.wait(size, (given) => this.#roomCame(size, given))
    } else {
      this.#hold(size, room)
    }
    return at
  }

  /** Set by the reader: called when there is room, and bytes may be scanned again. */
  onRoom: () => void = () => {}

  #roomCame(size: number, room: HeldRoom): void {
    if (this.#giveUp === undefined) return room.release()
    this.#giveUp = undefined
    this.#hold(size, room)
    this.onRoom()
  }

  #hold(size: number, room: HeldRoom): void {
    this.#room = room
    this.#gathered = Buffer.allocUnsafeSlow(size)
    this.#filled = 0
    this.#since = this.#clock.now
  }

  #gather(frame: Buffer, bytes: Buffer, at: number): number {
    const count = Math.min(frame.length - this.#filled, bytes.length - at)
    bytes.copy(frame, this.#filled, at, at + count)
    this.#filled += count
    if (this.#filled === frame.length) {
      const room = this.#room
      this.#gathered = undefined
      this.#room = undefined
      this.#stopped = !this.#watcher.whole(frame, room)
    }
    return at + count
  }

  #passHead(bytes: Buffer, at: number): number {
    const end = at + this.#headBytes
    this.#left -= this.#headBytes
    this.#headBytes = 0
    this.#watcher.head(bytes.subarray(at, end), this.#left)
    return end
  }

  #stream(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left)
    this.#left -= end - at
    this.#watcher.rest(bytes.subarray(at, end), this.#left)
    return end
  }

  #lengthFits(length: number, most: number, limit: 'kafka.frameBytes' | 'kafka.heldBytes') {
    if (length < 4) return false
    if (length <= most) return true
    this.tooLong = limit
    return false
  }

  /** An impossible frame is refused at once, if its length is already there. */
  #keepShort(bytes: Buffer, at: number): FramesScanned {
    const isKnown = bytes.length - at >= 4
    if (isKnown && !this.#lengthFits(bytes.readInt32BE(at), this.#longest, 'kafka.frameBytes')) {
      return 'broken'
    }
    return this.#keep(bytes, at, 'on')
  }

  #keep(bytes: Buffer, at: number, result: FramesScanned): FramesScanned {
    // A copy: a few bytes must not keep a whole chunk.
    const left = bytes.length - at
    this.#unread = left < 1024 ? Buffer.from(bytes.subarray(at)) : bytes.subarray(at)
    return result
  }
}

/** Why a connection ends whose frames are broken. */
export function brokenFrame({ tooLong }: FrameScanner, isRequest: boolean): Refusal {
  const what = isRequest ? 'a request' : 'an answer of the broker'
  if (tooLong === undefined) {
    const because = `${what} has a length that no frame has`
    return refuse(isRequest ? 'malformed-request' : 'upstream-malformed', because)
  }
  const because = `${what} is longer than limits.${tooLong}`
  return refuse('too-large', because, { limit: tooLong })
}
