import { createHash } from 'node:crypto'
import type { Problem, Where } from '../fault.ts'
import { beginsEntry, LONGEST_ENTRY_BYTES, NO_HASH, type ReadEntry, readEntry } from './entry.ts'

/** A head that was kept elsewhere: the trail must still have this entry. */
export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

/** What was found of one chain. */
export interface AuditChain {
  readonly chain: string
  readonly module: string
  readonly host: string
  readonly first: number
  readonly last: number
  /** Of the last entry. */
  readonly hash: string
  readonly from: string
  readonly to: string
  readonly entries: number
  /** How often a process has begun to write. */
  readonly starts: number
  /** Entries that could not be written, as the trail itself says. */
  readonly lost: number
}

interface VerificationOptions {
  /** Lines that are no entries may stand between them, as on standard output. */
  readonly amongOthers: boolean
  readonly heads: readonly AuditHead[]
}

type Counted = { -readonly [Key in keyof AuditChain]: AuditChain[Key] }

/** More than this many count as one problem: the file is probably not an audit trail. */
const MOST_PROBLEMS = 50

/** Checks lines against the rules of the chain, one after the other, over all files of a trail. */
export class Verification {
  readonly problems: Problem[] = []
  readonly #options: VerificationOptions
  readonly #chains = new Map<string, Counted>()
  readonly #open: Map<number, { readonly hash: string; seen: string | undefined }[]>
  /** Chains whose first entries are missing, as long as no entry says that a file began there. */
  readonly #cutOff = new Map<Counted, Where>()
  /** Lines that are no entries and stand at the end of what was read so far. */
  #unread: { readonly line: Buffer; readonly where: Where }[] = []
  #unreadBytes = 0
  #isSound = true
  #current: Counted | undefined

  constructor(options: VerificationOptions) {
    this.#options = options
    this.#open = new Map()
    for (const { seq, hash } of options.heads) {
      this.#open.set(seq, [...(this.#open.get(seq) ?? []), { hash, seen: undefined }])
    }
  }

  /** Was nothing wrong so far? Gaps that the trail itself reports do not count. */
  get isSound(): boolean {
    return this.#isSound
  }

  get chains(): readonly AuditChain[] {
    return [...this.#chains.values()]
  }

  /** One line without its line feed. `whole`: false where the file ends before the line does. */
  line(bytes: Buffer, where: Where, whole = true): void {
    const entry = whole ? readEntry(bytes.toString('latin1')) : undefined
    if (entry === undefined) {
      if (!this.#options.amongOthers || looksLikeEntry(bytes)) this.#keep(bytes, where)
      return
    }
    this.#judgeUnread(entry, where)
    this.#judge(entry, where)
  }

  /** No more lines come. */
  end(): void {
    this.#judgeUnread(undefined, {})
    for (const [{ first }, where] of this.#cutOff) {
      this.#fail(
        `entries before ${first} are missing: no entry says that a file began with it`,
        where,
      )
    }
    for (const [seq, heads] of this.#open) for (const head of heads) this.#judgeHead(seq, head)
    const none = this.#chains.size === 0 && this.#isSound
    if (none) this.#fail('there is no entry of an audit trail here', {})
  }

  /** Of lines that no entry can explain the first one is enough. */
  #keep(line: Buffer, where: Where): void {
    this.#unreadBytes += line.length + 1
    const kept = this.#unread.length === 0 || this.#unreadBytes < LONGEST_ENTRY_BYTES
    if (kept) this.#unread.push({ line, where })
  }

  #judgeHead(seq: number, { hash, seen }: { hash: string; seen: string | undefined }): void {
    if (seen === hash) return
    const last = Math.max(0, ...this.chains.map((chain) => chain.last))
    const message =
      seen === undefined
        ? `entry ${seq} is not here: the head ${seq}:${hash} was written down, and the trail ends at ${last}`
        : `entry ${seq} is not the one that the head ${seq}:${hash} says: the trail was rewritten`
    this.#fail(message, {})
  }

  #judge(entry: ReadEntry, where: Where): void {
    const { seq, kind, hash, computed } = entry
    if (hash !== computed) {
      this.#fail(`entry ${seq} was changed: its hash is not that of its bytes`, where)
    }
    const found = this.#chains.get(entry.chain)
    if (found === undefined) this.#begin(entry, where)
    else this.#follow(found, entry, where)
    const chain = this.#chains.get(entry.chain)!
    this.#current = chain
    if (kind === 'start') chain.starts++
    if (kind === 'gap') this.#tellGap(chain, entry, where)
    if (kind === 'rotation' && entry.fields['behind'] === chain.first - 1)
      this.#cutOff.delete(chain)
    for (const head of this.#open.get(seq) ?? []) {
      if (head.seen !== head.hash) head.seen = hash
    }
  }

  #begin(entry: ReadEntry, where: Where): void {
    const { chain, seq, prev, hash, time, fields } = entry
    if (this.#current !== undefined && !this.#options.amongOthers) {
      const last = this.#current.last
      this.#fail(`another chain begins after entry ${last}: nothing says what came before`, where)
    }
    if (seq === 1 && prev !== NO_HASH) {
      this.#fail('entry 1 names an entry before it', where)
    }
    const [module, host] = [String(fields['module'] ?? ''), String(fields['host'] ?? '')]
    const counted = { chain, module, host, first: seq, last: seq, hash, from: time, to: time }
    const begun = { ...counted, entries: 1, starts: 0, lost: 0 }
    this.#chains.set(chain, begun)
    // Whole files may have been deleted. Collectors of standard output cut it anywhere.
    if (seq > 1 && !this.#options.amongOthers) this.#cutOff.set(begun, where)
  }

  #follow(chain: Counted, entry: ReadEntry, where: Where): void {
    const { seq, prev, hash, time } = entry
    const { last } = chain
    chain.entries++
    if (seq <= last) {
      this.#fail(`entry ${seq} comes after entry ${last}: it was moved or duplicated`, where)
      return
    }
    if (seq > last + 1) {
      const missing =
        seq === last + 2 ? `entry ${last + 1} is` : `entries ${last + 1} to ${seq - 1} are`
      this.#fail(`${missing} missing before entry ${seq}`, where)
    } else if (prev !== chain.hash) {
      this.#fail(`entry ${seq} does not follow entry ${last}, which was changed or replaced`, where)
    }
    Object.assign(chain, { last: seq, hash, to: time })
  }

  #tellGap(chain: Counted, { seq, fields }: ReadEntry, where: Where): void {
    const [lost, refused] = [Number(fields['lost'] ?? 0), Number(fields['refused'] ?? 0)]
    chain.lost += lost
    const what = `${lost} entries are missing, ${refused} exchanges were refused`
    this.#warn(
      `entry ${seq} says that nothing could be written since ${fields['since']}: ${what}`,
      where,
    )
  }

  /**
   * A process that was killed leaves a line without its end. It is accepted where the next entry is the
   * start of another process, which says how many bytes that are, and their hash.
   */
  #judgeUnread(next: ReadEntry | undefined, at: Where): void {
    const unread = this.#unread
    if (unread.length === 0) {
      if (next?.kind === 'start' && next.fields['torn'] !== undefined) {
        this.#fail(`entry ${next.seq} states a cut line that is not here`, at)
      }
      return
    }
    const length = this.#unreadBytes - 1
    this.#unread = []
    this.#unreadBytes = 0
    const [{ where } = { where: {} }] = unread
    const bytes = Buffer.concat(unread.flatMap(({ line }, i) => (i === 0 ? [line] : [FEED, line])))
    const all = bytes.length === length
    if (
      next !== undefined &&
      all &&
      this.#isStated(
        next,
        unread.map(({ line }) => line),
        bytes,
      )
    ) {
      this.#warn(`a line was cut here, which entry ${next.seq} states`, where)
      return
    }
    const last = this.#current?.last ?? 0
    const cut = next === undefined && unread.length === 1 && beginsEntry(text(bytes), last + 1)
    const message = cut
      ? `the line of entry ${last + 1} has no end: its disk is full, the process was killed, or is writing just now`
      : 'this is not an entry: it was changed, or does not belong here'
    this.#fail(message, where)
  }

  #isStated({ kind, seq, fields }: ReadEntry, lines: readonly Buffer[], bytes: Buffer): boolean {
    const stated = fields['torn']
    if (kind !== 'start' || typeof stated !== 'object' || stated === null) return false
    const { bytes: length, sha256 } = stated as { bytes?: unknown; sha256?: unknown }
    return (
      length === bytes.length &&
      sha256 === createHash('sha256').update(bytes).digest('hex') &&
      lines.every((line) => beginsEntry(text(line), seq))
    )
  }

  #fail(message: string, where: Where): void {
    this.#isSound = false
    this.#tell({ severity: 'error', message, where })
  }

  #warn(message: string, where: Where): void {
    this.#tell({ severity: 'warning', message, where })
  }

  #tell(problem: Problem): void {
    // Warnings that the trail itself reports must not displace errors.
    const alike = this.problems.filter(({ severity }) => severity === problem.severity).length
    if (alike < MOST_PROBLEMS) this.problems.push(problem)
    else if (alike === MOST_PROBLEMS) {
      const { severity } = problem
      this.problems.push({ severity, message: 'there are more of these, which are not listed' })
    }
  }
}

const FEED = Buffer.from('\n')

function text(bytes: Buffer): string {
  return bytes.toString('latin1')
}

/** Among other lines: is this one that was an entry, or begins as one? */
function looksLikeEntry(bytes: Buffer): boolean {
  return bytes.subarray(0, 7).toString('latin1') === '{"seq":'
}
