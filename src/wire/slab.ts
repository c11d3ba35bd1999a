/** A head and one read of libuv (64 KiB) fit side by side. */
const SLAB_BYTES = 128 * 1024
/** Slabs kept for later; what is above this is left to the garbage collector. */
const MOST_SPARE = 16

const spare: Slab[] = []

/**
 * Memory in which writes are gathered, one behind the other. It is used anew when all of them are
 * over: what stays in the processor's cache costs less than anything that is allocated.
 */
export class Slab {
  readonly bytes = Buffer.allocUnsafeSlow(SLAB_BYTES)
  /** What is before this belongs to writes. */
  used = 0
  #users = 0

  /** Room for more than this is nowhere. */
  static readonly size = SLAB_BYTES
  static #current = new Slab()

  /** The one to gather `bytes` in, from `used` on. The user says `over` once, whatever happens. */
  static take(bytes: number): Slab {
    if (SLAB_BYTES - Slab.#current.used < bytes) Slab.#current = spare.pop() ?? new Slab()
    const slab = Slab.#current
    slab.#users++
    return slab
  }

  /** The bytes of this user are not read any more: its write was reported as done, well or not. */
  over(): void {
    this.#users--
    if (this.#users > 0) return
    this.used = 0
    if (this !== Slab.#current && spare.length < MOST_SPARE) spare.push(this)
  }
}
