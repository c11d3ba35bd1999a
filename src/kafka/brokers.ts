/** The address of a broker, the cluster's or ours. */
export interface BrokerPlace {
  readonly host: string
  readonly port: number
}

/** A broker as an answer names it. */
export interface NamedBroker extends BrokerPlace {
  readonly nodeId: number
}

/** What is needed to give the brokers of a cluster listeners. */
export interface BrokersOptions {
  /** Ports for brokers; 0 to 0: the system chooses each. */
  readonly range: { readonly host: string; readonly from: number; readonly to: number }
  /** Opens a listener for a broker; resolves to its port. Rejects if the port cannot be bound. */
  readonly open: (nodeId: number, port: number) => Promise<number>
  /** There is no port for this broker: it is left out of answers. */
  readonly noPort: (broker: NamedBroker, why: string) => void
  readonly moved: (broker: NamedBroker, local: BrokerPlace, before: BrokerPlace | undefined) => void
}

interface Known {
  place: BrokerPlace
  /** Undefined: it has no listener yet, or never gets one. */
  port: number | undefined
  /** Why it has no listener, as it was reported. */
  why: string | undefined
}

/**
 * More brokers than any cluster has: further ones are removed from answers, because such answers
 * are not honest.
 */
const MOST_KNOWN = 4096

/** An invalid node id: answers use -1 for a broker that does not exist. */
const NO_NODE = -1

/**
 * The brokers of one cluster. Each has a port of its own as long as this process lives, derived
 * from its node id, so that it is the same after a restart if possible.
 */
export class Brokers {
  readonly #options: BrokersOptions
  readonly #known = new Map<number, Known>()
  readonly #opening = new Map<number, Promise<void>>()
  readonly #taken = new Set<number>()

  constructor(options: BrokersOptions) {
    this.#options = options
  }

  /** Where a broker is now, by the last answer that named it. */
  placeOf(nodeId: number): BrokerPlace | undefined {
    return this.#known.get(nodeId)?.place
  }

  /** Where the module finds it; undefined where it has no listener. */
  localOf(nodeId: number): BrokerPlace | undefined {
    const port = this.#known.get(nodeId)?.port
    return port === undefined ? undefined : { host: this.#options.range.host, port }
  }

  /**
   * Records brokers. Undefined: all have their listeners; otherwise resolves when they have, or
   * cannot.
   */
  learn(brokers: readonly NamedBroker[]): Promise<unknown> | undefined {
    const opening = brokers.flatMap((broker) => this.#learn(broker) ?? [])
    return opening.length === 0 ? undefined : Promise.all(opening)
  }

  #learn(broker: NamedBroker): Promise<void> | undefined {
    const { nodeId, host, port } = broker
    if (nodeId === NO_NODE || host === '' || port <= 0 || port > 65_535) return undefined
    const known = this.#known.get(nodeId)
    if (known === undefined) {
      if (this.#known.size >= MOST_KNOWN) return undefined
      this.#known.set(nodeId, { place: { host, port }, port: undefined, why: undefined })
    } else if (known.place.host !== host || known.place.port !== port) {
      const before = known.place
      known.place = { host, port }
      const local = this.localOf(nodeId)
      if (local !== undefined) this.#options.moved(broker, local, before)
    }
    if (this.#known.get(nodeId)?.port !== undefined) return undefined
    let opening = this.#opening.get(nodeId)
    if (opening === undefined) {
      opening = this.#open(broker).finally(() => this.#opening.delete(nodeId))
      this.#opening.set(nodeId, opening)
    }
    return opening
  }

  async #open(broker: NamedBroker): Promise<void> {
    const { nodeId } = broker
    const { range, open, noPort, moved } = this.#options
    let why = 'all ports of kafka.brokers are taken'
    for (const port of this.#candidates(nodeId)) {
      if (port !== 0) this.#taken.add(port)
      try {
        const bound = await open(nodeId, port)
        this.#known.get(nodeId)!.port = bound
        moved(broker, { host: range.host, port: bound }, undefined)
        return
      } catch (error) {
        this.#taken.delete(port)
        why = error instanceof Error ? error.message : String(error)
      }
    }
    // Each answer names it again.
    const known = this.#known.get(nodeId)!
    if (known.why !== why) noPort(broker, why)
    known.why = why
  }

  /** First the port of its node id, then the next free one. */
  *#candidates(nodeId: number): Generator<number> {
    const { from, to } = this.#options.range
    if (from === 0) return yield 0
    const count = to - from + 1
    const first = ((nodeId % count) + count) % count
    for (let i = 0; i < count; i++) {
      const port = from + ((first + i) % count)
      if (!this.#taken.has(port)) yield port
    }
  }
}
