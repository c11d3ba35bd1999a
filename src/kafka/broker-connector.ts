import type { Dialling } from '../transport/dial-options.ts'
import { NamedConnector, type NamedConnectorOptions } from '../transport/named-connector.ts'
import type { NamedConnected } from '../transport/named-handshake.ts'
import type { BrokerPlace } from './brokers.ts'

/** What connections with brokers are opened with. */
export interface BrokerConnectorOptions
  extends Omit<NamedConnectorOptions, 'called' | 'question' | 'alpn'> {
  /** The name that every broker's certificate must have; undefined: the host that is dialled. */
  readonly serverName: string | undefined
}

/** Opens connections to brokers: mutual TLS, and the name of the broker in its certificate. */
export class BrokerConnector {
  readonly #serverName: string | undefined
  readonly #connector: NamedConnector

  constructor({ serverName, ...options }: BrokerConnectorOptions) {
    this.#serverName = serverName
    this.#connector = new NamedConnector({ ...options, called: 'the broker' })
  }

  /** The first address that can be reached decides, whatever it proves. */
  connect(places: readonly BrokerPlace[], done: NamedConnected): Dialling {
    const named = places.map(({ host, port }) => ({ host, port, name: this.#serverName ?? host }))
    return this.#connector.connect(named, done)
  }
}
