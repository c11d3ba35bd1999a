import type { AuditEntry } from '../audit/entry.ts'
import type { AuditWriter } from '../audit/trail.ts'
import { refuse } from '../refusal/refusal.ts'
import type { Exchange, Upstream } from '../wire/exchange.ts'
import type { UpstreamStream } from '../wire/face.ts'
import { type Composed, KeptHead } from '../wire/head-writer.ts'

const UNWRITABLE = refuse(
  'audit-unavailable',
  'the audit trail cannot be written, and audit.whenUnwritable is block',
)

/**
 * Takes the place of the upstream stream until the exchange's audit entry is written. The upstream
 * gets no byte of an exchange without an entry.
 */
export class Announcement<N> implements Upstream<N>, UpstreamStream {
  readonly blocked = true
  readonly #trail: AuditWriter
  readonly #entry: AuditEntry
  readonly #way: Upstream<N>
  #head: Buffer | undefined
  /** The entry's number; undefined before it is known, 0 if it has none. */
  #seq: number | undefined
  /** How the exchange ended, as long as `#seq` is not known. */
  #ended: Omit<AuditEntry, 'kind'> | undefined
  #left = false
  #isOver = false

  constructor(trail: AuditWriter, entry: AuditEntry, way: Upstream<N>) {
    this.#trail = trail
    this.#entry = entry
    this.#way = way
  }

  get bufferedBytes(): number {
    return this.#head?.length ?? 0
  }

  open(x: Exchange<N>, head: Composed): void {
    const kept = head.copy()
    this.#head = kept
    x.upstream = this
    this.#trail.announce(this.#entry, (seq, written) => {
      this.#head = undefined
      this.#seq = seq
      if (this.#ended !== undefined) this.end(this.#ended)
      if (this.#left) return
      if (!written) return x.fail(UNWRITABLE)
      x.upstream = null
      this.#way.open(x, new KeptHead(kept))
      // It may have ended in there, and the connection may be busy with another exchange.
      if (this.#isOver) return
      x.downstream.resume()
      this.#flush(x)
    })
  }

  /** The exchange is over, whether its entry is written or not. */
  end(how: Omit<AuditEntry, 'kind'>): void {
    const { kind, requestId } = this.#entry
    this.#isOver = true
    // It never began: the head was not passed to the announcement.
    if (this.#seq === undefined && this.#head === undefined) {
      this.#trail.add({ ...this.#entry, phase: undefined, ...how })
    } else if (this.#seq === undefined) this.#ended = how
    else if (this.#seq > 0) {
      this.#trail.add({ kind, phase: 'ended', of: this.#seq, requestId, ...how })
    }
  }

  #flush({ upstream }: Exchange<N>): void {
    upstream?.flush()
  }

  cancel(): void {
    this.#left = true
  }

  span(): void {
    throw new Error('bytes for an upstream that is not there yet')
  }

  flush(): void {}
  finish(): void {}
  resume(): void {}
}
