import type { Dialling } from '../transport/dial-options.ts'
import { NamedConnector, type NamedConnectorOptions } from '../transport/named-connector.ts'
import type { NamedConnected, NamedPlace, PlainQuestion } from '../transport/named-handshake.ts'

/** Length 8, code 80877103: the server answers `S`, or that it does not speak TLS. */
const SSL_REQUEST: PlainQuestion = {
  bytes: Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]),
  yes: 0x53,
  otherwise: 'does not speak TLS (ssl = on)',
}
/** Registered for PostgreSQL (IANA), asked for by the server where TLS begins at once. */
const ALPN = 'postgresql'

/** What the connections of one listener are opened with. */
export interface ServerOptions extends Omit<NamedConnectorOptions, 'called' | 'question' | 'alpn'> {
  /** Tried in this order. */
  readonly places: readonly NamedPlace[]
  readonly sslNegotiation: 'postgres' | 'direct'
}

/** Opens connections to the server of one listener. */
export class ServerConnector {
  readonly #places: readonly NamedPlace[]
  readonly #connector: NamedConnector

  constructor({ places, sslNegotiation, ...options }: ServerOptions) {
    this.#places = places
    const begin = sslNegotiation === 'direct' ? { alpn: ALPN } : { question: SSL_REQUEST }
    this.#connector = new NamedConnector({ ...options, ...begin, called: 'the database server' })
  }

  /** The first address that can be reached decides, whatever it answers. */
  connect(done: NamedConnected): Dialling {
    return this.#connector.connect(this.#places, done)
  }

  /** Exactly there, and nowhere else. */
  connectTo(place: NamedPlace, done: NamedConnected): Dialling {
    return this.#connector.connect([place], done)
  }
}
