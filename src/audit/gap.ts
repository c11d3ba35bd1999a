import type { AuditEntry } from './entry.ts'

/** What is missing from the trail since a moment, and why. */
export class Gap {
  /** Entries that found no room. */
  lost = 0
  /** Exchanges that were refused, because their entries could not be written. */
  refused = 0
  readonly #sinceMs: number
  readonly #why: string

  constructor(sinceMs: number, why: string) {
    this.#sinceMs = sinceMs
    this.#why = why
  }

  /** The entry that states it. */
  get entry(): AuditEntry {
    const since = new Date(this.#sinceMs).toISOString()
    return { kind: 'gap', since, why: this.#why, lost: this.lost, refused: this.refused }
  }
}
