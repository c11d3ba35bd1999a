import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { errorCode } from '../fault.ts'
import type { Limit } from '../refusal/limits.ts'
import type { CoarseClock } from './clock.ts'
import { dispose } from './turn-away.ts'

/** Why a socket could not be opened. */
export interface OpeningFailure {
  readonly why: string
  /** Undefined if no error was reported. */
  readonly code?: string
}

/** How long a socket may take to open. */
export interface OpeningTimes {
  readonly connectMs: number
  readonly handshakeMs: number
  readonly clock: Pick<CoarseClock, 'now'>
  /** Called with the one that was exceeded. */
  readonly limitHit?: (limit: Limit) => void
}

/**
 * A socket that opens: a TCP connection, and the handshake if it is a TLS socket. `done` is called once;
 * the socket then has no listeners. After a failure it is destroyed.
 */
export class SocketOpening {
  readonly #socket: Socket
  readonly #times: OpeningTimes
  readonly #done: (failure: OpeningFailure | null) => void
  #deadline: number
  #limit: 'connectMs' | 'handshakeMs' = 'connectMs'

  constructor(socket: Socket, times: OpeningTimes, done: (failure: OpeningFailure | null) => void) {
    this.#socket = socket
    this.#times = times
    this.#done = done
    this.#deadline = times.clock.now + times.connectMs
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    socket.on('connect', this.#onConnect)
    socket.on('secureConnect', this.#onSecure)
  }

  /** Ends it silently: `done` is not called. */
  cancel(): void {
    this.#leave()
    dispose(this.#socket)
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    if (now < this.#deadline) return
    this.#times.limitHit?.(this.#limit)
    const what =
      this.#limit === 'connectMs' ? 'no connection in time' : 'the TLS handshake did not finish'
    this.#fail({ why: what })
  }

  readonly #onError = (error: Error) => {
    const code = errorCode(error) ?? error.message
    this.#fail({ why: code, code })
  }

  readonly #onClose = () => this.#fail({ why: 'it closed the connection' })

  readonly #onConnect = () => {
    if (!(this.#socket instanceof TLSSocket)) return this.#onSecure()
    this.#limit = 'handshakeMs'
    this.#deadline = this.#times.clock.now + this.#times.handshakeMs
  }

  readonly #onSecure = () => {
    this.#leave()
    this.#done(null)
  }

  #fail(failure: OpeningFailure): void {
    this.cancel()
    this.#done(failure)
  }

  #leave(): void {
    const socket = this.#socket
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    socket.off('connect', this.#onConnect)
    socket.off('secureConnect', this.#onSecure)
  }
}
