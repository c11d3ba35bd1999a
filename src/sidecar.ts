import type { Config, Migration } from './config/config.ts'
import { Credentials, type ReloadReport } from './credentials/credentials.ts'
import { PublicCertificate } from './credentials/public-certificate.ts'
import { fault, sentence } from './fault.ts'
import { AccessLog } from './observe/access.ts'
import type { Direction } from './observe/labels.ts'
import type { Log } from './observe/log.ts'
import { Metrics } from './observe/metrics.ts'
import { Readiness } from './observe/readiness.ts'
import { History } from './observe/status/history.ts'
import { storyOf } from './proxy/exchange.ts'
import { answerTable } from './proxy/header-tables.ts'
import { healthOf, type Knock } from './proxy/health.ts'
import { REQUEST_NAMES, RESPONSE_NAMES } from './proxy/names.ts'
import { OkapiUrl } from './proxy/okapi-url.ts'
import { refuse } from './refusal/refusal.ts'
import { Connections } from './sidecar/connections.ts'
import { Doorways } from './sidecar/doorways.ts'
import { directionsOf, gauges } from './sidecar/gauges.ts'
import { linkEvents } from './sidecar/link-events.ts'
import { Listeners } from './sidecar/listeners.ts'
import { checkMigration, plainDoorFacts } from './sidecar/migration.ts'
import { openFileProblems } from './sidecar/open-files.ts'
import { PlainPeers } from './sidecar/plain-peers.ts'
import { Policies, policyOf } from './sidecar/policies.ts'
import { policyChanged, tellPolicy } from './sidecar/policy-changes.ts'
import { keepsAccess, recording } from './sidecar/recording.ts'
import { sourceOf } from './sidecar/source.ts'
import { TrustChanges } from './sidecar/trust-changes.ts'
import { Trusting } from './sidecar/trusting.ts'
import { Upstreams } from './sidecar/upstreams.ts'
import { Windows } from './sidecar/windows.ts'
import { CoarseClock } from './transport/clock.ts'
import type { WireSettings } from './wire/face.ts'

const FLUSH_MS = 100
const DRAINING = refuse('draining', 'this sidecar is shutting down')

/**
 * The whole process: the only file that knows every room. What can be wrong (credentials, policy) is
 * read first, then come the ways out, then the doors; it stops in the opposite order.
 */
export class Sidecar {
  /** The bound `host:port` of each listener, by name. */
  readonly listening: Partial<Record<Direction | 'status', string>> = {}
  readonly #config: Config
  readonly #log: Log
  readonly #clock = new CoarseClock()
  readonly #metrics: Metrics
  readonly #readiness = new Readiness()
  readonly #access: AccessLog | null
  readonly #credentials: Credentials
  readonly #trusting: Trusting
  readonly #trustChanges: TrustChanges
  readonly #policies: Policies
  readonly #upstreams: Upstreams
  readonly #listeners: Listeners
  readonly #connections: Connections
  readonly #doorways: Doorways
  readonly #okapiUrl: OkapiUrl | undefined
  readonly #knock: Knock | undefined
  readonly #history = new History()
  readonly #windows: Windows
  #publicCertificate: PublicCertificate | undefined
  #flushing: NodeJS.Timeout | undefined

  private constructor(config: Config, log: Log, credentials: Credentials, policies: Policies) {
    this.#config = config
    this.#log = log
    this.#credentials = credentials
    this.#policies = policies
    this.#metrics = new Metrics(directionsOf(config))
    this.#access = keepsAccess(config) ? new AccessLog(log.destination) : null
    this.#trusting = new Trusting(config, credentials)
    const settings: WireSettings = {
      requestNames: REQUEST_NAMES,
      responseNames: RESPONSE_NAMES,
      keepTrailer: (id) => id === 0,
      limits: config.limits,
      clock: this.#clock,
      limitHit: (limit) => this.#metrics.limitHit(limit),
    }
    const links = linkEvents(log.log, this.#metrics)
    this.#upstreams = new Upstreams(config, this.#clock, settings, this.#trusting, links)
    this.#listeners = new Listeners(config, this.#clock, log.log, this.#metrics)
    this.#okapiUrl = config.egress && new OkapiUrl(config.egress.url ?? 'http://localhost')
    this.#knock = config.ingress && this.#upstreams.knock(config.ingress.forward)
    this.#connections = new Connections(settings, storyOf(this.#house()), links)
    this.#trustChanges = new TrustChanges({
      credentials,
      trusting: this.#trusting,
      listeners: this.#listeners,
      upstreams: this.#upstreams,
      connections: this.#connections,
      readiness: this.#readiness,
      metrics: this.#metrics,
      log: log.log,
      now: Date.now,
    })
    this.#windows = new Windows({
      config,
      credentials,
      policies,
      connections: this.#connections,
      readiness: this.#readiness,
      history: this.#history,
      listening: this.listening,
      startedMs: Date.now(),
      metrics: this.#metrics,
      log: log.log,
    })
    this.#doorways = new Doorways({
      config,
      policies,
      trusting: this.#trusting,
      listeners: this.#listeners,
      upstreams: this.#upstreams,
      connections: this.#connections,
      okapiUrl: this.#okapiUrl,
    })
  }

  /**
   * Starts everything; nothing listens when it throws. Throws a Fault when a person must mend
   * something.
   */
  static async start(config: Config, log: Log): Promise<Sidecar> {
    const early: ReloadReport[] = []
    let told = (report: ReloadReport): void => {
      early.push(report)
    }
    const credentials = new Credentials({
      source: sourceOf(config),
      expected: {
        module: config.module.id,
        trustDomain: config.trustDomain,
        foreign: new Map(Object.entries(config.pins.identities)),
      },
      now: Date.now,
      onReload: (report) => told(report),
    })
    await credentials.start()
    try {
      const { policy, warnings } = policyOf(config)
      checkMigration(config, policy)
      for (const problem of warnings) log.log.warn({ problem: sentence(problem) }, 'policy')
      for (const problem of openFileProblems(config.limits.connections)) {
        log.log.warn({ problem: sentence(problem), hint: problem.hint }, 'open files')
      }
      const sidecar = new Sidecar(config, log, credentials, new Policies(config, policy))
      told = (report) => sidecar.#trustChanges.told(report)
      for (const report of early) told(report)
      await sidecar.#open()
      return sidecar
    } catch (error) {
      credentials.stop()
      throw error
    }
  }

  /**
   * Stops accepting, finishes what runs, closes. Resolves to false when exchanges had to be cut
   * because `limits.drainTimeoutMs` was over.
   */
  async drain(): Promise<boolean> {
    this.#readiness.drain()
    await after(this.#config.drain.delayMs)
    const closed = this.#listeners.close()
    const drained = await Promise.race([
      Promise.all([closed, this.#connections.drain()]).then(() => true),
      after(this.#config.limits.drainTimeoutMs).then(() => false),
    ])
    if (!drained) {
      this.#log.log.error({ connections: this.#connections.size }, 'drain timed out, cutting')
    }
    await this.#stop()
    return drained
  }

  async #stop(): Promise<void> {
    this.#connections.destroy()
    this.#upstreams.destroy()
    this.#credentials.stop()
    this.#policies.stop()
    this.#publicCertificate?.stop()
    this.#windows.close()
    clearInterval(this.#flushing)
    this.#access?.flush()
    this.#clock.stop()
  }

  async #open(): Promise<void> {
    const done = this.#readiness.register('every listener')
    this.#clock.watch(this.#connections)
    this.#clock.watch(this.#upstreams)
    this.#clock.watch(this.#trustChanges)
    this.#flushing = setInterval(() => this.#access?.flush(), FLUSH_MS)
    try {
      await this.#openDoors()
      this.listening.admin = await this.#windows.admin()
      const status = await this.#windows.status()
      if (status !== undefined) this.listening.status = status
    } catch (error) {
      void this.#listeners.close()
      await this.#stop()
      throw error
    }
    const known = {
      config: this.#config,
      credentials: this.#credentials,
      trusting: this.#trusting,
      publicCertificate: this.#publicCertificate,
      policies: this.#policies,
      connections: this.#connections,
      upstreams: this.#upstreams,
    }
    gauges(this.#metrics, known)
    const [metrics, readiness, { log }] = [this.#metrics, this.#readiness, this.#log]
    const concerned = { ...known, metrics, readiness, log }
    await this.#policies.watch(
      () => policyChanged(concerned),
      (report) => tellPolicy(concerned, report),
    )
    done()
  }

  /** The way out first: what the module is told of Okapi depends on where the egress is bound. */
  async #openDoors(): Promise<void> {
    const { egress, modules, ingress, public: browsers, migration } = this.#config
    const { listening } = this
    const doors = this.#doorways
    if (egress !== undefined) listening.egress = await doors.egress(egress)
    if (modules !== undefined) listening.modules = await doors.modules(modules)
    if (ingress !== undefined) listening.ingress = await doors.ingress(ingress)
    if (migration !== undefined && ingress !== undefined) {
      listening.plain = await doors.migration(migration, ingress, this.#plainPeers(migration))
    }
    if (browsers === undefined) return
    if (ingress === undefined)
      throw fault('public needs ingress.forward, which says where Okapi is')
    const certificate = new PublicCertificate(browsers.credentials.directory)
    this.#publicCertificate = certificate
    listening.public = await doors.public(browsers, ingress, certificate.current)
    certificate.watch(
      (pair) => this.#listeners.showPublic(pair),
      ({ result, problems }) => {
        this.#metrics.reloaded(result)
        const level = result === 'ok' ? 'info' : 'error'
        this.#log.log[level]({ result, problems: problems.map(sentence) }, 'public certificate')
      },
    )
  }

  #plainPeers(migration: Migration): PlainPeers {
    const { connectionsPerPeer } = this.#config.limits
    const [clock, metrics, { log }] = [this.#clock, this.#metrics, this.#log]
    const door = plainDoorFacts(this.#config, Date.now())
    log.warn({ ...door, until: new Date(migration.until).toISOString() }, 'plain door')
    return new PlainPeers({ migration, connectionsPerPeer, clock, metrics, log, now: Date.now })
  }

  #house() {
    const { module, ingress, limits } = this.#config
    const traits = this.#policies.current.traits(module.id)
    const { authFilter = false, keepsTokens = false } = traits ?? {}
    return {
      okapiUrl: this.#okapiUrl,
      self: ingress === undefined ? '' : `http://${ingress.forward.authority}`,
      answerLoses: answerTable({ authFilter, keepsTokens }),
      setsTokenCookies: authFilter || keepsTokens,
      mostExchanges: limits.exchanges,
      mostPlainExchanges: halfOf(Math.min(limits.exchanges, limits.exchangesPerCallee)),
      health: healthOf(module.id, (done) =>
        this.#readiness.draining ? done(DRAINING) : this.#knock?.(done),
      ),
      record: recording(this.#config, this.#access, {
        metrics: this.#metrics,
        history: this.#history,
      }),
    }
  }
}

function halfOf(most: number): number {
  return Math.max(1, Math.floor(most / 2))
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
