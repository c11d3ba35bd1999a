import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { LOAD_CPU } from '../measure/pinning.ts'
import { cpuNanosOfAllThreads } from '../measure/proc.ts'
import type { DatabaseProxy } from './proxies.ts'
import { type DatabaseSite, ROLE } from './site.ts'
import { program } from './tools.ts'

/** What one measurement of one proxy saw. */
export interface DatabaseSample {
  /** CPU time of the proxy in microseconds: for each transaction, or for all of a copy. */
  readonly cpuMicros: number
  readonly p50Micros: number
  readonly p99Micros: number
  /** Transactions, or bytes. */
  readonly perSecond: number
}

/**
 * `pgbench -S`: each client asks for one row by its key, and again as soon as it is answered. What is before the
 * first full second is left out: handshakes and logins.
 */
export async function transactions(
  site: DatabaseSite,
  { port, process: { pid } }: DatabaseProxy,
  { clients, seconds }: { clients: number; seconds: number },
): Promise<DatabaseSample> {
  const log = await mkdtemp(join(site.directory, 'log-'))
  const args = ['-n', '-S', '-c', String(clients), '-j', '1', '-T', '600', '-P', '1']
  const child = onLoadCpu(
    [program(site.tools, 'pgbench'), ...args, '-l', '--log-prefix', join(log, 'l')],
    port,
  )
  let said = ''
  const marks: { nanos: number; at: number; tps: number }[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    said += `${line}\n`
    const tps = /^progress: [\d.]+ s, ([\d.]+) tps/.exec(line)?.[1]
    if (!(Number(tps) > 0)) return
    marks.push({ nanos: cpuNanosOfAllThreads(pid), at: performance.now(), tps: Number(tps) })
    if (marks.length === seconds + 1) child.kill('SIGKILL')
  })
  await ended(child, () => said, 'SIGKILL')
  const [first, last] = [marks[0], marks.at(-1)]
  if (first === undefined || last === undefined || marks.length < 2) {
    throw new Error(`pgbench shows no progress: ${said}`)
  }
  const perSecond = mean(marks.slice(1).map(({ tps }) => tps))
  const done = (perSecond * (last.at - first.at)) / 1000
  const micros = await latencies(log)
  await rm(log, { recursive: true })
  return {
    cpuMicros: (last.nanos - first.nanos) / 1000 / done,
    p50Micros: micros[Math.floor(micros.length * 0.5)]!,
    p99Micros: micros[Math.floor(micros.length * 0.99)]!,
    perSecond,
  }
}

/** Bytes of one line that is copied, its end included. */
const LINE_BYTES = 1024
const LINE = `${'0123456789abcdef'.repeat(64).slice(1)}\n`

/** COPY of `bytes` in lines of 1 KiB, out of the server or in; the server keeps nothing. */
export async function copy(
  site: DatabaseSite,
  { port, process: { pid } }: DatabaseProxy,
  { way, bytes }: { way: 'in' | 'out'; bytes: number },
): Promise<DatabaseSample> {
  const lines = Math.ceil(bytes / LINE_BYTES)
  const out = `COPY (SELECT repeat('x', ${LINE_BYTES - 1}) FROM generate_series(1, ${lines})) TO STDOUT`
  const sql = way === 'out' ? out : 'COPY lines FROM STDIN WHERE false'
  const before = cpuNanosOfAllThreads(pid)
  const began = performance.now()
  const child = onLoadCpu([program(site.tools, 'psql'), '-X', '-q', '-c', sql], port)
  let said = ''
  child.stderr.on('data', (part) => {
    said += String(part)
  })
  if (way === 'in') {
    const block = LINE.repeat(64)
    const blocks = (function* () {
      for (let sent = 0; sent < bytes; sent += block.length) yield block
    })()
    Readable.from(blocks).pipe(child.stdin)
  } else child.stdin.end()
  await ended(child, () => said)
  const seconds = (performance.now() - began) / 1000
  const cpuMicros = (cpuNanosOfAllThreads(pid) - before) / 1000
  const [p50Micros, p99Micros] = [seconds * 1e6, seconds * 1e6]
  return { cpuMicros, p50Micros, p99Micros, perSecond: bytes / seconds }
}

function onLoadCpu(command: readonly string[], port: number) {
  const env = {
    PATH: process.env['PATH'],
    LC_ALL: 'C',
    PGHOST: '127.0.0.1',
    PGPORT: String(port),
    PGUSER: ROLE,
    PGDATABASE: ROLE,
    PGSSLMODE: 'disable',
    PGGSSENCMODE: 'disable',
  }
  const child = spawn('taskset', ['-c', String(LOAD_CPU), ...command], { env, stdio: 'pipe' })
  child.stdout.resume()
  child.stdin.on('error', () => undefined)
  return child
}

async function ended(
  child: ReturnType<typeof onLoadCpu>,
  said: () => string,
  how: NodeJS.Signals | 0 = 0,
): Promise<void> {
  const [code, signal] = await once(child, 'close')
  if ((signal ?? code) !== how)
    throw new Error(`${child.spawnargs[3]} ended with ${code}: ${said()}`)
}

/** Third column of pgbench's log: microseconds of one transaction. Sorted. */
async function latencies(directory: string): Promise<Float64Array> {
  const [name] = await readdir(directory)
  const text = await readFile(join(directory, name!), 'utf8')
  // The last line is not whole: pgbench was stopped.
  const lines = text.split('\n').slice(0, -1)
  const micros = Float64Array.from(lines, (line) => Number(line.split(' ')[2]))
  return micros.sort()
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
