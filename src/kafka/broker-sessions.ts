import type { Socket } from 'node:net'
import type { Limit } from '../refusal/limits.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { CoarseClock, Ticking } from '../transport/clock.ts'
import type { Dialling } from '../transport/dial-options.ts'
import type { OpenedNamed } from '../transport/named-handshake.ts'
import type { BrokerConnector } from './broker-connector.ts'
import { BrokerSession, type BrokerSessionLimits } from './broker-session.ts'
import type { BrokerPlace, Brokers } from './brokers.ts'
import { HeldBytes } from './held-bytes.ts'
import type { KafkaRules } from './rules.ts'
import { type AskedOfKafka, Verdicts } from './verdict.ts'

/** Who asks, as far as it is known. */
export interface KafkaClientFacts {
  /** Address of the client. */
  readonly peer: string
  /** What it calls itself; undefined before its first request. */
  readonly clientId?: string
  /** Node id of the broker; undefined: one of those to begin with. */
  readonly nodeId?: number
}

/** How a session was, when it is over. */
export interface BrokerSessionEnd {
  /** Undefined: it came to no broker. */
  readonly broker: string | undefined
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly totalMs: number
  /** What broke; '' where it was ended in good order. */
  readonly why: string
}

/** Events of the module's connections. */
export interface BrokerSessionsEvents {
  /** A session has a connection to its broker, which is not read before this returns. */
  connected(session: BrokerSession, opened: OpenedNamed): void
  /** The session ends. */
  refused(facts: KafkaClientFacts, refusal: Refusal): void
  /** The client is told in an answer, and goes on. */
  denied(facts: KafkaClientFacts, asked: AskedOfKafka, refusal: Refusal): void
  wouldDeny(facts: KafkaClientFacts, asked: AskedOfKafka, refusal: Refusal): void
  ended(facts: KafkaClientFacts, end: BrokerSessionEnd): void
  limitHit(limit: Limit): void
}

/** What the listeners of one cluster need. */
export interface BrokerSessionsOptions {
  /** As they are now. */
  readonly rules: () => KafkaRules
  readonly brokers: Brokers
  readonly bootstrap: readonly BrokerPlace[]
  readonly connector: BrokerConnector
  readonly limits: BrokerSessionLimits & {
    readonly bufferedBytes: number
    readonly connections: number
  }
  readonly handshakeMs: number
  readonly clock: CoarseClock
  readonly events: BrokerSessionsEvents
}

const DRAINING = refuse('draining', 'this sidecar is shutting down')

/** Everything that is open between the module and the brokers of one cluster. */
export class BrokerSessions implements Ticking {
  readonly #options: BrokerSessionsOptions
  readonly #room: { readonly requests: HeldBytes; readonly answers: HeldBytes }
  readonly #live = new Set<BrokerSession>()
  /** Connections whose first request is not complete, and their deadlines. */
  readonly #begun = new Map<BrokerSession, number>()
  #draining = false
  #empty: (() => void) | undefined

  constructor(options: BrokerSessionsOptions) {
    this.#options = options
    const half = Math.ceil(options.limits.bufferedBytes / 2)
    this.#room = { requests: new HeldBytes(half), answers: new HeldBytes(half) }
    options.clock.watch(this)
  }

  get open(): number {
    return this.#live.size
  }

  /** Bytes of frames that are held now. */
  get heldBytes(): number {
    return this.#room.requests.held + this.#room.answers.held
  }

  /**
   * Serves a connection to a broker, or to one of those to begin with. `settle` is called with its first whole
   * request, and says whether there is room.
   */
  accept(client: Socket, peer: string, nodeId: number | undefined, settle: () => boolean): void {
    const { limits, clock, brokers, events, handshakeMs } = this.#options
    const began = performance.now()
    let facts: KafkaClientFacts = { peer, ...(nodeId !== undefined && { nodeId }) }
    let dialling: Dialling | undefined
    let broker: string | undefined
    const { live, begun } = { live: this.#live, begun: this.#begun }
    const refused = (refusal: Refusal) => {
      if (refusal.limit !== undefined) events.limitHit(refusal.limit)
      events.refused(facts, refusal)
    }
    let verdicts: Verdicts | undefined
    const session: BrokerSession = new BrokerSession(
      { client, brokers, limits, room: this.#room, clock },
      {
        verdicts: () => {
          const rules = this.#options.rules()
          if (verdicts?.rules !== rules) {
            verdicts = new Verdicts(rules, {
              refused: (asked, refusal) => events.denied(facts, asked, refusal),
              wouldDeny: (asked, refusal) => events.wouldDeny(facts, asked, refusal),
            })
          }
          return verdicts
        },
        named: (clientId) => {
          if (facts.clientId === undefined) facts = { ...facts, clientId }
        },
        refused,
        limitHit: (limit) => events.limitHit(limit),
        began: () => {
          begun.delete(session)
          const refusal = this.#noPlace(settle, live.size)
          if (refusal !== undefined) {
            refused(refusal)
            return session.end()
          }
          dialling = this.#dial(nodeId, (why, opened) => {
            dialling = undefined
            if (why !== null) {
              refused(why)
              return session.end()
            }
            if (opened === null) return
            broker = `${opened.place.name}:${opened.place.port}`
            events.connected(session, opened)
            session.connected(opened.socket)
          })
        },
        ended: ({ requests, bytesIn, bytesOut }, why) => {
          dialling?.cancel()
          begun.delete(session)
          live.delete(session)
          const totalMs = Math.round(performance.now() - began)
          if (requests > 0)
            events.ended(facts, { broker, requests, bytesIn, bytesOut, totalMs, why })
          this.#whenEmpty()
        },
      },
    )
    live.add(session)
    begun.set(session, clock.now + handshakeMs)
    if (this.#draining) session.retire()
  }

  /** Resolves when the last session is gone; each ends when what it was asked is answered. */
  drain(): Promise<void> {
    this.#draining = true
    for (const session of this.#live) session.retire()
    return new Promise((resolve) => {
      this.#empty = resolve
      this.#whenEmpty()
    })
  }

  /** Ends some between two requests. */
  retire(which: (session: BrokerSession) => boolean): number {
    const all = [...this.#live].filter(which)
    for (const session of all) session.retire()
    return all.length
  }

  /** Ends those that may not go on. */
  endWhere(unfit: (session: BrokerSession) => boolean): number {
    const all = [...this.#live].filter(unfit)
    for (const session of all) session.end()
    return all.length
  }

  destroy(): void {
    this.#draining = true
    this.#options.clock.unwatch(this)
    for (const session of this.#live) session.destroy()
  }

  tick(now: number): void {
    for (const session of this.#live) session.tick(now)
    for (const [session, until] of this.#begun) {
      if (now < until) continue
      this.#options.events.limitHit('handshakeMs')
      session.destroy()
    }
  }

  #noPlace(settle: () => boolean, open: number): Refusal | undefined {
    if (this.#draining) return DRAINING
    const { connections } = this.#options.limits
    if (!settle()) {
      const because = 'all places of this listener are taken (limits.connections)'
      return refuse('overloaded', because, { limit: 'connections' })
    }
    if (open <= connections) return undefined
    const because = `${connections} connections with brokers are open (limits.kafka.connections)`
    return refuse('overloaded', because, { limit: 'kafka.connections' })
  }

  #dial(
    nodeId: number | undefined,
    done: (refusal: Refusal | null, opened: OpenedNamed | null) => void,
  ): Dialling {
    const { brokers, bootstrap, connector } = this.#options
    const place = nodeId === undefined ? undefined : brokers.placeOf(nodeId)
    return connector.connect(place === undefined ? bootstrap : [place], done)
  }

  #whenEmpty(): void {
    if (this.#live.size === 0) this.#empty?.()
  }
}
