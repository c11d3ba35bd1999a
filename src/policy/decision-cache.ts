import { OTHER_METHOD } from '../folio/methods.ts'
import type { Decision } from './decision.ts'
import { PASSING_HIT } from './route-table.ts'

const METHOD_SLOTS = OTHER_METHOD + 1
const GRANT_SLOTS = 2 ** 20

/**
 * Decisions that were made before, by table, hit, granted paths and method: all of them small numbers
 * that policy hands out, so that a caller cannot make this grow beyond the policy's own size.
 */
export class DecisionCache {
  readonly #tables = new Map<object, Map<number, Decision>>()

  get(table: object, hit: number, granted: number, method: number): Decision | undefined {
    return this.#tables.get(table)?.get(key(hit, granted, method))
  }

  /** Keeps a decision where it may be kept: not for odd methods, whose name is in the sentence. */
  keep(table: object, hit: number, granted: number, method: number, decision: Decision): void {
    if (hit === PASSING_HIT || granted === PASSING_HIT || method === OTHER_METHOD) return
    let decisions = this.#tables.get(table)
    if (decisions === undefined) {
      decisions = new Map()
      this.#tables.set(table, decisions)
    }
    decisions.set(key(hit, granted, method), decision)
  }

  clear(): void {
    this.#tables.clear()
  }
}

function key(hit: number, granted: number, method: number): number {
  return ((hit + 1) * METHOD_SLOTS + method) * GRANT_SLOTS + granted + 1
}
