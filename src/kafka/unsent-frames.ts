import type { Socket } from 'node:net'
import { writeOnce } from '../transport/write-once.ts'
import type { HeldRoom } from './held-bytes.ts'

interface Unsent {
  readonly room: HeldRoom
  readonly since: number
}

/** Held frames that are being sent: their room is released when the system has accepted them. */
export class UnsentFrames {
  readonly #clock: { readonly now: number }
  readonly #frames = new Set<Unsent>()

  constructor(clock: { readonly now: number }) {
    this.#clock = clock
  }

  /** Since when the oldest is being sent; infinity: none is. */
  get oldest(): number {
    const [first] = this.#frames
    return first?.since ?? Number.POSITIVE_INFINITY
  }

  /**
   * Sends them together.
   *
   * @param room what the last of them is held in, where there is any
   * @param isNeeded may their bytes be read after they are sent? The code for an answer may have
   * kept views of the request; for an unchanged one nothing is kept.
   */
  send(
    socket: Socket,
    frames: readonly Buffer[],
    room: HeldRoom | undefined,
    isNeeded: boolean,
  ): void {
    if (frames.length > 1) socket.cork()
    const last = frames.length - 1
    for (const [i, frame] of frames.entries()) {
      const sent = i < last || room === undefined ? undefined : this.#sending(room)
      if (isNeeded) socket.write(frame, sent)
      else writeOnce(socket, frame, sent)
    }
    if (frames.length > 1) socket.uncork()
  }

  destroy(): void {
    for (const { room } of this.#frames) room.release()
    this.#frames.clear()
  }

  /** Returns what is called when it is sent. */
  #sending(room: HeldRoom): () => void {
    const unsent = { room, since: this.#clock.now }
    this.#frames.add(unsent)
    return () => {
      this.#frames.delete(unsent)
      room.release()
    }
  }
}
