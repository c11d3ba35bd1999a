import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { TOOL_MS } from './program.ts'

// What of the machine can be made to fail for the processes of a run alone: its name servers, a disk, the clock.

const TOOL = { timeout: TOOL_MS }
const INSIDE = 'CHAOS_INSIDE'
const LOG_BYTES = 24 * 1024 * 1024
const FAKETIME = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib',
  '/usr/lib64',
]
  .map((folder) => `${folder}/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path))

/**
 * Starts the run again with mounts of its own. Resolves to its exit code, or to undefined: this
 * is that run, or there can be none here.
 */
export async function withOwnMounts(): Promise<number | undefined> {
  if (process.env[INSIDE] !== undefined) return undefined
  const ways = [['-m'], ['-r', '-m']]
  const way = ways.find((options) => spawnSync('unshare', [...options, 'true'], TOOL).status === 0)
  if (way === undefined) return undefined
  const args = [...way, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const env = { ...process.env, [INSIDE]: '1' }
  const run = spawn('unshare', args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => run.kill(signal))
  return new Promise((resolve) => run.on('exit', (code) => resolve(code ?? 1)))
}

/** What can fail here. */
export class Machine {
  /** What cannot be tried, and why. */
  readonly skipped: string[] = []
  readonly logs: string
  /** Has it a name server that the run plays? */
  readonly hasNames: boolean
  readonly hasClock = FAKETIME !== undefined
  readonly hasDisk: boolean
  readonly #directory: string

  constructor(directory: string, nameServerPort: number) {
    this.#directory = directory
    this.logs = join(directory, 'logs')
    mkdirSync(this.logs)
    const resolvConf = join(directory, 'resolv.conf')
    writeFileSync(resolvConf, `nameserver 127.0.0.1:${nameServerPort}\n`)
    this.hasNames = this.#mount(['--bind', resolvConf, '/etc/resolv.conf'])
    this.hasDisk = this.#mount(['-t', 'tmpfs', '-o', `size=${LOG_BYTES}`, 'chaos', this.logs])
    if (!this.hasNames) this.skipped.push('name servers that fail: no mounts of its own here')
    if (!this.hasDisk) this.skipped.push('a full disk: no mounts of its own here')
    if (!this.hasClock) this.skipped.push('clocks that step: libfaketime is not installed')
    if (spawnSync('prlimit', ['--version'], TOOL).status !== 0) {
      this.skipped.push('no more open files: prlimit is not installed')
    }
  }

  get hasFileLimits(): boolean {
    return !this.skipped.some((each) => each.includes('prlimit'))
  }

  /** For a process whose clock is to step. */
  clockOf(name: string): Readonly<Record<string, string>> {
    if (FAKETIME === undefined) return {}
    this.stepClock(name, 0)
    return {
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: this.#clockFile(name),
      FAKETIME_CACHE_DURATION: '1',
      // A step of the wall clock is none of the monotonic one.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
  }

  /** From now on, within a second, the clock of this process is off by so much. */
  stepClock(name: string, seconds: number): void {
    writeFileSync(this.#clockFile(name), `${seconds < 0 ? '' : '+'}${seconds}\n`)
  }

  /** Not one byte more can be written where the logs are. */
  fillDisk(): void {
    const file = openSync(join(this.logs, 'filler'), 'w')
    const piece = Buffer.alloc(64 * 1024)
    try {
      for (let size = piece.length; size >= 1; size = Math.floor(size / 2)) {
        try {
          for (;;) writeSync(file, piece, 0, size)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
      }
    } finally {
      closeSync(file)
    }
  }

  emptyDisk(): void {
    rmSync(join(this.logs, 'filler'), { force: true })
  }

  /** `keep`: the logs stay where they were. */
  close(keep: boolean): void {
    if (keep) cpSync(this.logs, join(this.#directory, 'kept-logs'), { recursive: true })
    if (this.hasDisk) spawnSync('umount', ['-l', this.logs], TOOL)
    if (this.hasNames) spawnSync('umount', ['-l', '/etc/resolv.conf'], TOOL)
  }

  #clockFile(name: string): string {
    return join(this.#directory, `clock-${name.replaceAll(/\W+/g, '-')}`)
  }

  #mount(args: readonly string[]): boolean {
    if (process.env[INSIDE] === undefined) return false
    try {
      execFileSync('mount', [...args], { stdio: 'ignore', ...TOOL })
      return true
    } catch {
      return false
    }
  }
}
