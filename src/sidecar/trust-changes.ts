import type { Credentials, ReloadReport } from '../credentials/credentials.ts'
import { Reminder } from '../credentials/endings.ts'
import { sentence } from '../fault.ts'
import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Readiness } from '../observe/readiness.ts'
import type { Ticking } from '../transport/clock.ts'
import type { Connections } from './connections.ts'
import type { Listeners } from './listeners.ts'
import type { Cut, Trusting } from './trusting.ts'
import type { Upstreams } from './upstreams.ts'

/** Everybody whom a change of trust concerns. */
export interface Concerned {
  readonly credentials: Credentials
  readonly trusting: Trusting
  readonly listeners: Listeners
  readonly upstreams: Upstreams
  readonly connections: Connections
  readonly readiness: Readiness
  readonly metrics: Metrics
  readonly log: Logger
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** How often peers' certificates, and then our own, are held against the clock. */
const PEERS_MS = 1000
const OWN_MS = 60_000

/** What happens when credentials change, when they do not, and when time alone ends them. */
export class TrustChanges implements Ticking {
  readonly #concerned: Concerned
  readonly #reminder = new Reminder()
  #peersAt = 0
  #ownAt = 0

  constructor(concerned: Concerned) {
    this.#concerned = concerned
    concerned.credentials.subscribe(() => this.#changed())
  }

  /** New handshakes use the new generation; what may not go on is cut, the rest finishes and closes. */
  #changed(): void {
    const { listeners, upstreams, trusting, connections } = this.#concerned
    listeners.switchTo(trusting)
    upstreams.retire()
    this.#tellCuts(trusting.again((socket) => connections.retire(socket)))
    this.#ownAt = 0
  }

  /** A generation was taken up, or was not. */
  told(report: ReloadReport): void {
    const { metrics, readiness, log, credentials } = this.#concerned
    const { number: generation, problems } = report
    const said = problems.map(sentence)
    metrics.reloaded(report.result)
    if (report.result === 'failed') {
      readiness.remark('credentials', 'the last good generation stays in use')
      log.error({ generation, problems: said }, 'new credentials refused')
      return
    }
    readiness.remark('credentials', undefined)
    const { crlsEnd } = credentials.current
    const changed = { ...report.changed, notAfter: iso(report.changed.notAfter) }
    const lists = crlsEnd === undefined ? {} : { crlsEnd: iso(crlsEnd) }
    log.info({ generation, changed, ...lists, warnings: said }, 'credentials')
  }

  /** Called by the coarse clock, whose time is not that of certificates. */
  tick(now: number): void {
    const { trusting, credentials, log } = this.#concerned
    if (now >= this.#peersAt) {
      this.#peersAt = now + PEERS_MS
      this.#tellCuts(trusting.expire())
    }
    if (now < this.#ownAt) return
    this.#ownAt = now + OWN_MS
    for (const problem of this.#reminder.due(credentials.current, this.#concerned.now())) {
      log.warn({ problem: sentence(problem), hint: problem.hint }, 'credentials run out')
    }
  }

  #tellCuts(cuts: readonly Cut[]): void {
    for (const cut of cuts) this.#concerned.log.warn(cut, 'peer cut off')
  }
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
