import {
  type AuditEntry,
  type ChainPosition,
  chained,
  ENTRY_KINDS,
  type EntryKind,
  entryText,
} from './entry.ts'
import { Gap } from './gap.ts'
import { LineQueue } from './line-queue.ts'
import type { AuditSink } from './sink.ts'

/** An announced entry's number (0: none), and whether it is written, so the exchange may happen. */
export type Announced = (seq: number, written: boolean) => void

/** What a serving thread writes its entries with. */
export interface AuditWriter {
  /** True: what is announced must be written before it may happen (`audit.whenUnwritable: block`). */
  readonly blocks: boolean
  /** `done` is called once. */
  announce(entry: AuditEntry, done: Announced): void
  /** Writes it when there is time. */
  add(entry: AuditEntry): void
}

/** Who is told about the trail. */
export interface TrailEvents {
  /** Nothing can be written from now on. */
  troubled(why: string): void
  /** Writing works again; with the number of missing entries and refused exchanges. */
  recovered(missing: { readonly lost: number; readonly refused: number }): void
  /** The file was moved away, and another one begun. */
  rotated(): void
}

/** What the trail says of itself. */
export interface TrailFacts {
  /** Entries since the start of the process, by kind. */
  readonly entries: Readonly<Record<EntryKind, number>>
  /** Entries that will never be written. */
  readonly lost: number
  /** What keeps entries from being written now; undefined: nothing. */
  readonly trouble: string | undefined
  /** The last entry that the kernel has. */
  readonly head: ChainPosition
}

interface Waiting {
  readonly seq: number
  readonly sinceMs: number
  readonly done: Announced
}

/** Memory while nothing can be written: for announced entries, and for all. */
const HELD_ANNOUNCED_BYTES = 1024 * 1024
const HELD_BYTES = 4 * 1024 * 1024
/** How long an announced entry waits for the kernel. */
const LATEST_MS = 5000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2000
/**
 * How often it is checked whether the file was moved: while lines are written, and while none are.
 */
const FOLLOW_MS = { busy: 200, idle: 1000 }
/** At the end: how long to wait for a disk that accepts nothing. */
const PATIENCE_MS = 3000

/**
 * The only writer of the chain. Entries added during a write are the next write. An accepted entry
 * is tried as long as the process lives; one without room is counted in a `gap`.
 */
export class AuditTrail {
  readonly #sink: AuditSink
  readonly #prefix: string
  readonly #events: TrailEvents
  readonly #now: () => number
  readonly #entries = Object.fromEntries(ENTRY_KINDS.map((kind) => [kind, 0])) as Record<
    EntryKind,
    number
  >
  readonly #queue: LineQueue
  /** The last entry that the kernel has. */
  #written: ChainPosition
  #waiting: Waiting[] = []
  #gap: Gap | undefined
  #lost = 0
  #trouble: string | undefined
  #running = false
  #pause = FIRST_PAUSE_MS
  #retry: NodeJS.Timeout | undefined
  readonly #timer: NodeJS.Timeout
  #followAt = 0
  #idle: (() => void)[] = []
  #closed = false

  /** @param from where the chain stands; @param who fields that every entry has */
  constructor(
    sink: AuditSink,
    from: { readonly position: ChainPosition; readonly needsLineFeed: boolean },
    who: { readonly module: string; readonly host: string },
    events: TrailEvents,
    now: () => number = Date.now,
  ) {
    this.#sink = sink
    this.#events = events
    this.#now = now
    this.#prefix = JSON.stringify(who).slice(1, -1)
    this.#queue = new LineQueue(from.position)
    this.#written = from.position
    if (from.needsLineFeed) this.#queue.push('\n')
    this.#timer = setInterval(() => this.#tick(), FOLLOW_MS.idle)
    this.#timer.unref()
  }

  get facts(): TrailFacts {
    const [entries, lost, trouble] = [this.#entries, this.#lost, this.#trouble]
    return { entries, lost, trouble, head: this.#written }
  }

  /** As `AuditWriter.add`. @param text of `entryText` */
  add(kind: EntryKind, text: string): void {
    if (this.#queue.bytes + text.length > HELD_BYTES) this.#lose()
    else this.#take(kind, text)
  }

  /** As `AuditWriter.announce`. @param text of `entryText` */
  announce(kind: EntryKind, text: string, done: Announced): void {
    if (this.#trouble !== undefined || this.#queue.bytes + text.length > HELD_ANNOUNCED_BYTES) {
      this.#openGap().refused++
      done(0, false)
      return
    }
    this.#take(kind, text)
    this.#waiting.push({ seq: this.#queue.end.seq, sinceMs: this.#now(), done })
  }

  /** Writes the last entry and all before it, if possible; nothing is written after it. */
  async close(kind: EntryKind, text: string): Promise<void> {
    this.add(kind, text)
    await this.#idleOrLate()
    this.#closed = true
    clearInterval(this.#timer)
    clearTimeout(this.#retry)
    // A write that hangs still uses the file.
    if (!this.#running) await this.#sink.close()
  }

  #take(kind: EntryKind, text: string): void {
    if (this.#trouble === undefined) this.#stateGap(this.#gap)
    this.#chain(kind, text)
    this.#run()
  }

  #chain(kind: EntryKind, text: string): void {
    const { line, position } = chained(this.#queue.end, this.#now(), `${this.#prefix},${text}`)
    this.#queue.push(line, position)
    this.#entries[kind]++
  }

  #lose(): void {
    this.#lost++
    this.#openGap().lost++
  }

  #openGap(): Gap {
    const why = this.#trouble ?? 'entries came faster than they could be written'
    this.#gap ??= new Gap(this.#now(), why)
    return this.#gap
  }

  /** The gap is recorded before the next entry. */
  #stateGap(gap: Gap | undefined): void {
    if (gap === undefined) return
    this.#gap = undefined
    this.#chain('gap', entryText(gap.entry))
  }

  #run(): void {
    if (this.#running || this.#retry !== undefined || this.#closed) return
    this.#running = true
    // Entries of the same turn are written together.
    setImmediate(() => void this.#write())
  }

  async #write(): Promise<void> {
    while (!this.#queue.isEmpty) {
      const failure = await this.#step()
      // A write that hung until after the end.
      if (this.#closed) return
      if (failure !== undefined) {
        this.#running = false
        return this.#failed(failure)
      }
    }
    this.#running = false
    for (const told of this.#idle.splice(0)) told()
  }

  /** Resolves to why nothing can be written; undefined: it was. */
  async #step(): Promise<string | undefined> {
    let took: number
    try {
      if (this.#queue.isBetweenLines && this.#now() >= this.#followAt) await this.#follow()
      took = await this.#sink.write(this.#queue.next())
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
    if (took === 0) return 'the file takes no bytes'
    const end = this.#queue.took(took)
    if (end !== undefined) this.#wrote(end)
    return undefined
  }

  #wrote(end: ChainPosition): void {
    this.#written = end
    this.#pause = FIRST_PAUSE_MS
    const [gap, trouble] = [this.#gap, this.#trouble]
    this.#trouble = undefined
    this.#answer()
    this.#stateGap(gap)
    if (trouble !== undefined) this.#events.recovered(gap ?? { lost: 0, refused: 0 })
  }

  async #follow(): Promise<void> {
    this.#followAt = this.#now() + FOLLOW_MS.busy
    if (!(await this.#sink.follow())) return
    this.#chain('rotation', entryText({ kind: 'rotation', behind: this.#written.seq }))
    this.#events.rotated()
  }

  #answer(): void {
    const { seq } = this.#written
    const written = this.#waiting.findIndex((each) => each.seq > seq)
    const told = this.#waiting.splice(0, written === -1 ? this.#waiting.length : written)
    for (const each of told) each.done(each.seq, true)
  }

  /** Waiting exchanges are refused; entries with a place are written when possible. */
  #failed(why: string): void {
    this.#troubled(why)
    this.#giveUp(() => true)
    // An operator may move the file to make room.
    this.#followAt = 0
    // Who waits for the end waits no longer.
    for (const told of this.#idle.splice(0)) told()
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#run()
    }, this.#pause)
    this.#retry.unref()
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS)
  }

  #troubled(why: string): void {
    if (this.#trouble === undefined) this.#events.troubled(why)
    this.#trouble = why
  }

  #giveUp(which: (waiting: Waiting) => boolean): void {
    const given = this.#waiting.filter(which)
    if (given.length === 0) return
    this.#waiting = this.#waiting.filter((each) => !which(each))
    this.#openGap().refused += given.length
    for (const { seq, done } of given) done(seq, false)
  }

  #tick(): void {
    const late = this.#now() - LATEST_MS
    if (this.#waiting.some(({ sinceMs }) => sinceMs < late)) {
      this.#troubled(`a write takes longer than ${LATEST_MS} ms`)
      this.#giveUp(({ sinceMs }) => sinceMs < late)
    }
    if (this.#running || this.#retry !== undefined || this.#now() < this.#followAt) return
    this.#running = true
    void this.#look()
  }

  /** A file that was moved is begun anew also while there is nothing to write: an entry of its own says so. */
  async #look(): Promise<void> {
    // The reason why it cannot be opened is reported when there is something to write.
    await this.#follow().catch(() => {})
    this.#running = false
    if (!this.#queue.isEmpty) this.#run()
  }

  #idleOrLate(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS)
      this.#idle.push(() => {
        clearTimeout(timer)
        resolve()
      })
      clearTimeout(this.#retry)
      this.#retry = undefined
      this.#run()
    })
  }
}
