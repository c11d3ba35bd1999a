import type { Socket } from 'node:net'
import type { WriteBuffer } from '../write-buffer.ts'
import type { Deadlines } from './deadlines.ts'

/** How much of a caller's input is discarded after its last answer. */
const MOST_LINGER_BYTES = 65_536

/** How a caller's connection ends: in order if possible, otherwise visibly cut. */
export class GracefulClose {
  readonly #socket: Socket
  readonly #writeBuffer: WriteBuffer
  readonly #deadlines: Deadlines
  #swallowed = 0

  constructor(socket: Socket, writeBuffer: WriteBuffer, deadlines: Deadlines) {
    this.#socket = socket
    this.#writeBuffer = writeBuffer
    this.#deadlines = deadlines
  }

  /**
   * Half-closes, and discards what still arrives: a reset could make the caller lose the answer.
   */
  goodbye(): void {
    this.#deadlines.await('leave')
    this.#writeBuffer.flush()
    this.#socket.end(() => this.#deadlines.await('linger'))
    this.#socket.resume()
  }

  /** Input after the last answer. */
  swallow(bytes: number): void {
    this.#swallowed += bytes
    // A cut now could overtake the answer, so nothing more is read until the time is over.
    if (this.#swallowed > MOST_LINGER_BYTES) this.#socket.pause()
  }

  /**
   * An answer that has begun cannot be completed. HTTP/1.1 frames its bodies: what was sent may
   * still arrive, because its missing end is noticed.
   */
  abort(framed: boolean): void {
    if (!framed) return this.cut()
    this.#writeBuffer.flush()
    this.#deadlines.await('leave')
    this.#socket.destroySoon()
  }

  /** Destroys it so that the caller cannot mistake what it has for a complete answer. */
  cut(): void {
    this.#writeBuffer.drop()
    // Only TCP has a reset; a Unix socket has no remote address.
    const plain = !('encrypted' in this.#socket) && this.#socket.remoteAddress !== undefined
    if (plain) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }
}
