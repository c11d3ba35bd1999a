import { Counter, Gauge, type Registry } from 'prom-client'

/** A caller that was told `too-many`. */
export interface OverShare {
  /** An identity, or an address where nothing is proven: `public/192.0.2.7`. */
  readonly name: string
  readonly proven: boolean
  /** The key of `limits` whose share it had used up last. */
  readonly limit: string
  /** How often it was told so. */
  readonly times: number
  /** Milliseconds since 1970. */
  readonly lastMs: number
}

/** Callers that were told `too-many`, of those that prove who they are and of addresses each. */
export const MOST_OVER_SHARE = 100
/** Callers of one kind that were told `too-many`; those that were told longest ago become one. */
export class CallersOverShare {
  readonly #proven: boolean
  readonly #others: string
  /** The last one at the end. */
  readonly #callers = new Map<string, OverShare>()

  constructor(proven: boolean, others: string) {
    this.#proven = proven
    this.#others = others
  }

  get all(): Iterable<OverShare> {
    return this.#callers.values()
  }

  told(name: string, limit: string, times: number, lastMs: number): void {
    const callers = this.#callers
    const before = callers.get(name)?.times ?? 0
    callers.delete(name)
    callers.set(name, { name, proven: this.#proven, limit, times: before + times, lastMs })
    if (callers.size <= MOST_OVER_SHARE) return
    for (const oldest of callers.values()) {
      if (oldest.name === this.#others) continue
      callers.delete(oldest.name)
      return this.told(this.#others, oldest.limit, oldest.times, oldest.lastMs)
    }
  }
}

/** The same as metrics: identities by name, addresses all together. */
export function overShareSeries(registry: Registry, read: () => readonly OverShare[]): void {
  const registers = [registry]
  new Counter({
    name: 'sidecar_too_many_total',
    help: 'Times a caller was told that its share of a limit is used up; addresses are one caller',
    labelNames: ['caller'],
    registers,
    collect() {
      this.reset()
      for (const { name, proven, times } of read()) {
        this.inc({ caller: proven ? name : 'addresses' }, times)
      }
    },
  })
  new Gauge({
    name: 'sidecar_callers_over_share',
    help: 'Callers that got too-many in the last minute, identities and addresses',
    labelNames: ['kind'],
    registers,
    collect() {
      const since = Date.now() - 60_000
      const now = read().filter(({ lastMs }) => lastMs >= since)
      const identities = now.filter(({ proven }) => proven).length
      this.set({ kind: 'identity' }, identities)
      this.set({ kind: 'address' }, now.length - identities)
    },
  })
}
