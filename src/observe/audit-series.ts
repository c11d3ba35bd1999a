import { Counter, Gauge, type Registry } from 'prom-client'

/** The audit trail in metrics and on the status page. */
export interface AuditState {
  /** A path, or `stdout`. */
  readonly to: string
  readonly whenUnwritable: 'block' | 'count'
  /** Entries since the start, by kind. */
  readonly entries: Readonly<Record<string, number>>
  /** Entries that will never be written. */
  readonly lost: number
  /** What keeps entries from being written now; null: nothing. */
  readonly trouble: string | null
  readonly chain: string
  /** The last entry that was written: `SEQ:HASH`. */
  readonly head: string
  readonly seq: number
}

/** Reads it at scrape. */
export function auditSeries(registry: Registry, read: () => AuditState): void {
  const registers = [registry]
  new Counter({
    name: 'sidecar_audit_entries_total',
    help: 'Entries of the audit trail',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset()
      for (const [kind, count] of Object.entries(read().entries)) this.inc({ kind }, count)
    },
  })
  new Counter({
    name: 'sidecar_audit_lost_total',
    help: 'Entries of the audit trail that could not be written and were dropped',
    registers,
    collect() {
      this.reset()
      this.inc(read().lost)
    },
  })
  new Gauge({
    name: 'sidecar_audit_unwritable',
    help: '1 while the audit trail cannot be written',
    registers,
    collect() {
      this.set(read().trouble === null ? 0 : 1)
    },
  })
  new Gauge({
    name: 'sidecar_audit_sequence',
    help: 'The number of the last entry of the audit trail that was written',
    registers,
    collect() {
      this.set(read().seq)
    },
  })
}
