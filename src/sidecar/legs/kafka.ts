import type { KafkaSettings } from '../../config/kafka.ts'
import { BrokerConnector } from '../../kafka/broker-connector.ts'
import type { BrokerSession } from '../../kafka/broker-session.ts'
import { BrokerSessions } from '../../kafka/broker-sessions.ts'
import { Brokers } from '../../kafka/brokers.ts'
import type { KafkaRules } from '../../kafka/rules.ts'
import type { Address } from '../../transport/address.ts'
import type { Ticking } from '../../transport/clock.ts'
import type { OpenedNamed } from '../../transport/named-handshake.ts'
import { callerIn } from '../../trust/identity.ts'
import type { BoundAddresses } from '../listeners.ts'
import { KafkaTelling } from './kafka-telling.ts'
import { EarlyConnections, type LegOptions, LOOK_MS } from './leg.ts'
import { type NamedServerRecord, NamedServers } from './named-servers.ts'

/** The parts of the Kafka leg. */
export interface KafkaLegOptions extends LegOptions {
  /** The present rules. */
  readonly rules: () => KafkaRules
}

/** The listeners of `kafka`, one for each broker, and all their sessions. */
export class KafkaLeg implements Ticking {
  readonly #options: KafkaLegOptions
  #parts: LegParts | undefined
  readonly #early = new EarlyConnections()
  #unsubscribe = () => {}
  #lookAt = 0
  #closing = false

  constructor(options: KafkaLegOptions) {
    this.#options = options
  }

  /** Number of open sessions. */
  get size(): number {
    return this.#parts?.sessions.open ?? 0
  }

  /** Bytes of frames held in memory. */
  get heldBytes(): number {
    return this.#parts?.sessions.heldBytes ?? 0
  }

  /** Binds the listener. Throws a Fault if that fails or the trust is invalid. */
  async open(): Promise<BoundAddresses> {
    const { config, clock, credentials } = this.#options
    const settings = config.kafka
    if (settings === undefined) return {}
    this.#parts = this.#make(settings)
    const kafka = await this.#listen(settings.listen, undefined)
    clock.watch(this)
    this.#unsubscribe = credentials.subscribe(() => this.#judgeAgain())
    return { kafka }
  }

  serve(): void {
    this.#early.serve()
  }

  async drain(): Promise<void> {
    this.#closing = true
    await this.#parts?.sessions.drain()
  }

  destroy(): void {
    this.#closing = true
    this.#options.clock.unwatch(this)
    this.#unsubscribe()
    this.#early.destroy()
    this.#parts?.sessions.destroy()
  }

  tick(now: number): void {
    if (now < this.#lookAt || this.#parts === undefined) return
    this.#lookAt = now + LOOK_MS
    const { servers, telling, sessions, records } = this.#parts
    if (servers.changed((problem) => telling.trustFailed(problem))) {
      telling.trustTaken()
      this.#judgeAgain()
    }
    const nowMs = Date.now()
    const expired = sessions.endWhere((session) => {
      const record = records.get(session)
      return record !== undefined && nowMs > record.notAfter
    })
    if (expired > 0) telling.cutOff(expired)
  }

  /** New connections use the new certificate, old ones end between two requests, invalid ones at once. */
  #judgeAgain(): void {
    if (this.#parts === undefined) return
    const { sessions, servers, records, telling } = this.#parts
    const judged = (judge: (record: NamedServerRecord) => boolean) => (session: BrokerSession) => {
      const record = records.get(session)
      return record !== undefined && judge(record)
    }
    const cut = sessions.endWhere(judged((record) => servers.unfit(record) !== null))
    if (cut > 0) telling.cutOff(cut)
    sessions.retire(judged((record) => servers.isStale(record)))
  }

  #make(settings: KafkaSettings): LegParts {
    const { config, clock, descriptors, names, credentials, metrics, rules } = this.#options
    const { connectMs, handshakeMs, kafka: limits, recordOverheadBytesPerSecond } = config.limits
    const telling = new KafkaTelling(this.#options, settings)
    const servers = new NamedServers(
      credentials,
      settings.trust,
      settings.clientCertificate === 'own',
    )
    const records = new WeakMap<BrokerSession, NamedServerRecord>()
    const connector = new BrokerConnector({
      serverName: settings.serverName,
      context: () => servers.context(),
      callerIn: (der) => callerIn(der, config.pins.identities),
      ...{ names, clock, descriptors, connectMs, handshakeMs },
      ...{ recordOverheadBytesPerSecond },
      limitHit: (limit) => metrics.limitHit(limit),
    })
    const brokers = new Brokers({
      range: settings.brokers,
      open: (nodeId, port) => this.#openBroker(nodeId, { host: settings.brokers.host, port }),
      noPort: (broker, why) => telling.noPort(broker, why),
      moved: (broker, local, before) => telling.broker(broker, local, before),
    })
    const sessions = new BrokerSessions({
      ...{ rules, brokers, connector, limits, handshakeMs, clock },
      bootstrap: settings.bootstrap,
      events: telling.events((session, opened) => this.#connected(session, opened)),
    })
    return { servers, sessions, telling, records }
  }

  /** Credentials of either side may have been withdrawn during the handshake. */
  #connected(session: BrokerSession, { socket, context }: OpenedNamed): void {
    const { servers, records } = this.#parts!
    const record = servers.recordOf(socket, context)
    records.set(session, record)
    if (context === servers.context()) return
    const refusal = servers.unfit(record)
    if (refusal !== null) session.refuse(refusal)
    else if (servers.isStale(record)) session.retire()
  }

  async #openBroker(nodeId: number, address: Address): Promise<number> {
    if (this.#closing) throw new Error('this sidecar is shutting down')
    const bound = await this.#listen(address, nodeId)
    return Number(bound.slice(bound.lastIndexOf(':') + 1))
  }

  #listen(address: Address, nodeId: number | undefined): Promise<string> {
    const { sessions } = this.#parts!
    return this.#options.listeners.other(address, (socket, peer, slot) =>
      this.#early.accepted(socket, () =>
        sessions.accept(socket, peer, nodeId, () => slot.settle()),
      ),
    )
  }
}

interface LegParts {
  readonly servers: NamedServers
  readonly sessions: BrokerSessions
  readonly telling: KafkaTelling
  readonly records: WeakMap<BrokerSession, NamedServerRecord>
}
