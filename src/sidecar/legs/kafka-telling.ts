import type { Config } from '../../config/config.ts'
import type { KafkaSettings } from '../../config/kafka.ts'
import type { BrokerSession } from '../../kafka/broker-session.ts'
import type { BrokerSessionsEvents, KafkaClientFacts } from '../../kafka/broker-sessions.ts'
import type { BrokerPlace, NamedBroker } from '../../kafka/brokers.ts'
import type { AskedOfKafka } from '../../kafka/verdict.ts'
import type { Logger } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { History } from '../../observe/status/history.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import { formatAddress } from '../../transport/address.ts'
import type { OpenedNamed } from '../../transport/named-connector.ts'

/** Where the Kafka leg tells what happens. */
export interface KafkaTellingParts {
  readonly config: Config
  readonly metrics: Metrics
  readonly log: Logger
  readonly history: History
}

const DIRECTION = 'kafka'
/** A client asks again and again for the same: one line a minute is enough to know, metrics count all. */
const SAME_AGAIN_MS = 60_000
/** One request can name 100,000 topics: of so many a minute each is told. */
const MOST_TOLD = 4096

/** Log, metrics and status page of the Kafka leg. */
export class KafkaTelling {
  readonly #parts: KafkaTellingParts
  readonly #cluster: string
  readonly #told = new Map<string, number>()
  /** When it was empty last. */
  #since = Date.now()
  /** More than are told one by one. */
  #untold = 0

  constructor(parts: KafkaTellingParts, { bootstrap }: KafkaSettings) {
    this.#parts = parts
    this.#cluster = bootstrap.map(({ host, port }) => `${host}:${port}`).join(', ')
  }

  events(connected: (session: BrokerSession, opened: OpenedNamed) => void): BrokerSessionsEvents {
    const { metrics, log, config } = this.#parts
    return {
      connected,
      refused: (facts, refusal) => {
        metrics.refused(DIRECTION, refusal.reason)
        log.warn({ ...this.#facts(), ...facts, ...saidOf(refusal) }, 'kafka connection refused')
        this.#remember('CONNECT', refusal, false)
      },
      denied: (facts, asked, refusal) => {
        metrics.refused(DIRECTION, refusal.reason)
        if (this.#isRepeated('denied', facts, asked)) return
        const said = { ...this.#facts(), ...facts, ...asked, ...saidOf(refusal) }
        log.warn(said, 'kafka request refused')
        this.#remember(asked.api, refusal, false)
      },
      wouldDeny: (facts, asked, refusal) => {
        metrics.wouldDeny(DIRECTION)
        if (this.#isRepeated('wouldDeny', facts, asked)) return
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

  #isRepeated(kind: string, { clientId = '' }: KafkaClientFacts, asked: AskedOfKafka): boolean {
    const now = Date.now()
    if (this.#told.size >= MOST_TOLD) {
      if (now - this.#since < SAME_AGAIN_MS) return this.#isTooMuch()
      this.#told.clear()
      this.#since = now
      this.#untold = 0
    }
    const key = JSON.stringify([kind, clientId, asked])
    const last = this.#told.get(key)
    if (last !== undefined && now - last < SAME_AGAIN_MS) return true
    this.#told.set(key, now)
    return false
  }

  #isTooMuch(): true {
    if (this.#untold++ === 0) {
      const because = `${MOST_TOLD} kinds of them in a minute; more are counted in sidecar_refusals_total only`
      this.#parts.log.warn(
        { ...this.#facts(), because },
        'more kafka requests refused than are logged',
      )
    }
    return true
  }

  /** What the status page shows: the sentence has the names, and a column for them would trust the caller. */
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
