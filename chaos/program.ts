import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { within } from './waits.ts'

/** What a process holds of the machine. */
export interface Holdings {
  readonly rssBytes: number
  /** Open files by class: `socket`, `pipe`, `file`, and each kind of anonymous inode. */
  readonly files: Readonly<Record<string, number>>
}

export interface ProgramPlan {
  readonly name: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Where what it says goes. */
  readonly log: string
  /** Resolves when it serves, false as long as it does not. */
  ready(): Promise<boolean>
}

/** Of a machine that has other work. */
const START_MS = 180_000
const STOP_MS = 60_000
/** The kernel ends what was killed, also what stands still. */
const KILL_MS = 30_000
/** Programs that do one thing and end. */
export const TOOL_MS = 30_000

/** A process of the site that can be started again and again, always the same. */
export class Program {
  readonly name: string
  /** How it ended when it was not told to, and other complaints. */
  readonly complaints: string[] = []
  /** The times at which it was started, ms since 1970. */
  readonly starts: number[] = []
  readonly #plan: ProgramPlan
  #child: ChildProcess | undefined
  #told = false

  constructor(plan: ProgramPlan) {
    this.name = plan.name
    this.#plan = plan
  }

  get pid(): number {
    return this.#child?.pid ?? Number.NaN
  }

  get runs(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && !this.#child.killed
  }

  get startedAt(): number {
    return this.starts.at(-1) ?? Number.POSITIVE_INFINITY
  }

  /** Starts it and waits until it serves. */
  async start(): Promise<void> {
    const log = openSync(this.#plan.log, 'a')
    this.#told = false
    this.starts.push(Date.now())
    const child = spawn(process.execPath, this.#plan.args, {
      stdio: ['pipe', log, log],
      env: { ...environment(), ...this.#plan.env },
    })
    this.#child = child
    closeSync(log)
    child.stdin?.on('error', () => {})
    // A run that is cut short leaves nothing running, stopped processes included.
    const kill = () => void child.kill('SIGKILL')
    process.once('exit', kill)
    child.on('exit', (code, signal) => {
      process.off('exit', kill)
      if (!this.#told) this.complaints.push(`${this.name} ended by itself: ${signal ?? code}`)
    })
    await within(START_MS, `the start of ${this.name}`, this.#ready(child))
  }

  async #ready(child: ChildProcess): Promise<void> {
    const end = performance.now() + START_MS
    while (!(await this.#plan.ready())) {
      const ended = child.exitCode ?? child.signalCode
      if (ended !== null) throw new Error(`${this.name} ended with ${ended}`)
      if (performance.now() > end) return
      await pause(50)
    }
  }

  /** A line on its standard input. */
  tell(line: string): void {
    this.#child?.stdin?.write(`${line}\n`)
  }

  signal(name: NodeJS.Signals): void {
    if (Number.isInteger(this.pid)) process.kill(this.pid, name)
  }

  /** SIGTERM, and waits for the end. A sidecar's own code is 1 where it had to cut something. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM')
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Nothing, where it does not run any more. */
  holds(): Holdings {
    if (!existsSync(`/proc/${this.pid}/fd`)) return { rssBytes: 0, files: {} }
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    const rssBytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
    const files: Record<string, number> = {}
    for (const fd of readdirSync(`/proc/${this.pid}/fd`)) {
      const kind = kindOf(`/proc/${this.pid}/fd/${fd}`)
      if (kind !== undefined) files[kind] = (files[kind] ?? 0) + 1
    }
    return { rssBytes, files }
  }

  /** Leaves it room for so many more open files than it has; undefined: as many as ever. */
  limitFiles(more: number | undefined): void {
    const own = readdirSync(`/proc/${this.pid}/fd`).length
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const [, most, hard] = /^Max open files\s+(\w+)\s+(\w+)/m.exec(limits) ?? []
    const soft = more === undefined ? most : own + more
    spawnSync('prlimit', ['--pid', String(this.pid), `--nofile=${soft}:${hard}`], {
      timeout: TOOL_MS,
    })
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null
    this.#told = true
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.kill(signal)
    const late = setTimeout(() => {
      this.complaints.push(`${this.name} did not end ${STOP_MS} ms after ${signal}`)
      child.kill('SIGKILL')
    }, STOP_MS)
    try {
      return await within(STOP_MS + KILL_MS, `the end of ${this.name}`, ended)
    } finally {
      clearTimeout(late)
    }
  }
}

function kindOf(link: string): string | undefined {
  try {
    const target = readlinkSync(link)
    if (target.startsWith('anon_inode:')) return target.slice('anon_inode:'.length)
    return /^(socket|pipe):/.exec(target)?.[1] ?? 'file'
  } catch {
    // Closed between the two looks.
    return undefined
  }
}

/** The settings of the person who runs this are not passed on. */
function environment(): NodeJS.ProcessEnv {
  const own = /^(?:SIDECAR_|MODULE_|NODE_|LD_PRELOAD|FAKETIME)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}
