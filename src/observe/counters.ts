import { Counter, type Registry } from 'prom-client'
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
    // A value that is not in the list has no row and counts nowhere.
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
