import type { TLSSocket } from 'node:tls'
import { floodError, RecordOverhead } from '../refusal/record-overhead.ts'
import type { Carrier } from './below.ts'
import type { CoarseClock, Ticking } from './clock.ts'

/** Watches a connection that wire does not read. */
export interface WatchOptions {
  readonly recordOverheadBytesPerSecond: number
  readonly clock: CoarseClock
  /** It sent TLS records without data; called before it is ended. */
  readonly flooded: () => void
}

/**
 * Ends a connection over TLS whose peer sends records without data. To be created after the reader
 * has added its listeners: until then nothing may flow.
 */
export class OverheadWatch implements Ticking {
  readonly #socket: TLSSocket
  readonly #options: WatchOptions
  readonly #overhead: RecordOverhead

  constructor(socket: TLSSocket, carrier: Carrier, options: WatchOptions) {
    const { clock } = options
    this.#socket = socket
    this.#options = options
    this.#overhead = new RecordOverhead(carrier, socket, clock.now)
    socket.on('data', (bytes: Buffer) => this.#overhead.heard(bytes.length))
    socket.on('close', () => clock.unwatch(this))
    clock.watch(this)
  }

  tick(now: number): void {
    if (!this.#overhead.isTooMuch(now, this.#options)) return
    this.#options.flooded()
    this.#socket.destroy(floodError())
  }
}
