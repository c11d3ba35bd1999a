import type { DatabaseSettings } from '../../config/database.ts'
import { ServerConnector } from '../../postgres/server-connection.ts'
import type { DatabaseSession } from '../../postgres/session.ts'
import {
  type DatabaseEvents,
  type DatabaseOptions,
  DatabaseSessions,
  type SessionFacts,
} from '../../postgres/sessions.ts'
import { type Refusal, refuse } from '../../refusal/refusal.ts'
import type { Ticking } from '../../transport/clock.ts'
import type { OpenedNamed } from '../../transport/named-handshake.ts'
import { callerIn } from '../../trust/identity.ts'
import type { BoundAddresses } from '../listeners.ts'
import { guardedTenants } from './guarded-tenants.ts'
import { EarlyConnections, type LegOptions, LOOK_MS } from './leg.ts'
import { type NamedServerRecord, NamedServers } from './named-servers.ts'
import { RepeatedRefusals } from './repeated-refusals.ts'

/** The listeners of `postgres`, and all their sessions. */
export class Databases implements Ticking {
  readonly #options: LegOptions
  readonly #legs: DatabaseLeg[] = []
  readonly #early = new EarlyConnections()
  #lookAt = 0
  #unsubscribe = () => {}

  constructor(options: LegOptions) {
    this.#options = options
  }

  /** Number of open sessions. */
  get size(): number {
    return this.#legs.reduce((sum, { sessions }) => sum + sessions.open, 0)
  }

  /** Binds every listener. Throws a Fault if an address is not available or a trust file is invalid. */
  async open(): Promise<BoundAddresses> {
    const { config, listeners, clock, credentials } = this.#options
    if (config.postgres.length === 0) return {}
    const places = { taken: 0, cancelling: 0 }
    const bound: string[] = []
    for (const settings of config.postgres) {
      const leg = new DatabaseLeg(settings, this.#options, places)
      this.#legs.push(leg)
      const address = await listeners.other(settings.listen, (socket, peer, slot) =>
        this.#early.accepted(socket, () => leg.sessions.accept(socket, peer, () => slot.settle())),
      )
      bound.push(address)
    }
    clock.watch(this)
    this.#unsubscribe = credentials.subscribe(() => this.#judgeAgain())
    return { postgres: bound.join(', ') }
  }

  serve(): void {
    this.#early.serve()
  }

  async drain(): Promise<void> {
    await Promise.all(this.#legs.map(({ sessions }) => sessions.drain()))
  }

  destroy(): void {
    this.#options.clock.unwatch(this)
    this.#unsubscribe()
    this.#early.destroy()
    for (const { sessions } of this.#legs) sessions.destroy()
  }

  tick(now: number): void {
    if (now < this.#lookAt) return
    this.#lookAt = now + LOOK_MS
    for (const leg of this.#legs) {
      leg.lookAtTrust()
      leg.expire(Date.now())
    }
  }

  #judgeAgain(): void {
    for (const leg of this.#legs) leg.judgeAgain()
  }
}

/** One listener, its server, and the trust for both. */
class DatabaseLeg {
  readonly sessions: DatabaseSessions
  readonly #options: LegOptions
  readonly #records = new WeakMap<DatabaseSession, NamedServerRecord>()
  readonly #trusted: NamedServers
  readonly #server: string
  readonly #repeated: RepeatedRefusals

  constructor(settings: DatabaseSettings, options: LegOptions, places: DatabaseOptions['places']) {
    const { config, clock, descriptors, names, metrics } = options
    const { connectMs, handshakeMs, recordOverheadBytesPerSecond } = config.limits
    this.#options = options
    this.#repeated = new RepeatedRefusals((told) => {
      const because = `${told} kinds of them in a minute; more are counted in sidecar_refusals_total only`
      const said = { ...this.#facts(), because }
      options.log.warn(said, 'more database sessions refused than are logged')
    })
    const shows = settings.clientCertificate === 'own'
    this.#trusted = new NamedServers(options.credentials, settings.trust, shows)
    this.#server = settings.servers.map(({ host, port }) => `${host}:${port}`).join(', ')
    const connector = new ServerConnector({
      places: settings.servers.map(({ host, port }) => {
        return { host, port, name: settings.serverName ?? host }
      }),
      sslNegotiation: settings.sslNegotiation,
      context: () => this.#trusted.context(),
      callerIn: (der) => callerIn(der, config.pins.identities),
      ...{ names, clock, descriptors, connectMs, handshakeMs },
      ...{ recordOverheadBytesPerSecond },
      limitHit: (limit) => metrics.limitHit(limit),
    })
    this.sessions = new DatabaseSessions({
      rules: { ...settings, tenants: guardedTenants(config) },
      connector,
      limits: config.limits,
      clock,
      events: this.#events(),
      places,
    })
  }

  /** A session continues only while the credentials that it was opened with are still valid. */
  judgeAgain(): void {
    const ended = this.sessions.endUnfit((session) => {
      const record = this.#records.get(session)
      return record === undefined ? null : this.#trusted.unfit(record)
    })
    if (ended > 0) this.#options.log.warn({ ...this.#facts(), ended }, 'database sessions cut off')
  }

  lookAtTrust(): void {
    const why = (problem: string) =>
      this.#options.log.error({ ...this.#facts(), problem }, 'database trust refused')
    if (this.#trusted.changed(why)) {
      this.#options.log.info(this.#facts(), 'database trust loaded')
      this.judgeAgain()
    }
  }

  expire(nowMs: number): void {
    this.sessions.endUnfit((session) => {
      const { notAfter } = this.#records.get(session) ?? { notAfter: 0 }
      if (nowMs <= notAfter) return null
      const at = new Date(notAfter).toISOString()
      return refuse('expired-certificate', `a certificate of this session expired on ${at}`)
    })
  }

  /** Credentials of either side may have been withdrawn during the handshake. */
  #connected(session: DatabaseSession, { socket, context }: OpenedNamed): void {
    const record = this.#trusted.recordOf(socket, context)
    this.#records.set(session, record)
    if (context === this.#trusted.context()) return
    const refusal = this.#trusted.unfit(record)
    if (refusal !== null) session.refuse(refusal)
  }

  #facts() {
    return { direction: 'postgres', server: this.#server }
  }

  #events(): DatabaseEvents {
    const { metrics, log, config } = this.#options
    return {
      connected: (session, opened) => this.#connected(session, opened),
      loggedIn: (facts, server) =>
        log.debug({ direction: 'postgres', ...facts, server }, 'database login'),
      refused: (facts, refusal) => {
        metrics.refused('postgres', refusal.reason)
        if (this.#isRepeated('refused', facts, refusal)) return
        const { reason, because, wouldAllow } = refusal
        const said = { reason, because, ...(wouldAllow && { wouldAllow }) }
        log.warn({ ...this.#facts(), ...facts, ...said }, 'database session refused')
        this.#remember(refusal, false)
      },
      wouldDeny: (facts, refusal) => {
        metrics.wouldDeny('postgres')
        if (this.#isRepeated('wouldDeny', facts, refusal)) return
        const said = { wouldDeny: refusal.reason, because: refusal.because }
        log.warn({ ...this.#facts(), ...facts, ...said }, 'database session would be refused')
        this.#remember(refusal, true)
      },
      ended: (facts, { server, why, ...end }) => {
        if (!config.log.access) return
        const broken = why === '' ? {} : { why }
        log.info(
          { direction: 'postgres', ...facts, server, ...end, ...broken },
          'database session ended',
        )
      },
      limitHit: (limit) => metrics.limitHit(limit),
    }
  }

  #isRepeated(kind: string, { role, database }: SessionFacts, { because }: Refusal): boolean {
    return this.#repeated.has(kind, role, database, because)
  }

  /** For the status page: the role is only in the sentence, because it is the caller's unverified claim. */
  #remember({ reason, because, status }: Refusal, passed: boolean): void {
    this.#options.history.refused({
      timeMs: Date.now(),
      direction: 'postgres',
      caller: this.#options.config.module.id,
      from: '',
      at: this.#server,
      method: 'LOGIN',
      route: '',
      requestId: '',
      ...{ status, reason, because, passed },
    })
  }
}
