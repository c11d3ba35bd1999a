import type { Config, Migration } from '../config/config.ts'
import type { CredentialsInForce } from '../credentials/credentials.ts'
import { AccessLog } from '../observe/access.ts'
import type { Direction } from '../observe/labels.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { History } from '../observe/status/history.ts'
import type { PolicyCell } from '../proxy/destination.ts'
import { storyOf } from '../proxy/exchange.ts'
import { healthOf, type Knock } from '../proxy/health.ts'
import { REQUEST_NAMES, RESPONSE_NAMES } from '../proxy/names.ts'
import { OkapiUrl } from '../proxy/okapi-url.ts'
import type { PathCell } from '../proxy/shared-path.ts'
import { Shares } from '../proxy/shares.ts'
import { refuse } from '../refusal/refusal.ts'
import type { CoarseClock } from '../transport/clock.ts'
import type { PublicKeyPair } from '../transport/listen-public.ts'
import type { WireSettings } from '../wire/face.ts'
import { Connections } from './connections.ts'
import type { Crew, Seen } from './crew.ts'
import { Doorways, isOkapi } from './doorways.ts'
import { linkEvents } from './link-events.ts'
import { Listeners, type Listening, type Sharing } from './listeners.ts'
import { plainDoorFacts } from './migration.ts'
import { nameResolver } from './name-events.ts'
import { PlainPeers } from './plain-peers.ts'
import { policyChanged } from './policy-changes.ts'
import { keepsAccess, recording } from './recording.ts'
import { TrustChanges } from './trust-changes.ts'
import { Trusting } from './trusting.ts'
import { Upstreams } from './upstreams.ts'

const FLUSH_MS = 100
const DRAINING = refuse('draining', 'this sidecar is shutting down')

/** What is needed to serve; where it comes from is somebody else's business. */
export interface ServingParts {
  readonly config: Config
  readonly log: Log
  readonly clock: CoarseClock
  readonly credentials: CredentialsInForce
  readonly policies: PolicyCell
  readonly metrics: Metrics
  /** Where the path of X-Okapi-Url is remembered, if not by this thread for itself. */
  readonly okapiPath?: PathCell
  /** Absent: no other thread has the same doors. */
  readonly sharing?: Sharing
}

/** One thread that serves: its doors, the ways out, and everything that is open between them. */
export class Serving implements Crew {
  readonly seen: Seen
  readonly #parts: ServingParts
  readonly #history = new History()
  readonly #access: AccessLog | null
  readonly #trusting: Trusting
  readonly #trustChanges: TrustChanges
  readonly #upstreams: Upstreams
  readonly #listeners: Listeners
  readonly #connections: Connections
  readonly #doorways: Doorways
  readonly #shares: Shares
  readonly #okapiUrl: OkapiUrl | undefined
  readonly #knock: Knock | undefined
  #leaving = false
  #pair: PublicKeyPair | undefined
  #flushing: NodeJS.Timeout | undefined

  constructor(parts: ServingParts) {
    const { config, log, clock, credentials, policies, metrics, sharing } = parts
    this.#parts = parts
    this.#access = keepsAccess(config) ? new AccessLog(log.destination) : null
    const trusting = new Trusting(config, credentials)
    this.#trusting = trusting
    const settings: WireSettings = {
      requestNames: REQUEST_NAMES,
      responseNames: RESPONSE_NAMES,
      keepTrailer: (id) => id === 0,
      limits: config.limits,
      clock,
      limitHit: (limit) => metrics.limitHit(limit),
    }
    const links = linkEvents(log.log, metrics)
    const names = nameResolver(clock, log.log, metrics)
    const upstreams = new Upstreams(config, clock, settings, trusting, policies, links, names)
    this.#upstreams = upstreams
    const listeners = new Listeners({ config, clock, log: log.log, metrics, sharing })
    this.#listeners = listeners
    const okapiUrl =
      config.egress && new OkapiUrl(config.egress.url ?? 'http://localhost', parts.okapiPath)
    this.#okapiUrl = okapiUrl
    this.#knock = config.ingress && upstreams.knock(config.ingress.forward)
    const shares = new Shares(config.limits, isOkapi(config))
    this.#shares = shares
    const connections = new Connections(settings, storyOf(this.#house()), links, shares)
    this.#connections = connections
    const concerned = { credentials, trusting, listeners, upstreams, connections, log: log.log }
    this.#trustChanges = new TrustChanges(concerned)
    const frame = {
      config,
      policies,
      trusting,
      listeners,
      upstreams,
      connections,
      okapiUrl,
      shares,
    }
    this.#doorways = new Doorways(frame)
    this.seen = seenIn(connections, upstreams, trusting, this.#history)
  }

  /** The way out first: what the module is told of Okapi depends on where the egress is bound. */
  async open(): Promise<Listening> {
    const { clock, config } = this.#parts
    clock.watch(this.#connections)
    clock.watch(this.#upstreams)
    clock.watch(this.#trustChanges)
    this.#flushing = setInterval(() => this.#access?.flush(), FLUSH_MS)
    const { egress, modules, ingress, public: browsers, migration } = config
    const listening: Listening = {}
    const doors = this.#doorways
    if (egress !== undefined) listening.egress = await doors.egress(egress)
    if (modules !== undefined) listening.modules = await doors.modules(modules)
    if (ingress !== undefined) listening.ingress = await doors.ingress(ingress)
    if (migration !== undefined && ingress !== undefined) {
      listening.plain = await doors.migration(migration, ingress, this.#plainPeers(migration))
    }
    if (browsers !== undefined && ingress !== undefined && this.#pair !== undefined) {
      listening.public = await doors.public(browsers, ingress, this.#pair)
    }
    return listening
  }

  serve(): void {
    this.#connections.serve()
  }

  /** Is there a listener on ::1 beside the one on 127.0.0.1? */
  get otherLoopback(): boolean {
    return this.#listeners.hasOtherLoopback
  }

  policyChanged(): void {
    const { config, policies } = this.#parts
    const [trusting, connections] = [this.#trusting, this.#connections]
    policyChanged({ config, policies, trusting, connections })
  }

  showPublic(pair: PublicKeyPair): void {
    this.#pair = pair
    this.#listeners.showPublic(pair)
  }

  takenUp(): undefined {}

  look(): undefined {}

  leave(): void {
    this.#leaving = true
    this.#upstreams.waitNoMore(DRAINING)
  }

  async drain(): Promise<boolean> {
    const { config, log } = this.#parts
    this.leave()
    const closed = this.#listeners.close()
    const drained = await Promise.race([
      Promise.all([closed, this.#connections.drain()]).then(() => true),
      after(config.limits.drainTimeoutMs).then(() => false),
    ])
    if (!drained) {
      log.log.error({ connections: this.#connections.size }, 'drain timed out, cutting')
    }
    this.destroy()
    return drained
  }

  destroy(): void {
    void this.#listeners.close()
    this.#connections.destroy()
    this.#upstreams.destroy()
    clearInterval(this.#flushing)
    this.#access?.flush()
  }

  #plainPeers(migration: Migration): PlainPeers {
    const { config, clock, metrics, log, sharing } = this.#parts
    const { connectionsPerPeer } = config.limits
    const says = sharing?.first ?? true
    const door = plainDoorFacts(config, Date.now())
    const until = new Date(migration.until).toISOString()
    if (says) log.log.warn({ ...door, until }, 'plain door')
    const told = { clock, metrics, log: log.log, now: Date.now, says }
    return new PlainPeers({ migration, connectionsPerPeer, ...told })
  }

  #house() {
    const { config, metrics } = this.#parts
    const { module, ingress } = config
    const kept = { metrics, history: this.#history }
    return {
      okapiUrl: this.#okapiUrl,
      self: ingress === undefined ? '' : `http://${ingress.forward.authority}`,
      shares: this.#shares,
      health: healthOf(module.id, (done) => (this.#leaving ? done(DRAINING) : this.#knock?.(done))),
      record: recording(config, this.#access, kept),
    }
  }
}

/** What is asked for is looked up then, not now. */
function seenIn(
  connections: Connections,
  upstreams: Upstreams,
  trusting: Trusting,
  history: History,
): Seen {
  return {
    get connections() {
      return connections.size
    },
    open: (direction: Direction) => connections.open(direction),
    get stale() {
      return trusting.stale
    },
    get running() {
      return connections.exchanges
    },
    get bufferedBytes() {
      return connections.bufferedBytes + upstreams.bufferedBytes
    },
    history,
    workers: [],
  }
}

/** Resolves then, and keeps nobody alive until then. */
export function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
