import { Counter, Gauge, Registry } from 'prom-client'
import { LIMITS, type Limit } from '../refusal/limits.ts'
import { ALL_REASONS, type Reason } from '../refusal/reasons.ts'
import { type AuditState, auditSeries } from './audit-series.ts'
import { type CertificatesInUse, certificateSeries } from './certificate-series.ts'
import { Counts, Durations, Table } from './counters.ts'
import {
  CALLER_OUTCOMES,
  type CallerOutcome,
  DIRECTIONS,
  type Direction,
  HANDSHAKE_FAILURES,
  type HandshakeFailure,
  LINK_ENDINGS,
  type LinkEnding,
  NAME_LOOKUPS,
  type NameLookup,
  RELOADS,
  type Reload,
  STARVED,
  STATUS_CLASSES,
  type Starved,
} from './labels.ts'
import { type OverShare, overShareSeries } from './over-share.ts'
import { type PolicyInfo, policySeries } from './policy-series.ts'
import { type ProcessInfo, processSeries } from './process-use.ts'
import { REMARKS } from './readiness.ts'
import { OWN, type Tallies } from './tallies.ts'
import { type TokenMemory, tokenSeries } from './token-memory.ts'

/** What is read at scrape, each from the object that knows it. */
const GAUGES = {
  sidecar_credentials_generation: 'The generation of credentials in use',
  sidecar_connections_stale:
    'Connections with peers, opened under older credentials, that have not ended yet',
  sidecar_crl_next_update_timestamp_seconds:
    'When the first revocation list runs out and every new connection is refused; absent without lists',
  sidecar_buffered_bytes: 'Bytes of bodies held back because the other side is slower',
  sidecar_exchanges_open: 'Open exchanges, which a stopping sidecar waits for',
  sidecar_module_calls_limit:
    'Calls that limits.adaptive lets wait in the module now; absent where it is off',
  sidecar_module_calls_waiting: 'Calls that wait in the module now; absent where it is off',
  sidecar_plain_beyond_loopback: '1 where allowPlainBeyondLoopback is set',
  sidecar_migration_until_timestamp_seconds:
    'When the migration listener closes; absent where there is none',
} as const
export type GaugeName = keyof typeof GAUGES

/**
 * All metrics. Methods that are called for each exchange allocate nothing and take a few
 * nanoseconds; the rest is read at scrape.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #requests: Table<Direction, (typeof STATUS_CLASSES)[number]>
  readonly #durations: Durations<Direction>
  readonly #refusals: Table<Direction, Reason>
  readonly #wouldDeny: Counts<Direction>
  readonly #handshakes: Counts<HandshakeFailure>
  readonly #limits: Counts<Limit>
  readonly #links: Counts<LinkEnding>
  readonly #names: Counts<NameLookup>
  readonly #starved: Counts<Starved>
  readonly #reloads: Counts<Reload>
  readonly #policyReloads: Counts<Reload>
  readonly #trueCallers: Counts<CallerOutcome>

  /** `directions`: those that exist here; others have no series. */
  constructor(directions: readonly Direction[] = DIRECTIONS, tallies: Tallies = OWN) {
    const direction = { label: 'direction', values: directions }
    const registry = this.#registry
    const called = (name: string, help: string) => ({ name, help, registry, tallies })
    this.#requests = new Table(
      called('sidecar_requests_total', 'Exchanges that ended, allowed or refused'),
      direction,
      { label: 'status_class', values: STATUS_CLASSES },
    )
    this.#durations = new Durations(
      {
        ...called('sidecar_request_duration_seconds', 'From the first byte of a head to the end'),
        label: 'direction',
      },
      directions,
    )
    this.#refusals = new Table(
      called(
        'sidecar_refusals_total',
        'Exchanges that this sidecar refused, and peers that it turned away at the handshake',
      ),
      direction,
      { label: 'reason', values: ALL_REASONS },
    )
    this.#wouldDeny = new Counts(
      called('sidecar_would_deny_total', 'Exchanges let pass in report mode only'),
      direction,
    )
    this.#handshakes = new Counts(
      called('sidecar_handshake_failures_total', 'Peers turned away at the handshake'),
      { label: 'reason', values: HANDSHAKE_FAILURES },
    )
    this.#limits = new Counts(called('sidecar_limits_hit_total', 'Times a limit was reached'), {
      label: 'limit',
      values: LIMITS,
    })
    this.#links = new Counts(
      called('sidecar_links_ended_total', 'Links with other sidecars that ended'),
      { label: 'ending', values: LINK_ENDINGS },
    )
    this.#names = new Counts(
      called('sidecar_name_lookups_total', 'Names of upstreams that name servers were asked for'),
      { label: 'result', values: NAME_LOOKUPS },
    )
    this.#starved = new Counts(
      called(
        'sidecar_out_of_descriptors_total',
        'Connections of callers that were closed, and calls that had to wait, because no file descriptor was left',
      ),
      { label: 'at', values: STARVED },
    )
    this.#policyReloads = new Counts(
      called('sidecar_policy_reload_total', 'Attempts to take up a changed policy'),
      { label: 'result', values: RELOADS },
    )
    this.#reloads = new Counts(
      called('sidecar_credentials_reload_total', 'Attempts to take up new credentials'),
      { label: 'result', values: RELOADS },
    )
    this.#trueCallers = new Counts(
      called('sidecar_true_callers_total', 'Calls of Okapi, by who made them'),
      { label: 'outcome', values: CALLER_OUTCOMES },
    )
  }

  /** An exchange ended; `status` 0 if nothing was answered. */
  requestEnded(direction: Direction, status: number, durationMs: number): void {
    this.#requests.add(direction, STATUS_CLASSES[Math.trunc(status / 100)] ?? 'none')
    this.#durations.took(direction, durationMs)
  }

  /** Exchanges that this thread has ended. */
  get exchanges(): number {
    return this.#requests.total
  }

  /** An exchange was refused, which still ends with `requestEnded`, or a request unread, or a peer at the handshake. */
  refused(direction: Direction, reason: Reason): void {
    this.#refusals.add(direction, reason)
  }

  /** A peer was refused before it could send a request. */
  handshakeFailed(reason: HandshakeFailure): void {
    this.#handshakes.add(reason)
  }

  /** Report mode allowed an exchange that enforcing would have refused. */
  wouldDeny(direction: Direction): void {
    this.#wouldDeny.add(direction)
  }

  /** A key of `limits` did its work. */
  limitHit(limit: Limit): void {
    this.#limits.add(limit)
  }

  /** A link with another sidecar ended. */
  linkEnded(ending: LinkEnding): void {
    this.#links.add(ending)
  }

  /** Name servers were asked for the name of an upstream. */
  nameLookedUp(result: NameLookup): void {
    this.#names.add(result)
  }

  /** There was no file descriptor for it. */
  outOfDescriptors(what: Starved): void {
    this.#starved.add(what)
  }

  trueCaller(outcome: CallerOutcome): void {
    this.#trueCallers.add(outcome)
  }

  /** New credentials were taken up, or refused and the last good ones kept. */
  reloaded(result: Reload): void {
    this.#reloads.add(result)
  }

  /** A changed policy came into force, or was refused and the last good one kept. */
  policyReloaded(result: Reload): void {
    this.#policyReloads.add(result)
  }

  /** `read` is asked at scrape; undefined is no series. Each name once. */
  gauge(name: GaugeName, read: () => number | undefined): void {
    const registers = [this.#registry]
    new Gauge({
      name,
      help: GAUGES[name],
      registers,
      collect() {
        const value = read()
        if (value === undefined) this.remove()
        else this.set(value)
      },
    })
  }

  /** Lines of the log that will never be written, asked at scrape. */
  lostLogLines(read: () => number): void {
    new Counter({
      name: 'sidecar_log_lost_total',
      help: 'Lines of the log that could not be written and were dropped',
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }

  /** Open connections of callers, asked at scrape for each listener. */
  openConnections(counts: Readonly<Partial<Record<Direction, () => number>>>): void {
    new Gauge({
      name: 'sidecar_connections_open',
      help: 'Open connections of callers',
      labelNames: ['direction'],
      registers: [this.#registry],
      collect() {
        for (const direction of DIRECTIONS) {
          const read = counts[direction]
          if (read !== undefined) this.set({ direction }, read())
        }
      },
    })
  }

  /** Callers that were told `too-many`: identities by name, addresses all together. */
  overShare(read: () => readonly OverShare[]): void {
    overShareSeries(this.#registry, read)
  }

  /** What is remembered of tokens, asked at scrape. */
  tokens(read: () => TokenMemory): void {
    tokenSeries(this.#registry, read)
  }

  /** The audit trail, asked at scrape. */
  audit(read: () => AuditState): void {
    auditSeries(this.#registry, read)
  }

  /** What is in use, asked at scrape. */
  certificates(uses: CertificatesInUse): void {
    certificateSeries(this.#registry, uses)
  }

  /** What `/ready` remarks: a refused reload is counted once, and this lasts as long as it does. */
  remarks(read: () => Readonly<Record<string, string>>): void {
    new Gauge({
      name: 'sidecar_remark',
      help: '1 while /ready has a remark about this',
      labelNames: ['about'],
      registers: [this.#registry],
      collect() {
        const remarks = read()
        for (const about of REMARKS) this.set({ about }, Object.hasOwn(remarks, about) ? 1 : 0)
      },
    })
  }

  /** The resources that the process uses. */
  process(info: ProcessInfo): void {
    processSeries(this.#registry, info)
  }

  /** Which policy is in force, and until when operators' profiles are granted. */
  policy(read: () => PolicyInfo): void {
    policySeries(this.#registry, read)
  }

  /** What Prometheus scrapes (text format 0.0.4). */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  get contentType(): string {
    return this.#registry.contentType
  }
}
