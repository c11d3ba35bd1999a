import type { Socket } from 'node:net'
import { type Audience, problemDocument, type Refusal, refusalLines } from '../refusal/refusal.ts'
import type { CoarseClock, Ticking } from './clock.ts'

const DISCARD_MS = 1000
const DISCARD_BYTES = 65_536

const PHRASES: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

/**
 * Sends one fixed response to a peer that is not served, then destroys the socket. Nothing of the
 * peer is parsed; its input is discarded for at most 1 s or 64 KiB. The response goes out with the
 * peer's first byte (or its end, or when the second is over), because HTTP clients take a response
 * that comes before their request for a broken connection.
 */
export function turnAway(
  socket: Socket,
  refusal: Refusal,
  audience: Audience,
  clock: CoarseClock,
): void {
  new TurnedAway(socket, fixedResponse(refusal, audience), clock)
}

function fixedResponse(refusal: Refusal, audience: Audience): string {
  const { status } = refusal
  const body = problemDocument(refusal, audience)
  return [
    `HTTP/1.1 ${status} ${PHRASES[status] ?? 'Refused'}`,
    ...refusalLines(refusal),
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}

class TurnedAway implements Ticking {
  readonly #socket: Socket
  readonly #response: string
  readonly #deadline: number
  #left = DISCARD_BYTES
  #answered = false

  constructor(socket: Socket, response: string, clock: CoarseClock) {
    this.#socket = socket
    this.#response = response
    this.#deadline = clock.now + DISCARD_MS
    clock.watch(this)
    // A peer that goes away while it is turned away is no news.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => clock.unwatch(this))
    socket.on('data', (bytes: Buffer) => this.#discard(bytes.length))
    socket.on('end', () => this.#answer())
  }

  tick(now: number): void {
    if (now < this.#deadline) return
    if (this.#answered) this.#socket.destroy()
    else this.#answer()
  }

  #discard(bytes: number): void {
    this.#left -= bytes
    if (this.#left < 0) this.#socket.destroy()
    else this.#answer()
  }

  #answer(): void {
    if (this.#answered) return
    this.#answered = true
    this.#socket.end(this.#response)
  }
}

/** Destroys a socket that is not in use: errors that still come of it are no news. */
export function dispose(socket: Socket): void {
  socket.on('error', nothing)
  socket.destroy()
}

function nothing(): void {}
