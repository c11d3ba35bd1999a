import type { Config } from './config/config.ts'
import { Credentials, type ReloadReport } from './credentials/credentials.ts'
import type { Generation } from './credentials/generation.ts'
import { PublicCertificate } from './credentials/public-certificate.ts'
import type { RawMaterial } from './credentials/raw-material.ts'
import { fault, hintsOf, inOneLine, type Problem, sentence } from './fault.ts'
import { directionsOf } from './listeners/all.ts'
import type { Direction } from './observe/labels.ts'
import { type Log, logRemark } from './observe/log.ts'
import { Metrics } from './observe/metrics.ts'
import { ProcessUse } from './observe/process-use.ts'
import { Readiness } from './observe/readiness.ts'
import { AdminServers } from './sidecar/admin-servers.ts'
import { Auditing } from './sidecar/auditing.ts'
import { expectedOf, publicExpectationOf } from './sidecar/authentication.ts'
import { CredentialNews } from './sidecar/credential-news.ts'
import {
  limitsOverTls,
  memoryProblems,
  openFileProblems,
  threadsOf,
  workerProblems,
} from './sidecar/machine.ts'
import { Policies } from './sidecar/policies.ts'
import { tellPolicy } from './sidecar/policy-material.ts'
import { Serving } from './sidecar/serving.ts'
import type { ServingThreads } from './sidecar/serving-threads.ts'
import { sourceOf } from './sidecar/source.ts'
import { gauges } from './sidecar/status.ts'
import { TokenWatch, tokenMemoryFor } from './sidecar/token-memory.ts'
import type { Workers } from './sidecar/workers/workers.ts'
import { after, CoarseClock } from './transport/clock.ts'

/**
 * The whole process: the only file that knows every room. What can be wrong (credentials, policy) is
 * read first, then come the ways out, then the listeners; it stops in the opposite order. This thread
 * reads, watches, tells and answers admin and status; it serves itself, or threads do.
 */
export class Sidecar {
  /** The bound `host:port` of each listener, by name. */
  readonly listening: Partial<Record<Direction | 'admin' | 'status', string>> = {}
  /** Resolves when a thread of several has died, which is the end of all; undefined: there is one. */
  readonly died: Promise<void> | undefined
  /** Resolves when every address is had: at once, or when a predecessor has given up the last one. */
  complete: Promise<void> = Promise.resolve()
  readonly #config: Config
  readonly #log: Log
  readonly #clock: CoarseClock
  readonly #metrics: Metrics
  readonly #readiness = new Readiness()
  readonly #credentials: Credentials
  readonly #news: CredentialNews
  readonly #processUse = new ProcessUse()
  readonly #policies: Policies
  readonly #threads: ServingThreads
  readonly #adminServers: AdminServers
  readonly #tokens: TokenWatch | undefined
  readonly #auditing: Auditing | undefined
  #publicCertificate: PublicCertificate | undefined
  #leftAt: number | undefined

  private constructor(parts: Parts) {
    const { config, log, clock, credentials, policies, workers, tokenMemory, auditing } = parts
    const readiness = this.#readiness
    this.#config = config
    this.#log = log
    this.#clock = clock
    this.#auditing = auditing
    this.#credentials = credentials
    this.#policies = policies
    const metrics = new Metrics(directionsOf(config), workers?.tallies)
    this.#metrics = metrics
    const here = { config, log, clock, credentials, policies, metrics, tokenMemory, auditing }
    this.#threads = workers ?? new Serving(here)
    this.died = workers?.died
    this.#news = new CredentialNews({
      credentials,
      readiness,
      metrics,
      log: log.log,
      now: Date.now,
    })
    this.#tokens = tokenMemory && new TokenWatch(config, tokenMemory)
    this.#adminServers = new AdminServers({
      tokens: this.#tokens,
      auditing,
      config,
      credentials,
      policies,
      threads: this.#threads,
      readiness,
      listening: this.listening,
      startedMs: Date.now(),
      processUse: this.#processUse,
      metrics,
      log: log.log,
      destination: log.destination,
    })
    readiness.watch('log', () => logRemark(log.destination))
    if (auditing !== undefined) readiness.watch('audit trail', () => auditing.remark())
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
    const threads = threadsOf(config)
    const workers = threads === 1 ? undefined : await workersFor(config, log, threads)
    const credentials = new Credentials({
      source: sourceOf(config),
      expected: expectedOf(config),
      now: Date.now,
      onReload: (report) => told(report),
      ...(workers && {
        onActivate: (raw: RawMaterial, next: Generation) => workers.credentialsChanged(raw, next),
      }),
    })
    await credentials.start()
    let auditing: Auditing | undefined
    try {
      const { policies, read } = await Policies.start(config)
      const { warnings, material, policy } = read
      for (const problem of warnings) log.log.warn({ problem: sentence(problem) }, 'policy warning')
      tellProblems(log, 'open files', openFileProblems(config.limits.connections))
      tellProblems(log, 'memory', memoryProblems(config.limits.bufferedBytes))
      tellProblems(log, 'workers', workerProblems(config))
      const { connections } = limitsOverTls({ ...config, workers: 1 })
      if (connections < config.limits.connections) {
        const limit = { connections, configured: config.limits.connections }
        log.log.info(limit, 'connections over TLS are limited by memory')
      }
      const tokenMemory = tokenMemoryFor(config, policy)
      workers?.remembersTokensIn(tokenMemory)
      workers?.policyChanged(material, policy.hash)
      auditing = await Auditing.open(config, log)
      auditing?.start(config, read)
      workers?.auditsIn(auditing)
      const clock = new CoarseClock()
      const parts = { config, log, clock, credentials, policies, workers, tokenMemory, auditing }
      const sidecar = new Sidecar(parts)
      told = (report) => sidecar.#whenTakenUp(() => sidecar.#tellCredentials(report))
      for (const report of early) sidecar.#tellCredentials(report)
      await sidecar.#open().catch((error: unknown) => {
        sidecar.#stop()
        throw error
      })
      return sidecar
    } catch (error) {
      workers?.destroy()
      credentials.stop()
      await auditing?.stop('failed to start')
      throw error
    }
  }

  /**
   * Shutting down will follow: not ready any more, callers are sent elsewhere, what runs finishes, and the
   * module's own calls go on. More than once is as once. `signal`: who asked for it from outside.
   */
  leave(signal?: NodeJS.Signals): void {
    if (signal !== undefined) this.#auditing?.changes?.told(signal, 'leave')
    this.#leftAt ??= performance.now()
    this.#readiness.drain()
    this.#threads.leave()
  }

  /**
   * Stops accepting, finishes what runs, closes. Resolves to false when exchanges had to be cut
   * because `limits.drainTimeoutMs` was over. `signal` as for `leave`.
   */
  async drain(signal?: NodeJS.Signals): Promise<boolean> {
    if (signal !== undefined) this.#auditing?.changes?.told(signal, 'stop')
    this.leave()
    const leavingMs = performance.now() - (this.#leftAt ?? 0)
    await after(Math.max(0, this.#config.drain.delayMs - leavingMs))
    const drained = await this.#threads.drain()
    this.#stop()
    await this.#auditing?.stop(drained ? 'drained' : 'cut')
    return drained
  }

  #stop(): void {
    this.#threads.destroy()
    this.#credentials.stop()
    this.#policies.stop()
    this.#publicCertificate?.stop()
    this.#adminServers.close()
    this.#clock.stop()
  }

  async #open(): Promise<void> {
    const done = this.#readiness.register('every listener')
    const [config, threads] = [this.#config, this.#threads]
    this.#clock.watch(this.#news)
    this.#clock.watch(this.#processUse)
    if (this.#auditing !== undefined) this.#clock.watch(this.#auditing)
    await this.#readPublic()
    Object.assign(this.listening, await threads.open())
    this.listening.admin = await this.#adminServers.admin()
    const status = await this.#adminServers.status()
    if (status !== undefined) this.listening.status = status
    const [credentials, policies] = [this.#credentials, this.#policies]
    const publicCertificate = this.#publicCertificate
    const { destination } = this.#log
    const [tokens, auditing] = [this.#tokens, this.#auditing]
    const seen = { config, credentials, publicCertificate, policies, threads, destination, tokens }
    const [readiness, metrics, { log }] = [this.#readiness, this.#metrics, this.#log]
    gauges(metrics, { ...seen, auditing, readiness })
    await policies.watch(
      (material) => {
        threads.policyChanged(material, policies.current.hash)
        auditing?.changes?.policyRead(material)
      },
      (report) =>
        this.#whenTakenUp(() => {
          tellPolicy({ policies, readiness, metrics, log }, report)
          auditing?.changes?.policy(report, policies.current)
        }),
    )
    threads.serve()
    this.complete = Promise.all([threads.listen(), this.#adminServers.listen()]).then(done)
    // `run` waits for it.
    this.complete.catch(() => {})
  }

  /** What was changed is told when all threads serve by it. */
  #whenTakenUp(tell: () => void): void {
    const taken = this.#threads.takenUp()
    if (taken === undefined) tell()
    // A thread that died is told of by itself.
    else void taken.then(tell, () => {})
  }

  #tellCredentials(report: ReloadReport): void {
    this.#news.told(report)
    this.#auditing?.changes?.credentials(report)
  }

  async #readPublic(): Promise<void> {
    const { public: browsers, ingress } = this.#config
    if (browsers === undefined) return
    if (ingress === undefined)
      throw fault('public needs ingress.forward, which says where Okapi is')
    const certificate = await PublicCertificate.start(publicExpectationOf(browsers))
    this.#publicCertificate = certificate
    this.#threads.showPublic(certificate.current)
    certificate.watch(
      (pair) => this.#threads.showPublic(pair),
      (report) =>
        this.#whenTakenUp(() => {
          const { result, problems } = report
          this.#auditing?.changes?.publicCertificate(report, certificate.current.notAfter)
          this.#metrics.reloaded(result)
          const why = `the last good one stays in use: ${inOneLine(problems)}`
          this.#readiness.remark('public certificate', result === 'ok' ? undefined : why)
          const level = result === 'ok' ? 'info' : 'error'
          const facts = { result, problems: problems.map(sentence), ...hintsOf(problems) }
          this.#log.log[level](facts, 'public certificate')
        }),
    )
  }
}

/** What is read, or made, before there is a sidecar. */
interface Parts {
  readonly config: Config
  readonly log: Log
  readonly clock: CoarseClock
  readonly credentials: Credentials
  readonly policies: Policies
  readonly workers: Workers | undefined
  readonly tokenMemory: SharedArrayBuffer | undefined
  readonly auditing: Auditing | undefined
}

/** A process without threads does not load what threads need. */
async function workersFor(config: Config, log: Log, threads: number): Promise<Workers> {
  const { Workers } = await import('./sidecar/workers/workers.ts')
  return new Workers({ config, log, threads })
}

function tellProblems(log: Log, about: string, problems: readonly Problem[]): void {
  for (const problem of problems) {
    log.log.warn({ problem: sentence(problem), hint: problem.hint }, about)
  }
}
