import type { Socket } from 'node:net'

const SCRATCH = Buffer.allocUnsafeSlow(65536)
/** A single read of libuv: what may still come after a source was told to stop. */
const READ_BYTES = 65536
/** From this size on a span is written as it is instead of being gathered. */
const LARGE = 16384

let holder: Outbox | null = null
let used = 0

/**
 * What is on its way to one socket. Small spans of one turn are gathered in a scratch buffer that the
 * whole process shares, and leave in one write: the number of writes is what a proxy costs.
 */
export class Outbox {
  /** The socket holds so much that one more read would exceed the limit: stop the source. */
  blocked = false
  readonly #socket: Socket
  readonly #mark: number
  readonly #written: () => void

  /**
   * @param mostBytes `limits.bufferedBytesPerExchange`
   * @param drained the source may go on
   */
  constructor(socket: Socket, mostBytes: number, drained: () => void) {
    this.#socket = socket
    this.#mark = Math.max(0, mostBytes - READ_BYTES)
    // Not 'drain': it only comes when the socket's own mark was passed, which is larger.
    this.#written = () => {
      if (!this.blocked || socket.destroyed || socket.writableLength > this.#mark) return
      this.blocked = false
      drained()
    }
  }

  /** Bytes that the socket has not taken yet. */
  get waiting(): number {
    return this.#socket.writableLength + (holder === this ? used : 0)
  }

  /**
   * Puts [start, end) in line.
   * @param ours nobody writes into `bytes` again: a large span needs no copy
   */
  put(bytes: Buffer, start: number, end: number, ours = false): void {
    const length = end - start
    if (holder !== this) {
      holder?.flush()
      holder = this
      used = 0
    }
    if (length > SCRATCH.length - used || (ours && length >= LARGE)) {
      this.flush()
      if (length >= LARGE) {
        const span = bytes.subarray(start, end)
        this.#write(ours ? span : Buffer.from(span))
        return
      }
      holder = this
    }
    bytes.copy(SCRATCH, used, start, end)
    used += length
  }

  /** Writes what was gathered. */
  flush(): void {
    if (holder !== this) return
    holder = null
    if (used === 0) return
    const gathered = Buffer.from(SCRATCH.subarray(0, used))
    used = 0
    this.#write(gathered)
  }

  /** Forgets what was gathered: the socket is being destroyed. */
  drop(): void {
    if (holder !== this) return
    holder = null
    used = 0
  }

  #write(bytes: Buffer): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return
    this.#socket.write(bytes, this.#written)
    if (this.#socket.writableLength > this.#mark) this.blocked = true
  }
}
