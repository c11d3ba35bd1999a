import type { Socket } from 'node:net'
import type { HeldRoom } from './held-bytes.ts'

interface Unsent {
  readonly room: HeldRoom
  readonly since: number
}

/** Frames that were held and are being sent: their room is given back when the system has taken them. */
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

  /** Sends them together; `room`, where there is any, is what the last of them is held in. */
  send(socket: Socket, frames: readonly Buffer[], room: HeldRoom | undefined): void {
    if (frames.length > 1) socket.cork()
    const last = frames.length - 1
    for (const [i, frame] of frames.entries()) {
      if (i < last || room === undefined) socket.write(frame)
      else this.#write(socket, frame, room)
    }
    if (frames.length > 1) socket.uncork()
  }

  destroy(): void {
    for (const { room } of this.#frames) room.release()
    this.#frames.clear()
  }

  #write(socket: Socket, frame: Buffer, room: HeldRoom): void {
    const unsent = { room, since: this.#clock.now }
    this.#frames.add(unsent)
    socket.write(frame, () => {
      this.#frames.delete(unsent)
      room.release()
    })
  }
}
