import type { Socket } from 'node:net'
import { type Audience, problemDocument, type Refusal, refusalLines } from '../refusal/refusal.ts'
import { type CallerOrigin, originOf } from './address.ts'
import type { CoarseClock, Ticking } from './clock.ts'
import type { ConnectionSlot } from './connection-slots.ts'

const DISCARD_MS = 1000
const DISCARD_BYTES = 65_536
/** The same below TLS: records without data are read too, and no peer needs them here. */
const DISCARD_BELOW_BYTES = DISCARD_BYTES + 16_384
/** How many connections of one address, or one /64, are waited for at a time. */
const MOST_WAITED_FOR = 4

/** By the network of the peer. */
const waitedFor = new Map<CallerOrigin['network'], number>()

/** The connection below TLS, and who is charged for its bytes. */
export interface CarriedBy {
  readonly below: { readonly bytesRead: number }
  readonly slot: ConnectionSlot
}

const PHRASES: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

/**
 * Sends one fixed response to a peer that is not served, then destroys the socket. Nothing of the
 * peer is parsed; its input is discarded for at most 1 s or 64 KiB. The response is sent with the
 * peer's first byte (or its end, or when the second is over), because HTTP clients treat a response
 * before their request as a broken connection. If an address has several such connections the
 * others are answered and closed at once, because each could make us decrypt records without data.
 *
 * @param carried what carries TLS, where there is TLS
 */
export function turnAway(
  socket: Socket,
  refusal: Refusal,
  audience: Audience,
  clock: CoarseClock,
  carried?: CarriedBy,
): void {
  new TurnedAway(socket, fixedResponse(refusal, audience), clock, carried)
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
  readonly #carried: CarriedBy | undefined
  /** Bytes that had come below TLS when the handshake was over. */
  readonly #before: number
  #left = DISCARD_BYTES
  #read = 0
  #answered = false

  constructor(
    socket: Socket,
    response: string,
    clock: CoarseClock,
    carried: CarriedBy | undefined,
  ) {
    this.#socket = socket
    this.#response = response
    this.#deadline = clock.now + DISCARD_MS
    this.#carried = carried
    this.#before = carried?.below.bytesRead ?? 0
    clock.watch(this)
    // Errors of a peer that is being refused are ignored.
    socket.on('error', () => socket.destroy())
    const { network } = originOf(socket.remoteAddress ?? '')
    const others = waitedFor.get(network) ?? 0
    waitedFor.set(network, others + 1)
    socket.on('close', () => {
      clock.unwatch(this)
      forget(network)
      carried?.slot.broughtNothing(this.#belowBytes - this.#read)
    })
    if (carried !== undefined && others >= MOST_WAITED_FOR) this.#answerAndClose()
    else {
      socket.on('data', (bytes: Buffer) => this.#discard(bytes.length))
      socket.on('end', () => this.#answer())
    }
  }

  tick(now: number): void {
    if (this.#belowBytes > DISCARD_BELOW_BYTES) return void this.#socket.destroy()
    if (now < this.#deadline) return
    if (this.#answered) this.#socket.destroy()
    else this.#answer()
  }

  /** Below TLS, since the handshake. */
  get #belowBytes(): number {
    return this.#carried === undefined ? 0 : this.#carried.below.bytesRead - this.#before
  }

  #discard(bytes: number): void {
    this.#read += bytes
    this.#left -= bytes
    if (this.#left < 0) this.#socket.destroy()
    else this.#answer()
  }

  #answer(): void {
    if (this.#answered) return
    this.#answered = true
    this.#socket.end(this.#response)
  }

  #answerAndClose(): void {
    this.#answer()
    this.#socket.destroySoon()
  }
}

function forget(network: string): void {
  const left = (waitedFor.get(network) ?? 0) - 1
  if (left > 0) waitedFor.set(network, left)
  else waitedFor.delete(network)
}

/** Destroys a socket that is not in use, and ignores its late errors. */
export function dispose(socket: Socket): void {
  socket.on('error', nothing)
  socket.destroy()
}

function nothing(): void {}
