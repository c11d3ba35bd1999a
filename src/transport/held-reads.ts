/** A connection that can be left unread for a while. */
export interface Holdable {
  /** @returns false where Node does not let us */
  holdBack(): boolean
  letRead(): void
}

/** An exchange of others takes some turns: so many may pass between two that might hold one up. */
const TURNS_OF_ONE = 4

/**
 * Connections that are not read now, because each might block the event loop for a whole turn. They are read again, the names in
 * rotation: of one name all together that have not blocked it yet, so that many honest ones behind one address do not wait for
 * each other, and after them one of those that have. The first that blocks it holds back again what has not been read.
 */
export class HeldReads<C extends Holdable> {
  readonly #held = new Map<string, Set<C>>()
  /** Those that have blocked the event loop before. */
  readonly #slow = new WeakSet<C>()
  #rotates = false
  #turns = 0

  /** @returns false where Node does not let us */
  hold(name: string, connection: C, isSlow = false): boolean {
    if (isSlow) this.#slow.add(connection)
    if (!connection.holdBack()) return false
    const same = this.#held.get(name)
    if (same === undefined) this.#held.set(name, new Set([connection]))
    else same.add(connection)
    if (!this.#rotates) {
      this.#rotates = true
      this.#turns = 0
      setImmediate(this.#letNextRead)
    }
    return true
  }

  /** It is gone. */
  drop(name: string, connection: C): void {
    const same = this.#held.get(name)
    same?.delete(connection)
    if (same?.size === 0) this.#held.delete(name)
  }

  readonly #letNextRead = (): void => {
    this.#rotates = this.#held.size > 0
    if (this.#rotates) setImmediate(this.#letNextRead)
    this.#turns = (this.#turns + 1) % TURNS_OF_ONE
    if (this.#turns > 0) return
    const [first] = this.#held
    if (first === undefined) return
    const [name, same] = first
    const fast = [...same].filter((each) => !this.#slow.has(each))
    const slow = [...same].find((each) => this.#slow.has(each))
    const next = slow === undefined ? fast : [...fast, slow]
    for (const each of next) same.delete(each)
    this.#held.delete(name)
    if (same.size > 0) this.#held.set(name, same)
    for (const each of next) each.letRead()
  }
}
