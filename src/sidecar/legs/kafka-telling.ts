import type { Config } from '../../config/config.ts'
import type { KafkaSettings } from '../../config/kafka.ts'
import type { BrokerSession } from '../../kafka/broker-session.ts'
import type { BrokerSessionsEvents } from '../../kafka/broker-sessions.ts'
import type { BrokerPlace, NamedBroker } from '../../kafka/brokers.ts'
import type { Logger } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { History } from '../../observe/status/history.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import { formatAddress } from '../../transport/address.ts'
import type { OpenedNamed } from '../../transport/named-handshake.ts'
import { RepeatedRefusals } from './repeated-refusals.ts'

/** Where the Kafka leg reports events. */
export interface KafkaTellingParts {
  readonly config: Config
  readonly metrics: Metrics
  readonly log: Logger
  readonly history: History
}

const DIRECTION = 'kafka'
/** Log, metrics and status page of the Kafka leg. */
export class KafkaTelling {
  readonly #parts: KafkaTellingParts
  readonly #cluster: string
  readonly #repeated: RepeatedRefusals

  constructor(parts: KafkaTellingParts, { bootstrap }: KafkaSettings) {
    this.#parts = parts
    this.#cluster = bootstrap.map(({ host, port }) => `${host}:${port}`).join(', ')
    this.#repeated = new RepeatedRefusals((told) => {
      const because = `${told} kinds of them in a minute; more are counted in sidecar_refusals_total only`
      parts.log.warn({ ...this.#facts(), because }, 'more kafka requests refused than are logged')
    })
  }

  events(connected: (session: BrokerSession, opened: OpenedNamed) => void): BrokerSessionsEvents {
    const { metrics, log, config } = this.#parts
    return {
      connected,
      refused: (facts, refusal) => {
        metrics.refused(DIRECTION, refusal.reason)
        if (this.#repeated.has('refused', facts.clientId, refusal.because)) return
        log.warn({ ...this.#facts(), ...facts, ...saidOf(refusal) }, 'kafka connection refused')
        this.#remember('CONNECT', refusal, false)
      },
      denied: (facts, asked, refusal) => {
        metrics.refused(DIRECTION, refusal.reason)
        if (this.#repeated.has('denied', facts.clientId, asked)) return
        const said = { ...this.#facts(), ...facts, ...asked, ...saidOf(refusal) }
        log.warn(said, 'kafka request refused')
        this.#remember(asked.api, refusal, false)
      },
      wouldDeny: (facts, asked, refusal) => {
        metrics.wouldDeny(DIRECTION)
        if (this.#repeated.has('wouldDeny', facts.clientId, asked)) return
        const { reason: wouldDeny, because } = refusal
        const said = { ...this.#facts(), ...facts, ...asked, wouldDeny, because }
        log.warn(said, 'kafka request would be refused')
        this.#remember(asked.api, refusal, true)
      },
      ended: (facts, { broker, why, ...end }) => {
        if (!config.log.access) return
        const broken = why === '' ? {} : { why }
        const at = broker === undefined ? {} : { broker }
        log.info(
          { direction: DIRECTION, ...facts, ...at, ...end, ...broken },
          'kafka connection ended',
        )
      },
      limitHit: (limit) => metrics.limitHit(limit),
    }
  }

  broker({ nodeId, host, port }: NamedBroker, local: BrokerPlace, before?: BrokerPlace): void {
    const { log } = this.#parts
    const said = {
      ...this.#facts(),
      nodeId,
      broker: `${host}:${port}`,
      listen: formatAddress(local),
    }
    if (before === undefined) log.info(said, 'kafka broker added')
    else log.info({ ...said, before: `${before.host}:${before.port}` }, 'kafka broker moved')
  }

  noPort({ nodeId, host, port }: NamedBroker, why: string): void {
    const { log, config } = this.#parts
    const hint = `more ports for kafka.brokers of ${config.module.id}`
    const said = { ...this.#facts(), nodeId, broker: `${host}:${port}`, why, hints: [hint] }
    log.error(said, 'no port for a kafka broker')
  }

  trustTaken(): void {
    this.#parts.log.info(this.#facts(), 'kafka trust loaded')
  }

  trustFailed(problem: string): void {
    this.#parts.log.error({ ...this.#facts(), problem }, 'kafka trust refused')
  }

  cutOff(ended: number): void {
    this.#parts.log.warn({ ...this.#facts(), ended }, 'kafka connections cut off')
  }

  #facts() {
    return { direction: DIRECTION, server: this.#cluster }
  }

  /** For the status page: names are only in the sentence, because they are the caller's unverified claims. */
  #remember(method: string, { reason, because, status }: Refusal, passed: boolean): void {
    this.#parts.history.refused({
      timeMs: Date.now(),
      direction: DIRECTION,
      caller: this.#parts.config.module.id,
      from: '',
      at: this.#cluster,
      method,
      route: '',
      requestId: '',
      ...{ status, reason, because, passed },
    })
  }
}

function saidOf({ reason, because, wouldAllow }: Refusal) {
  return { reason, because, ...(wouldAllow && { wouldAllow }) }
}
