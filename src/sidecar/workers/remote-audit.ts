import { type AuditEntry, entryText } from '../../audit/entry.ts'
import type { Announced, AuditWriter } from '../../audit/trail.ts'
import type { AuditSettings } from '../../config/audit.ts'
import type { Auditing } from '../auditing.ts'
import type { AnnouncedEntry, SaidEntry } from './messages.ts'

/** The audit trail in a serving thread: only the main thread writes, and it reports the result for each entry. */
export class RemoteAudit implements AuditWriter {
  readonly blocks: boolean
  readonly #say: (entry: SaidEntry) => void
  readonly #waiting = new Map<number, Announced>()
  #announced = 0

  constructor({ whenUnwritable }: AuditSettings, say: (entry: SaidEntry) => void) {
    this.blocks = whenUnwritable === 'block'
    this.#say = say
  }

  add(entry: AuditEntry): void {
    this.#say({ kind: entry.kind, text: entryText(entry), waits: undefined })
  }

  announce(entry: AuditEntry, done: Announced): void {
    const waits = this.#announced++
    this.#waiting.set(waits, done)
    this.#say({ kind: entry.kind, text: entryText(entry), waits })
  }

  /** Results for entries. */
  told(entries: readonly AnnouncedEntry[]): void {
    for (const [waits, seq, written] of entries) {
      const done = this.#waiting.get(waits)
      this.#waiting.delete(waits)
      done?.(seq, written)
    }
  }
}

/** The other end: takes the entries of one thread and sends it the results, those of one write together. */
export class RemoteEntries {
  readonly #auditing: Pick<Auditing, 'addText' | 'announceText'> | undefined
  readonly #tell: (entries: readonly AnnouncedEntry[]) => void
  #told: AnnouncedEntry[] = []

  constructor(
    auditing: Pick<Auditing, 'addText' | 'announceText'> | undefined,
    tell: (entries: readonly AnnouncedEntry[]) => void,
  ) {
    this.#auditing = auditing
    this.#tell = tell
  }

  take({ kind, text, waits }: SaidEntry): void {
    if (waits === undefined) this.#auditing?.addText(kind, text)
    else this.#auditing?.announceText(kind, text, (...how) => this.#answer([waits, ...how]))
  }

  #answer(entry: AnnouncedEntry): void {
    this.#told.push(entry)
    if (this.#told.length > 1) return
    queueMicrotask(() => {
      const told = this.#told
      this.#told = []
      this.#tell(told)
    })
  }
}
