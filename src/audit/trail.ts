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

/**
 * What became of an entry that was announced. `seq`: its number, 0 where it has none. `written`: false where the
 * kernel does not have it, so that what it announces may not happen.
 */
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
  /** It can again; so many entries are missing, and so many exchanges were refused. */
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

/** Kept while nothing can be written: of what is announced, and of everything. */
const HELD_ANNOUNCED_BYTES = 1024 * 1024
const HELD_BYTES = 4 * 1024 * 1024
/** An entry that is announced waits for the kernel so long. */
const LATEST_MS = 5000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2000
/** How often it is looked whether the file was moved: while lines are written, and while none are. */
const FOLLOW_MS = { busy: 200, idle: 1000 }
/** At the end: how long a disk that takes nothing is waited for. */
const PATIENCE_MS = 3000

/**
 * The one writer of the chain. What comes while a write is under way is the next write. An entry gets its place
 * when it is taken, and what has a place is tried for as long as the process lives; what finds no room gets none,
 * is counted, and is stated by an entry of its own when there is room again.
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

  /** Writes the last entry and all before it, if that can be done; nothing is written after it. */
  async close(kind: EntryKind, text: string): Promise<void> {
    this.add(kind, text)
    await this.#idleOrLate()
    this.#closed = true
    clearInterval(this.#timer)
    clearTimeout(this.#retry)
    // A write that hangs has the file still.
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

  /** What is missing is stated before what comes next. */
  #stateGap(gap: Gap | undefined): void {
    if (gap === undefined) return
    this.#gap = undefined
    this.#chain('gap', entryText(gap.entry))
  }

  #run(): void {
    if (this.#running || this.#retry !== undefined || this.#closed) return
    this.#running = true
    // What comes in the same turn is written with it.
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

  /** Nothing that waits is let pass; what has a place is written when it can be. */
  #failed(why: string): void {
    this.#troubled(why)
    this.#giveUp(() => true)
    // A person may move the file to where there is room.
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
    // What keeps it from being opened is told when there is something to write.
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
