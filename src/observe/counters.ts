import { Counter, Histogram, type Registry } from 'prom-client'
import { sum, type Tallies } from './tallies.ts'

/** A closed list of label values; the position is the row or column. */
export interface Axis<T extends string> {
  readonly label: string
  readonly values: readonly T[]
}

interface Description {
  readonly name: string
  readonly help: string
  readonly registry: Registry
  readonly tallies: Tallies
}

/**
 * A counter over one closed list of label values. Counting is one addition in a typed array;
 * prom-client reads it at scrape. Every series exists from the start, so their number never changes.
 */
export class Counts<T extends string> {
  readonly #counts: Float64Array
  readonly #row: ReadonlyMap<string, number>

  constructor({ name, help, registry, tallies }: Description, axis: Axis<T>) {
    const all = tallies.take(axis.values.length)
    this.#counts = all[0]!
    this.#row = new Map(axis.values.map((value, row) => [value, row]))
    new Counter({
      name,
      help,
      labelNames: [axis.label],
      registers: [registry],
      collect() {
        this.reset()
        for (const [row, value] of axis.values.entries()) {
          this.inc({ [axis.label]: value }, sum(all, row))
        }
      },
    })
  }

  add(value: T): void {
    // A value that is not in the list has no row and is not counted.
    const row = this.#row.get(value)
    if (row !== undefined) this.#counts[row]! += 1
  }
}

/** The same over two closed lists. */
export class Table<R extends string, C extends string> {
  readonly #counts: Float64Array
  readonly #row: ReadonlyMap<string, number>
  readonly #column: ReadonlyMap<string, number>

  constructor({ name, help, registry, tallies }: Description, rows: Axis<R>, columns: Axis<C>) {
    const width = columns.values.length
    const all = tallies.take(rows.values.length * width)
    this.#counts = all[0]!
    this.#row = new Map(rows.values.map((value, row) => [value, row * width]))
    this.#column = new Map(columns.values.map((value, column) => [value, column]))
    new Counter({
      name,
      help,
      labelNames: [rows.label, columns.label],
      registers: [registry],
      collect() {
        this.reset()
        for (let at = 0; at < rows.values.length * width; at++) {
          const row = rows.values[Math.floor(at / width)]
          const column = columns.values[at % width]
          this.inc({ [rows.label]: row, [columns.label]: column }, sum(all, at))
        }
      },
    })
  }

  add(row: R, column: C): void {
    const at = (this.#row.get(row) ?? Number.NaN) + (this.#column.get(column) ?? Number.NaN)
    if (at >= 0) this.#counts[at]! += 1
  }

  /** All that this thread has counted. */
  get total(): number {
    return this.#counts.reduce((all, count) => all + count, 0)
  }
}

/** Upper bounds in milliseconds: 0.25, 0.5, 1 and so on to 4.4 minutes; above that is +Inf. */
export const BOUNDS_MS: readonly number[] = Array.from({ length: 21 }, (_, k) => 2 ** (k - 2))

/** Buckets of one row: a bound each, +Inf, and the sum in milliseconds. */
const INFINITE = BOUNDS_MS.length
const SUM = INFINITE + 1
const WIDTH = SUM + 1

interface Value {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly sharedLabels: Readonly<Record<string, string>>
  readonly value: number
}

/**
 * How long exchanges took, by a closed list of label values. The bucket is found by counting leading
 * zeros: a prom-client observation costs about fifty times as much.
 */
export class Durations<T extends string> extends Histogram {
  readonly #buckets: Float64Array
  readonly #all: readonly Float64Array[]
  readonly #rowOf: ReadonlyMap<string, number>
  readonly #called: { readonly name: string; readonly help: string; readonly label: string }

  constructor(
    called: { name: string; help: string; label: string; registry: Registry; tallies: Tallies },
    values: readonly T[],
  ) {
    const { name, help, label, registry, tallies } = called
    super({ name, help, labelNames: [label], registers: [registry] })
    this.#called = { name, help, label }
    this.#all = tallies.take(values.length * WIDTH)
    this.#buckets = this.#all[0]!
    this.#rowOf = new Map(values.map((value, row) => [value, row * WIDTH]))
  }

  /** Counts one duration in milliseconds; an invalid one counts as zero. */
  took(value: T, durationMs: number): void {
    const row = this.#rowOf.get(value)
    if (row === undefined) return
    const ms = durationMs > 0 ? durationMs : 0
    this.#buckets[row + bucketOf(ms)]! += 1
    if (ms !== Number.POSITIVE_INFINITY) this.#buckets[row + SUM]! += ms
  }

  /**
   * What prom-client 15 asks at scrape, and `get` with it. Its own map of observations stays empty:
   * bucket counts cannot be set from outside.
   */
  async getForPromString() {
    const { name, help } = this.#called
    const values = [...this.#rowOf].flatMap(([value, row]) => this.#exported(value, row))
    return { name, help, type: 'histogram', values, aggregator: 'sum' }
  }

  #exported(value: string, row: number): Value[] {
    const { name, label } = this.#called
    const sharedLabels = { [label]: value }
    let below = 0
    const buckets = [...BOUNDS_MS, Number.POSITIVE_INFINITY].map((boundMs, k) => {
      below += sum(this.#all, row + k)
      const le = boundMs === Number.POSITIVE_INFINITY ? '+Inf' : boundMs / 1000
      return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: below }
    })
    const seconds = sum(this.#all, row + SUM) / 1000
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value: seconds },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: below },
    ]
  }
}

/** The first bound that is not below `ms`: bounds are quarters of a millisecond, doubled. */
function bucketOf(ms: number): number {
  const quarters = Math.ceil(ms * 4)
  if (quarters <= 1) return 0
  return quarters > 2 ** (INFINITE - 1) ? INFINITE : 32 - Math.clz32(quarters - 1)
}
