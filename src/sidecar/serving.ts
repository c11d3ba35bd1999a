import type { AuditWriter } from '../audit/trail.ts'
import type { Config } from '../config/config.ts'
import type { CredentialsInForce } from '../credentials/credentials.ts'
import { LISTENERS } from '../listeners/all.ts'
import { besideOkapi, type ListenerParts } from '../listeners/listener.ts'
import { AccessLog } from '../observe/access.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { History } from '../observe/status/history.ts'
import { AuditedExchanges } from '../proxy/audited.ts'
import type { PolicyCell } from '../proxy/destination.ts'
import { type ConnectionCheck, healthOf } from '../proxy/health.ts'
import type { ModuleConcurrency } from '../proxy/module-concurrency.ts'
import { REQUEST_NAMES, RESPONSE_NAMES } from '../proxy/names.ts'
import { OkapiUrl } from '../proxy/okapi-url.ts'
import type { ExchangeSlots } from '../proxy/open-exchanges.ts'
import { requestHandler } from '../proxy/request-handler.ts'
import type { PathCell } from '../proxy/shared-path.ts'
import { Shares } from '../proxy/shares.ts'
import { TrueCallers } from '../proxy/true-callers.ts'
import { refuse } from '../refusal/refusal.ts'
import type { CoarseClock } from '../transport/clock.ts'
import type { Descriptors } from '../transport/descriptors.ts'
import type { PublicKeyPair } from '../transport/listen.ts'
import type { WireSettings } from '../wire/face.ts'
import { RefusalPace } from '../wire/h1/refusal-pace.ts'
import { Authentication } from './authentication.ts'
import { Connections } from './connections.ts'
import { TrustChanges } from './credential-news.ts'
import { drain } from './draining.ts'
import {
  broughtTenants,
  descriptorsTold,
  keepsAccess,
  linkEvents,
  nameResolver,
  recording,
} from './events.ts'
import { exchangesOf } from './exchange-slots.ts'
import type { KafkaRulesInForce } from './legs/kafka-rules.ts'
import { SessionLegs } from './legs/session-legs.ts'
import { type BoundAddresses, Listeners, type Sharing } from './listeners.ts'
import { concurrencyOf, turnLimitOf } from './load-limits.ts'
import { plainPeers } from './migration.ts'
import { policyChanged } from './policy-material.ts'
import { StoppingSidecar } from './predecessor.ts'
import { type ServingState, type ServingThreads, seenIn } from './serving-threads.ts'
import { tokenProvenance } from './token-memory.ts'
import { Upstreams } from './upstreams.ts'

const FLUSH_MS = 100
const DRAINING = refuse('draining', 'this sidecar is shutting down')

/** What is needed to serve; its origin does not matter here. */
export interface ServingParts {
  readonly config: Config
  readonly log: Log
  readonly clock: CoarseClock
  readonly credentials: CredentialsInForce
  readonly policies: PolicyCell & KafkaRulesInForce
  readonly metrics: Metrics
  /** Where the path of X-Okapi-Url is remembered, if not by this thread for itself. */
  readonly okapiPath?: PathCell
  /** The memory of tokens that Okapi has sent; absent with `policy.tokens: off`. */
  readonly tokenMemory?: SharedArrayBuffer | undefined
  /** Where exchanges are noted beside Okapi, if not by this thread for itself. */
  readonly exchanges?: ExchangeSlots | undefined
  /** Where all threads remember for which tenants Okapi has called, if not this thread for itself. */
  readonly brought?: SharedArrayBuffer
  /** Absent: there is no audit trail. */
  readonly auditing?: AuditWriter | undefined
  /** Absent: no other thread has the same listeners. */
  readonly sharing?: Sharing
}

/** One serving thread: its listeners, its upstreams, and everything that is open between them. */
export class Serving implements ServingThreads {
  readonly seen: ServingState
  readonly #parts: ServingParts
  readonly #history = new History()
  readonly #access: AccessLog | null
  readonly #authentication: Authentication
  readonly #trustChanges: TrustChanges
  readonly #upstreams: Upstreams
  readonly #listeners: Listeners
  readonly #connections: Connections
  readonly #legs: SessionLegs
  readonly #descriptors: Descriptors
  readonly #listenerParts: ListenerParts
  readonly #shares: Shares
  readonly #concurrency: ModuleConcurrency | undefined
  readonly #okapiUrl: OkapiUrl | undefined
  readonly #connectionCheck: ConnectionCheck | undefined
  #leaving = false
  #flushing: NodeJS.Timeout | undefined

  constructor(parts: ServingParts) {
    const { config, log, clock, credentials, policies, metrics, sharing } = parts
    this.#parts = parts
    this.#access = keepsAccess(config) ? new AccessLog(log.destination) : null
    const authentication = new Authentication(config, credentials)
    this.#authentication = authentication
    const settings: WireSettings = {
      requestNames: REQUEST_NAMES,
      responseNames: RESPONSE_NAMES,
      keepTrailer: (id) => id === 0,
      limits: config.limits,
      clock,
      refusals: new RefusalPace(config.limits.refusalsPerSecond, () =>
        metrics.limitHit('refusalsPerSecond'),
      ),
      limitHit: (limit) => metrics.limitHit(limit),
    }
    const links = linkEvents(log.log, metrics)
    const names = nameResolver(clock, log.log, metrics)
    const open = () => this.seen.connections
    const descriptors = descriptorsTold(log.log, metrics, open)
    this.#descriptors = descriptors
    const upstreams = new Upstreams({
      ...{ config, clock, descriptors, settings, authentication, policies, names },
      linkEvents: links,
    })
    this.#upstreams = upstreams
    const says = sharing?.first ?? true
    const plain = { clock, metrics, log: log.log, history: this.#history, now: Date.now, says }
    const listeners = new Listeners({
      ...{ config, clock, descriptors, log: log.log, metrics, sharing, authentication },
      tooMany: (peer, limit) => this.#history.tooMany(peer, true, limit, Date.now()),
      turnedAway: (refusal, proven) => this.#history.turnedAway(refusal, proven),
      predecessor: new StoppingSidecar(config, log.log),
      retire: (socket) => this.#connections.retire(socket),
      plainPeers: () => plainPeers(config, plain),
    })
    this.#listeners = listeners
    const okapiUrl =
      config.egress && new OkapiUrl(config.egress.url ?? 'http://localhost', parts.okapiPath)
    this.#okapiUrl = okapiUrl
    this.#connectionCheck = config.ingress && upstreams.connectionCheck(config.ingress.forward)
    const shares = new Shares(config.limits, besideOkapi(config), clock)
    this.#shares = shares
    this.#concurrency = concurrencyOf(config)
    const connections = new Connections(settings, requestHandler(this.#handling()), links, shares)
    this.#connections = connections
    this.#legs = new SessionLegs({
      ...{ config, clock, descriptors, names, credentials, listeners, metrics },
      ...{ log: log.log, history: this.#history },
      rules: () => policies.kafka,
    })
    const concerned = { credentials, authentication, listeners, upstreams, connections }
    this.#trustChanges = new TrustChanges({ ...concerned, log: log.log })
    this.#listenerParts = {
      ...{ config, policies, okapiUrl, shares },
      sockets: listeners,
      module: config.ingress && upstreams.module(config.ingress.forward),
      gateway: () => upstreams.gateway(),
      callee: upstreams.callee,
      serve: (socket, context) => connections.accept(socket, context),
    }
    const told = [this.#history, this.#legs, this.#concurrency] as const
    this.seen = seenIn(connections, upstreams, authentication, ...told)
  }

  /** Opens every listener that is configured; resolves to what each is bound to. */
  async open(): Promise<BoundAddresses> {
    const { clock, config, sharing } = this.#parts
    clock.watch(this.#connections)
    clock.watch(this.#upstreams)
    clock.watch(this.#trustChanges)
    clock.watch(this.#descriptors)
    this.#flushing = setInterval(() => this.#access?.flush(), FLUSH_MS)
    const listening: BoundAddresses = {}
    for (const listener of LISTENERS) {
      if (!listener.configured(config)) continue
      listening[listener.direction] = await listener.open(this.#listenerParts)
    }
    // One thread has all sessions: a cancel request comes by a connection of its own, and all threads would
    // bind the ports of brokers.
    if (sharing?.first ?? true) {
      Object.assign(listening, await this.#legs.open())
    }
    return listening
  }

  listen(): Promise<void> {
    return this.#listeners.listen()
  }

  serve(): void {
    this.#connections.serve()
    this.#legs.serve()
  }

  /** Is there a listener on ::1 beside the one on 127.0.0.1? */
  get otherLoopback(): boolean {
    return this.#listeners.hasOtherLoopback
  }

  policyChanged(): void {
    const { config, policies } = this.#parts
    const [authentication, connections] = [this.#authentication, this.#connections]
    policyChanged({ config, policies, authentication, connections })
  }

  showPublic(pair: PublicKeyPair): void {
    this.#listeners.showPublic(pair)
  }

  takenUp(): undefined {}

  look(): undefined {}

  leave(): void {
    if (this.#leaving) return
    this.#leaving = true
    this.#upstreams.waitNoMore(DRAINING)
    this.#connections.leave()
  }

  async drain(): Promise<boolean> {
    const { config, log } = this.#parts
    this.leave()
    const drained = await drain({
      listeners: this.#listeners,
      connections: this.#connections,
      legs: this.#legs,
      log,
      timeoutMs: config.limits.drainTimeoutMs,
    })
    this.destroy()
    return drained
  }

  destroy(): void {
    this.#listeners.destroy()
    this.#connections.destroy()
    this.#legs.destroy()
    this.#upstreams.destroy()
    clearInterval(this.#flushing)
    this.#access?.flush()
  }

  #handling() {
    const { config, metrics, policies, clock, exchanges, log, brought, auditing } = this.#parts
    const { module, ingress, policy } = config
    const kept = { metrics, history: this.#history }
    return {
      okapiUrl: this.#okapiUrl,
      self: ingress === undefined ? '' : `http://${ingress.forward.authority}`,
      trueCallers: new TrueCallers(policies, exchangesOf(config, exchanges)),
      shares: this.#shares,
      concurrency: this.#concurrency,
      turns: turnLimitOf(config, { clock, metrics, log: log.log }),
      tokens: tokenProvenance(config, clock, this.#parts.tokenMemory),
      brought: broughtTenants(config, log.log, brought),
      health: healthOf(module.id, (done) =>
        this.#leaving ? done(DRAINING) : this.#connectionCheck?.(done),
      ),
      audited: auditing && new AuditedExchanges(auditing, policy.sensitivity),
      givesBack: () => (this.#leaving ? DRAINING : null),
      record: recording(config, this.#access, kept),
    }
  }
}
