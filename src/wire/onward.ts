import type { UpstreamOf } from './face.ts'
import { type Composed, KeptHead } from './head-writer.ts'

/** Where a judged request goes, and its head, as long as nothing of it has gone there. */
export class Onward<X> {
  /** Within `Upstream.open`. */
  opening = false
  #way: UpstreamOf<X> | null = null
  /** A copy, where the head does not go at once. */
  #kept: Composed | null = null

  get waits(): boolean {
    return this.#way !== null
  }

  begin(way: UpstreamOf<X>): void {
    this.#way = way
  }

  /** Other exchanges may begin before it goes. @returns false: it waits already */
  keep(head: Composed): boolean {
    if (this.#kept !== null) return false
    this.#kept = new KeptHead(head.copy())
    return true
  }

  /** It goes; once at most. */
  open(x: X, head: Composed): void {
    const way = this.#way
    if (way === null) return
    const kept = this.#kept
    this.drop()
    this.opening = true
    way.open(x, kept ?? head)
    this.opening = false
  }

  drop(): void {
    this.#way = null
    this.#kept = null
  }
}
