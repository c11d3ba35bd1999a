import type { Credentials, CredentialsInForce, ReloadReport } from '../credentials/credentials.ts'
import { Reminder } from '../credentials/endings.ts'
import type { Generation } from '../credentials/generation.ts'
import { hintsOf, inOneLine, sentence } from '../fault.ts'
import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Readiness } from '../observe/readiness.ts'
import type { Ticking } from '../transport/clock.ts'
import type { Authentication, CutConnections } from './authentication.ts'
import type { Connections } from './connections.ts'
import type { Listeners } from './listeners.ts'
import type { Upstreams } from './upstreams.ts'

/** Who is told, and who knows. */
export interface CredentialReaders {
  readonly credentials: Credentials
  readonly readiness: Readiness
  readonly metrics: Metrics
  readonly log: Logger
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** How often our own certificates and lists are held against the clock. */
const OWN_MS = 60_000

/** A restart would use the older one, so this is reported as long as it is there. */
const OLDER_LIST =
  'ca.crl has an older list than the one in use, which stays in use until a restart'

/** Reports about our own credentials: what was loaded, what was refused, what expires soon. */
export class CredentialNews implements Ticking {
  readonly #telling: CredentialReaders
  readonly #reminder = new Reminder()
  #ownAt = 0
  #unfit: string | undefined

  constructor(telling: CredentialReaders) {
    this.#telling = telling
  }

  /** A generation was taken up, or was not. */
  told(report: ReloadReport): void {
    const { metrics, readiness, log, credentials } = this.#telling
    const { number: generation, problems } = report
    const said = problems.map(sentence)
    const hints = hintsOf(problems)
    metrics.reloaded(report.result)
    if (report.result === 'failed') {
      const why = `the last good generation stays in use: ${inOneLine(problems)}`
      readiness.remark('credentials', why)
      log.error({ generation, problems: said, ...hints }, 'new credentials refused')
      return
    }
    readiness.remark('credentials', undefined)
    this.#ownAt = 0
    const { crlsEnd, crlsKept } = credentials.current
    readiness.remark('revocation lists', crlsKept ? OLDER_LIST : undefined)
    const changed = { ...report.changed, notAfter: iso(report.changed.notAfter) }
    const lists = crlsEnd === undefined ? {} : { crlsEnd: iso(crlsEnd) }
    const level = said.length === 0 ? 'info' : 'warn'
    log[level]({ generation, changed, ...lists, warnings: said, ...hints }, 'credentials loaded')
  }

  /** `/ready` reports it too, because every call may fail. */
  #remarkWhatIsUnfit(): void {
    const { credentials, readiness, now, log } = this.#telling
    const unfit = unfitIn(credentials.current, now())
    if (unfit === this.#unfit) return
    this.#unfit = unfit
    readiness.remark('credentials in use', unfit)
    // The last line about it may be hours old: it was about what was to come.
    if (unfit === undefined) log.info({}, 'credentials in use are good again')
    else log.error({ problem: unfit }, 'credentials in use are no good')
  }

  /** Called by the coarse clock, whose time is not that of certificates. */
  tick(now: number): void {
    this.#remarkWhatIsUnfit()
    if (now < this.#ownAt) return
    this.#ownAt = now + OWN_MS
    const { credentials, log } = this.#telling
    for (const problem of this.#reminder.due(credentials.current, this.#telling.now())) {
      log.warn({ problem: sentence(problem), hint: problem.hint }, 'credentials run out')
    }
  }
}

/**
 * What has expired since it was loaded, so that no peer can be reached, or is not valid yet by a
 * clock that was set back; else undefined.
 */
function unfitIn({ presented, crls, notAfter, crlsEnd }: Generation, now: number) {
  if (now > notAfter)
    return `our certificate, or one above it, ended on ${iso(notAfter)}: peers refuse us`
  if (crlsEnd !== undefined && now > crlsEnd)
    return `a revocation list expired on ${iso(crlsEnd)}: every new connection is refused`
  const begun = [...presented.map((each) => each.notBefore), ...crls.map((each) => each.thisUpdate)]
  const begin = Math.max(...begun)
  if (now >= begin) return undefined
  return `our credentials were taken up, and begin on ${iso(begin)}: is the clock here wrong?`
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

/** Everything that a change of trust affects. */
export interface TrustChangeParts {
  readonly credentials: CredentialsInForce
  readonly authentication: Authentication
  readonly listeners: Listeners
  readonly upstreams: Upstreams
  readonly connections: Connections
  readonly log: Logger
}

/** How often peers' certificates are compared with the clock. */
const PEERS_MS = 1000

/** What happens to connections when credentials change, and when a peer's certificate expires. */
export class TrustChanges implements Ticking {
  readonly #concerned: TrustChangeParts
  #peersAt = 0

  constructor(concerned: TrustChangeParts) {
    this.#concerned = concerned
    concerned.credentials.subscribe(() => this.#changed())
  }

  /**
   * New handshakes use the new generation; invalid connections are cut, the rest finish and close.
   */
  #changed(): void {
    const { listeners, upstreams, authentication, connections } = this.#concerned
    listeners.switchMaterial()
    upstreams.retire()
    this.#tellCuts(authentication.again((socket) => connections.retire(socket)))
  }

  /** Called by the coarse clock, whose time is not that of certificates. */
  tick(now: number): void {
    if (now < this.#peersAt) return
    this.#peersAt = now + PEERS_MS
    this.#tellCuts(this.#concerned.authentication.expire())
  }

  #tellCuts(cuts: readonly CutConnections[]): void {
    for (const cut of cuts) this.#concerned.log.warn(cut, 'peer cut off')
  }
}
