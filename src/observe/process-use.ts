import { Counter, Gauge, type Registry } from 'prom-client'

/** What the process itself takes of the machine. */
export interface ProcessSeen {
  /** Of one CPU, in the last ten seconds; above 100 with several threads; null as long as that is not known. */
  readonly cpuPercent: number | null
  readonly residentBytes: number
}

const INTERVAL_MS = 10_000

/** Holds the CPU time of the process against the clock. */
export class ProcessUse {
  readonly #cpu: () => NodeJS.CpuUsage
  #before: { readonly atMs: number; readonly micros: number } | undefined
  #percent: number | null = null

  constructor(cpu: () => NodeJS.CpuUsage = process.cpuUsage) {
    this.#cpu = cpu
  }

  get seen(): ProcessSeen {
    return { cpuPercent: this.#percent, residentBytes: process.memoryUsage.rss() }
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    const before = this.#before
    if (before !== undefined && now - before.atMs < INTERVAL_MS) return
    const { user, system } = this.#cpu()
    const micros = user + system
    this.#before = { atMs: now, micros }
    if (before === undefined) return
    const share = (micros - before.micros) / 1000 / (now - before.atMs)
    this.#percent = Math.round(share * 100)
  }
}

/** Which program this is, and since when. */
export interface ProcessInfo {
  readonly version: string
  /** Milliseconds since 1970. */
  readonly startedMs: number
}

/** But for the version under the names that Prometheus gives them everywhere; read at scrape. */
export function processSeries(registry: Registry, { version, startedMs }: ProcessInfo): void {
  const registers = [registry]
  new Gauge({
    name: 'sidecar_build_info',
    help: 'Always 1; the version of the program',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, of all its threads',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1_000_000)
    },
  })
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory that the process holds of the machine',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'When the process began, in seconds since 1970',
    registers,
    collect() {
      this.set(startedMs / 1000)
    },
  })
}
