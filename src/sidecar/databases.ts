import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Config } from '../config/config.ts'
import type { DatabaseSettings } from '../config/database.ts'
import type { CredentialsInForce } from '../credentials/credentials.ts'
import type { Generation } from '../credentials/generation.ts'
import { TrustFile } from '../credentials/trust-file.ts'
import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { History } from '../observe/status/history.ts'
import { type OpenedServer, ServerConnector } from '../postgres/server-connection.ts'
import type { DatabaseSession } from '../postgres/session.ts'
import { type DatabaseEvents, DatabaseSessions } from '../postgres/sessions.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { factsOf } from '../transport/authenticate.ts'
import type { CoarseClock, Ticking } from '../transport/clock.ts'
import type { Descriptors } from '../transport/descriptors.ts'
import type { NameResolver } from '../transport/name-resolver.ts'
import { namedServerContext } from '../transport/named-server.ts'
import { type Chain, readChain, type TrustBundle } from '../trust/chain.ts'
import { issuedRecords, revokedOf } from '../trust/revocation.ts'
import type { BoundAddresses, Listeners } from './listeners.ts'

/** What the database leg is made with. */
export interface DatabasesOptions {
  readonly config: Config
  readonly clock: CoarseClock
  readonly descriptors: Descriptors
  readonly names: NameResolver
  readonly credentials: CredentialsInForce
  readonly listeners: Pick<Listeners, 'other'>
  readonly metrics: Metrics
  readonly log: Logger
  readonly history: History
}

/** How often files of trust are looked at, and sessions held against the clock. */
const LOOK_MS = 1000

type Accept = (socket: Socket, peer: string, settle: () => boolean) => void

/** The listeners of `postgres`, and every session behind them. */
export class Databases implements Ticking {
  readonly #options: DatabasesOptions
  readonly #legs: DatabaseLeg[] = []
  /** Null: everything listens. Until then those who come wait, and nothing is read. */
  #early: Map<Socket, () => void> | null = new Map()
  #lookAt = 0
  #unsubscribe = () => {}

  constructor(options: DatabasesOptions) {
    this.#options = options
  }

  /** Sessions that are open. */
  get size(): number {
    return this.#legs.reduce((sum, { sessions }) => sum + sessions.open, 0)
  }

  /** Binds every listener. Throws a Fault where an address cannot be had or a file of trust is not good. */
  async open(): Promise<BoundAddresses> {
    const { config, listeners, clock, credentials } = this.#options
    if (config.postgres.length === 0) return {}
    const places = { taken: 0 }
    const bound: string[] = []
    for (const settings of config.postgres) {
      const leg = new DatabaseLeg(settings, this.#options, places)
      this.#legs.push(leg)
      const accept: Accept = (socket, peer, settle) => leg.sessions.accept(socket, peer, settle)
      const address = await listeners.other(settings.listen, (socket, peer, slot) =>
        this.#accepted(accept, socket, peer, () => slot.settle()),
      )
      bound.push(address)
    }
    clock.watch(this)
    this.#unsubscribe = credentials.subscribe(() => this.#judgeAgain())
    return { postgres: bound.join(', ') }
  }

  serve(): void {
    const early = this.#early ?? new Map()
    this.#early = null
    for (const begin of early.values()) begin()
  }

  async drain(): Promise<void> {
    await Promise.all(this.#legs.map(({ sessions }) => sessions.drain()))
  }

  destroy(): void {
    this.#options.clock.unwatch(this)
    this.#unsubscribe()
    for (const socket of this.#early?.keys() ?? []) socket.destroy()
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

  #accepted(accept: Accept, socket: Socket, peer: string, settle: () => boolean): void {
    const early = this.#early
    if (early === null) return accept(socket, peer, settle)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => early.delete(socket))
    early.set(socket, () => accept(socket, peer, settle))
  }

  #judgeAgain(): void {
    for (const leg of this.#legs) leg.judgeAgain()
  }
}

/** What a session was opened with, to judge it by again. */
interface SessionRecord {
  /** What we proved ourselves with; undefined: nothing. */
  readonly shown: Generation | undefined
  /** What the server showed; undefined where it cannot be followed: then any change is the end. */
  readonly chain: Chain | undefined
  /** Milliseconds since 1970. */
  readonly notAfter: number
}

/** One listener, its server, and what both are trusted by. */
class DatabaseLeg {
  readonly sessions: DatabaseSessions
  readonly #settings: DatabaseSettings
  readonly #options: DatabasesOptions
  readonly #records = new WeakMap<DatabaseSession, SessionRecord>()
  readonly #trust: TrustFile | undefined
  readonly #server: string
  /** Which generation a context proves us with. */
  readonly #shown = new WeakMap<SecureContext, Generation>()
  #context: { readonly of: readonly unknown[]; readonly value: SecureContext } | undefined

  constructor(settings: DatabaseSettings, options: DatabasesOptions, places: { taken: number }) {
    const { config, clock, descriptors, names, metrics } = options
    const { connectMs, handshakeMs } = config.limits
    this.#settings = settings
    this.#options = options
    this.#trust = settings.trust === undefined ? undefined : new TrustFile(settings.trust, Date.now)
    this.#server = settings.servers.map(({ host, port }) => `${host}:${port}`).join(', ')
    const connector = new ServerConnector({
      places: settings.servers.map(({ host, port }) => {
        return { host, port, name: settings.serverName ?? host }
      }),
      sslNegotiation: settings.sslNegotiation,
      context: () => this.#secureContext(),
      ...{ names, clock, descriptors, connectMs, handshakeMs },
      limitHit: (limit) => metrics.limitHit(limit),
    })
    this.sessions = new DatabaseSessions({
      rules: settings,
      connector,
      limits: config.limits,
      clock,
      events: this.#events(),
      places,
    })
  }

  /** A session goes on only while what it was opened with may still be used. */
  judgeAgain(): void {
    const ended = this.sessions.endUnfit((session) => this.#unfit(this.#records.get(session)))
    if (ended > 0) this.#options.log.warn({ ...this.#facts(), ended }, 'database sessions cut off')
  }

  lookAtTrust(): void {
    const why = (problem: string) =>
      this.#options.log.error({ ...this.#facts(), problem }, 'database trust refused')
    if (this.#trust?.changed(why) === true) {
      this.#options.log.info(this.#facts(), 'database trust')
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

  #unfit(record: SessionRecord | undefined): Refusal | null {
    const { bundle, crls } = this.#options.credentials.current
    if (record === undefined) return null
    const { shown, chain } = record
    const own = shown && withdrawn(shown.chain, bundle, crls)
    if (own) return own
    const trusted = this.#trust?.current.bundle ?? bundle
    return withdrawn(chain, trusted, this.#trust === undefined ? crls : [])
  }

  /** What either side showed may have been withdrawn during the handshake. */
  #connected(session: DatabaseSession, { socket, context }: OpenedServer): void {
    const { current } = this.#options.credentials
    const shown = this.#shown.get(context)
    const bundle = this.#trust?.current.bundle ?? current.bundle
    const chain = readChain(factsOf(socket, 'server').chain, bundle)
    const ends = [
      shown?.notAfter,
      chain?.leaf.notAfter,
      ...(chain?.issuers.map(({ notAfter }) => notAfter) ?? []),
    ]
    const notAfter = Math.min(...ends.filter((end) => end !== undefined))
    this.#records.set(session, { shown, chain, notAfter })
    if (context === this.#secureContext()) return
    const refusal = this.#unfit(this.#records.get(session))
    if (refusal !== null) session.refuse(refusal)
  }

  #secureContext(): SecureContext {
    const { current } = this.#options.credentials
    const trust = this.#trust?.current
    const of = [current, trust]
    if (this.#context?.of.every((each, i) => each === of[i]) !== true) {
      const named =
        trust === undefined
          ? { ca: current.caPems, crl: current.crlPems }
          : { ca: trust.caPems, crl: [] }
      const pair = { key: current.keyPem, cert: current.certPem }
      const shows = this.#settings.clientCertificate === 'own'
      const value = namedServerContext(named, shows ? pair : undefined)
      if (shows) this.#shown.set(value, current)
      this.#context = { of, value }
    }
    return this.#context.value
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
        const { reason, because, wouldAllow } = refusal
        const said = { reason, because, ...(wouldAllow && { wouldAllow }) }
        log.warn({ ...this.#facts(), ...facts, ...said }, 'database session refused')
        this.#remember(refusal, false)
      },
      wouldDeny: (facts, refusal) => {
        metrics.wouldDeny('postgres')
        const said = { wouldDeny: refusal.reason, because: refusal.because }
        log.warn({ ...this.#facts(), ...facts, ...said }, 'database session would be refused')
        this.#remember(refusal, true)
      },
      ended: (facts, { server, why, ...end }) => {
        if (!config.log.access) return
        const broken = why === '' ? {} : { why }
        log.info({ direction: 'postgres', ...facts, server, ...end, ...broken }, 'session')
      },
      limitHit: (limit) => metrics.limitHit(limit),
    }
  }

  /** What the status page shows: the sentence names the role, and a column for it would trust the caller. */
  #remember({ reason, because, status }: Refusal, passed: boolean): void {
    this.#options.history.refused({
      timeMs: Date.now(),
      direction: 'postgres',
      caller: this.#options.config.module.id,
      at: this.#server,
      method: 'LOGIN',
      route: '',
      requestId: '',
      ...{ status, reason, because, passed },
    })
  }
}

/** Is a chain revoked, or does an authority of it stand in the bundle no more? */
function withdrawn(
  chain: Chain | undefined,
  bundle: TrustBundle,
  crls: Generation['crls'],
): Refusal | null {
  if (chain === undefined) {
    return refuse('untrusted-certificate', 'the server’s chain cannot be judged after a change')
  }
  const revoked = revokedOf(issuedRecords(chain), crls)
  if (revoked !== undefined) return revoked
  const root = chain.issuers.at(-1)
  if (root !== undefined && bundle.byFingerprint.has(root.fingerprint256)) return null
  const because = `the root ${root?.subject.text ?? ''} is no longer in the trust bundle`
  return refuse('untrusted-certificate', because)
}
