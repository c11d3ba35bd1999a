import type { Refusal } from '../refusal/refusal.ts'
import type { NamedPlace } from '../transport/named-handshake.ts'
import type { ServerConnector } from './server-connection.ts'

/**
 * The keys of the sessions that one listener opened: a cancel request is forwarded only with one of
 * them, and only to the server that issued it.
 */
export class CancelKeys {
  /** Null: two servers issued the same key, so it does not identify a session. */
  readonly #places = new Map<string, NamedPlace | null>()

  /** Adds a key; returns a function that removes it. */
  add(processId: number, key: Buffer, place: NamedPlace): () => void {
    const name = nameOf(processId, key)
    this.#places.set(name, this.#places.has(name) ? null : place)
    return () => this.#places.delete(name)
  }

  /** Where the request is to go; undefined: it names no session. */
  find(processId: number, key: Buffer): NamedPlace | undefined {
    return this.#places.get(nameOf(processId, key)) ?? undefined
  }
}

function nameOf(processId: number, key: Buffer): string {
  return `${processId} ${key.toString('hex')}`
}

/** A request that is to go on, to where its session is. */
export interface PassedCancel {
  readonly connector: ServerConnector
  readonly place: NamedPlace
  readonly packet: Buffer
  /** How long to wait for a server that does not close the connection. */
  readonly mostMs: number
}

/**
 * Forwards a request. PostgreSQL sends no answer, and closes the connection when it has read it.
 * `done` gets why the request did not reach the server.
 */
export function passCancel(passed: PassedCancel, done: (refusal: Refusal | null) => void): void {
  const { connector, place, packet, mostMs } = passed
  connector.connectTo(place, (refusal, opened) => {
    if (opened === null) return done(refusal)
    const { socket } = opened
    socket.on('error', () => socket.destroy())
    socket.on('close', () => done(null))
    socket.setTimeout(mostMs, () => socket.destroy())
    socket.resume()
    socket.end(packet)
  })
}
