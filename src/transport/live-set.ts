import type { TLSSocket } from 'node:tls'
import type { PeerCertificates, ProvenPeer } from './authenticate.ts'

/** One live connection with a peer whose identity is proven. */
export interface LivePeer<I, R> {
  readonly socket: TLSSocket
  readonly identity: I
  /** What the peer is: `client` on our listeners, `server` where we dialled. */
  readonly role: PeerCertificates['role']
  /** What was recorded at the handshake, to judge the connection again later. */
  readonly record: R
}

export interface LiveSetOptions<I, R> {
  /** The name under which connections of one peer are counted. */
  readonly peerKey: (identity: I) => string
  /** What a later judgement needs: issuer and serial, fingerprints, generation. */
  readonly record: (facts: PeerCertificates) => R
}

/**
 * The live connections of mutual TLS, both those accepted and those opened, until their sockets
 * close. When trust changes they are judged again from their records.
 */
export class LiveSet<I, R = unknown> {
  readonly #options: LiveSetOptions<I, R>
  readonly #peers = new Set<LivePeer<I, R>>()
  readonly #accepted = new Map<string, number>()

  constructor(options: LiveSetOptions<I, R>) {
    this.#options = options
  }

  get size(): number {
    return this.#peers.size
  }

  /** The name under which connections of this peer are counted. */
  keyOf(identity: I): string {
    return this.#options.peerKey(identity)
  }

  /** Connections that this peer has opened to us and not yet closed. */
  acceptedFrom(identity: I): number {
    return this.#accepted.get(this.keyOf(identity)) ?? 0
  }

  /** Adds a connection; it is removed when its socket closes. */
  add(socket: TLSSocket, { identity, facts }: ProvenPeer<I>): LivePeer<I, R> {
    const { role } = facts
    const peer = { socket, identity, role, record: this.#options.record(facts) }
    const key = this.keyOf(identity)
    this.#peers.add(peer)
    if (role === 'client') this.#accepted.set(key, (this.#accepted.get(key) ?? 0) + 1)
    socket.once('close', () => {
      this.#peers.delete(peer)
      if (role === 'client') this.#discount(key)
    })
    return peer
  }

  /** Calls `visit` for each live connection; it may destroy the socket. */
  forEach(visit: (peer: LivePeer<I, R>) => void): void {
    for (const peer of this.#peers) visit(peer)
  }

  #discount(key: string): void {
    const left = (this.#accepted.get(key) ?? 1) - 1
    if (left > 0) this.#accepted.set(key, left)
    else this.#accepted.delete(key)
  }
}
