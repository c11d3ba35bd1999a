import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import manifest from '../../package.json' with { type: 'json' }
import { type AuditEntry, type EntryKind, entryText, NO_HASH } from '../audit/entry.ts'
import { FileSink } from '../audit/file-sink.ts'
import { type AuditSink, OutputSink } from '../audit/sink.ts'
import type { TrailEnd } from '../audit/tail.ts'
import { type Announced, AuditTrail, type AuditWriter, type TrailEvents } from '../audit/trail.ts'
import type { AuditSettings } from '../config/audit.ts'
import type { Config } from '../config/config.ts'
import type { AuditState } from '../observe/audit-series.ts'
import type { Log, Logger } from '../observe/log.ts'
import type { Ticking } from '../transport/clock.ts'
import { AuditedChanges } from './audited-changes.ts'
import type { PolicyRead } from './policies.ts'

/** How often the head is logged, if it has changed. */
const HEAD_MS = 600_000

/** The audit trail of this process, in its main thread: the one writer, for all threads. */
export class Auditing implements AuditWriter, Ticking {
  readonly blocks: boolean
  readonly #settings: AuditSettings
  readonly #trail: AuditTrail
  readonly #log: Logger
  readonly #torn: TrailEnd['torn']
  #changes: AuditedChanges | undefined
  #headAt = 0
  #headTold = 0

  private constructor(settings: AuditSettings, trail: AuditTrail, log: Logger, end: TrailEnd) {
    this.#settings = settings
    this.#trail = trail
    this.#log = log
    this.#torn = end.torn
    this.blocks = settings.whenUnwritable === 'block'
  }

  /** Opens it, if one is configured. Throws a Fault if its file cannot be continued. */
  static async open({ audit, module }: Config, log: Log): Promise<Auditing | undefined> {
    if (audit === undefined) return undefined
    const { sink, end } = await opened(audit, log)
    const position = end.position ?? {
      chain: randomBytes(16).toString('hex'),
      seq: 0,
      hash: NO_HASH,
    }
    const from = { position, needsLineFeed: end.needsLineFeed }
    const who = { module: module.id, host: hostname() }
    return new Auditing(audit, new AuditTrail(sink, from, who, told(audit, log.log)), log.log, end)
  }

  /** The first entries of this process: its policy and credentials. */
  start(config: Config, { policy, material }: Pick<PolicyRead, 'policy' | 'material'>): void {
    const { whenUnwritable } = this.#settings
    const torn = this.#torn && { torn: { ...this.#torn } }
    const process = { version: manifest.version, pid: globalThis.process.pid, whenUnwritable }
    const { hash, mode } = policy
    this.add({ kind: 'start', ...process, policy: hash, mode, ...torn })
    this.#changes = new AuditedChanges(this, config, { hash, material })
  }

  /** What changes while it runs; undefined before `start`. */
  get changes(): AuditedChanges | undefined {
    return this.#changes
  }

  add(entry: AuditEntry): void {
    this.addText(entry.kind, entryText(entry))
  }

  announce(entry: AuditEntry, done: Announced): void {
    this.announceText(entry.kind, entryText(entry), done)
  }

  /** The same of an entry that another thread has made. */
  addText(kind: EntryKind, text: string): void {
    this.#trail.add(kind, text)
  }

  /** The same of an entry that another thread has made. */
  announceText(kind: EntryKind, text: string, done: Announced): void {
    this.#trail.announce(kind, text, done)
  }

  get state(): AuditState {
    const { to, whenUnwritable } = this.#settings
    const { entries, lost, trouble = null, head } = this.#trail.facts
    const { chain, seq, hash } = head
    const place = { chain, seq, head: `${seq}:${hash}` }
    const where = typeof to === 'string' ? to : to.file
    return { to: where, whenUnwritable, entries, lost, trouble, ...place }
  }

  /** What a person should see of it. */
  remark(): string | undefined {
    const { trouble, lost, whenUnwritable } = this.state
    if (trouble === null) return undefined
    const then =
      whenUnwritable === 'block' ? 'what it is about is refused' : `${lost} entries are lost`
    return `cannot be written, ${then}: ${trouble}`
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    this.#changes?.tick()
    if (this.#headAt === 0) this.#headAt = now + HEAD_MS
    if (now < this.#headAt) return
    this.#headAt = now + HEAD_MS
    this.#tellHead()
  }

  /** The last entry of this process; then the head is logged. `how`: did it end in order? */
  async stop(how: 'drained' | 'cut' | 'failed to start'): Promise<void> {
    await this.#trail.close('stop', entryText({ kind: 'stop', how }))
    this.#tellHead()
  }

  /** Kept elsewhere, it shows whether the trail was cut off or rewritten. */
  #tellHead(): void {
    const { seq, head, chain } = this.state
    if (seq === this.#headTold) return
    this.#headTold = seq
    this.#log.info({ head, chain }, 'audit head')
  }
}

async function opened(
  { to }: AuditSettings,
  { destination, log }: Log,
): Promise<{ sink: AuditSink; end: TrailEnd }> {
  if (to !== 'stdout') {
    const { file } = to
    return FileSink.open(file, () => {
      log.warn({ file }, 'waiting for the other process that writes this audit trail')
    })
  }
  // Earlier output cannot be read there.
  const end = { position: undefined, torn: undefined, needsLineFeed: false }
  return { sink: new OutputSink(destination), end }
}

function told({ whenUnwritable }: AuditSettings, log: Logger): TrailEvents {
  return {
    troubled: (why) => log.error({ why, whenUnwritable }, 'the audit trail cannot be written'),
    recovered: ({ lost, refused }) => {
      log.warn({ lost, refused }, 'the audit trail is written again')
    },
    rotated: () => log.info('the file of the audit trail was moved, another one was begun'),
  }
}
