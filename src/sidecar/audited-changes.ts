import type { AuditEntry } from '../audit/entry.ts'
import type { AuditWriter } from '../audit/trail.ts'
import type { Config, Migration } from '../config/config.ts'
import type { ReloadReport } from '../credentials/credentials.ts'
import type { PublicReport } from '../credentials/public-certificate.ts'
import { type Problem, sentence } from '../fault.ts'
import type { Policy } from '../policy/policy.ts'
import { outlineOf, type PolicyOutline, policyDifference } from './policy-difference.ts'
import type { PolicyMaterial, PolicyReport } from './policy-material.ts'

const MOST_PROBLEMS = 10

/** Changes of trust and policy while it runs, and signals from outside, as entries. */
export class AuditedChanges {
  readonly #trail: Pick<AuditWriter, 'add'>
  readonly #migration: Migration | undefined
  readonly #now: () => number
  #hash: string
  #outline: PolicyOutline
  /** Of the policy that was read last. */
  #next: PolicyOutline
  #isMigrationOpen: boolean

  constructor(
    trail: Pick<AuditWriter, 'add'>,
    { migration }: Config,
    { hash, material }: { readonly hash: string; readonly material: PolicyMaterial },
    now: () => number = Date.now,
  ) {
    this.#trail = trail
    this.#migration = migration
    this.#hash = hash
    this.#outline = outlineOf(material)
    this.#next = this.#outline
    this.#now = now
    this.#isMigrationOpen = migration !== undefined && now() < migration.until
    if (migration === undefined) return
    const { from, until, why } = migration
    const addresses = from.map(({ text }) => text)
    const act = this.#isMigrationOpen ? 'migration listener opened' : 'migration listener is closed'
    this.#act(act, { from: addresses, until: new Date(until).toISOString(), why })
  }

  /** A signal that says that a stop will follow, or asks for one. */
  told(signal: string, act: 'leave' | 'stop'): void {
    this.#act(act, { signal })
  }

  /** A generation was taken up, or was not. */
  credentials(report: ReloadReport): void {
    const { result, number: generation, problems } = report
    const changed = report.result === 'ok' && {
      serial: report.changed.serial,
      notAfter: new Date(report.changed.notAfter).toISOString(),
      rootsAdded: report.changed.rootsAdded.slice(0, MOST_PROBLEMS),
      rootsRemoved: report.changed.rootsRemoved.slice(0, MOST_PROBLEMS),
      newlyRevoked: report.changed.newlyRevoked,
    }
    this.#add({
      kind: 'credentials',
      use: 'module',
      result,
      generation,
      ...changed,
      ...said(problems),
    })
  }

  /** The certificate for browsers was replaced, or refused. */
  publicCertificate({ result, problems }: PublicReport, notAfter: number): void {
    const until = { notAfter: new Date(notAfter).toISOString() }
    this.#add({ kind: 'credentials', use: 'public', result, ...until, ...said(problems) })
  }

  /** What the next policy is made of. */
  policyRead(material: PolicyMaterial): void {
    this.#next = outlineOf(material)
  }

  /** A policy was taken up, or was not. */
  policy({ result, problems }: PolicyReport, { hash, mode }: Pick<Policy, 'hash' | 'mode'>): void {
    const changed = result === 'ok' && {
      before: this.#hash,
      changed: policyDifference(this.#outline, this.#next),
    }
    if (result === 'ok') {
      this.#hash = hash
      this.#outline = this.#next
    }
    this.#add({ kind: 'policy', result, policy: hash, mode, ...changed, ...said(problems) })
  }

  /** Records once that the migration listener has closed. */
  tick(): void {
    const migration = this.#migration
    if (migration === undefined || !this.#isMigrationOpen || this.#now() < migration.until) return
    this.#isMigrationOpen = false
    this.#act('migration listener closed', { until: new Date(migration.until).toISOString() })
  }

  #act(act: string, facts: Omit<AuditEntry, 'kind'>): void {
    this.#add({ kind: 'administration', at: 'this sidecar', act, ...facts })
  }

  #add(entry: AuditEntry): void {
    this.#trail.add(entry)
  }
}

function said(problems: readonly Problem[]): { readonly problems?: readonly string[] } {
  if (problems.length === 0) return {}
  return { problems: problems.slice(0, MOST_PROBLEMS).map(sentence) }
}
