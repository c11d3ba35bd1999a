/** A connection that can be left unread for a while. */
export interface Holdable {
  /** @returns false where Node does not let us */
  holdBack(): boolean
  letRead(): void
}

/** An exchange of others takes some turns: so many may pass between two that might hold one up. */
const TURNS_OF_ONE = 4

/**
 * Connections that are not read now, because each might hold up a whole turn of the event loop. They are let read again one by
 * one, the names in rotation.
 */
export class HeldReads<C extends Holdable> {
  readonly #held = new Map<string, Set<C>>()
  #rotates = false
  #turns = 0

  /** @returns false where Node does not let us */
  hold(name: string, connection: C): boolean {
    if (!connection.holdBack()) return false
    const same = this.#held.get(name)
    if (same === undefined) this.#held.set(name, new Set([connection]))
    else same.add(connection)
    if (!this.#rotates) {
      this.#rotates = true
      this.#turns = 0
      setImmediate(this.#letOneRead)
    }
    return true
  }

  /** It is gone. */
  drop(name: string, connection: C): void {
    const same = this.#held.get(name)
    same?.delete(connection)
    if (same?.size === 0) this.#held.delete(name)
  }

  readonly #letOneRead = (): void => {
    this.#rotates = this.#held.size > 0
    if (this.#rotates) setImmediate(this.#letOneRead)
    this.#turns = (this.#turns + 1) % TURNS_OF_ONE
    if (this.#turns > 0) return
    const [first] = this.#held
    if (first === undefined) return
    const [name, same] = first
    const [next] = same
    if (next === undefined) return
    this.#held.delete(name)
    same.delete(next)
    if (same.size > 0) this.#held.set(name, same)
    next.letRead()
  }
}
