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
 * The way on of an exchange whose entry has to be written first: it holds the place of the stream until then. The
 * upstream sees not one byte of what has no entry.
 */
export class Announcement<N> implements Upstream<N>, UpstreamStream {
  readonly blocked = true
  readonly #trail: AuditWriter
  readonly #entry: AuditEntry
  readonly #way: Upstream<N>
  #head: Buffer | undefined
  /** Of the entry; undefined before it is known, 0 where it has none. */
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
      // It may have ended there, and the connection be busy with another one.
      if (this.#isOver) return
      x.downstream.resume()
      this.#flush(x)
    })
  }

  /** The exchange is over, whether its entry is written or not. */
  end(how: Omit<AuditEntry, 'kind'>): void {
    const { kind, requestId } = this.#entry
    this.#isOver = true
    // It never began: the head did not go to where the entry is announced.
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
