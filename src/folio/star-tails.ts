import { type Meter, PARAM, type PatternPart, STAR } from './pattern-states.ts'

/** Positions that are tested at once. */
export const WORD = 32
const SLASH = 0x2f
const BYTES = 256

/** Number of bits for the tail of a pattern: one for each byte, two for a parameter, and one more. */
export function unitsOfTail(parts: readonly PatternPart[]): number {
  let units = 1
  for (const part of parts) units += part === STAR ? 1 : part === PARAM ? 2 : part.length
  return units
}

/**
 * The parts behind a `*` of many patterns, matched all together in one pass over the bytes: a state
 * machine with a bit for each position in each tail (Baeza-Yates and Gonnet, "A new approach to text
 * searching", 1992). The time for a byte is proportional to the number of words of the tails that
 * have begun, independent of their content and of the bytes.
 *
 * A set bit means that everything before its unit has matched. A unit is a literal byte, the first or a
 * further byte of a parameter, or a star; a parameter ends only before a `/` or at the end, as
 * RoutingEntry.fastMatch has it.
 */
export class StarTails {
  readonly #words: number
  /** By byte, then by word: the units that this byte completes. */
  readonly #takers: Int32Array
  readonly #stars: Int32Array
  /** Units for the further bytes of a parameter. */
  readonly #rests: Int32Array
  /** Bits where a tail may end. */
  readonly #ends: Int32Array
  /** The first bit of each tail, and then the end of the last. */
  readonly #firsts: Int32Array
  readonly #state: Int32Array
  readonly #active: Int32Array
  readonly #isActive: Uint8Array
  #actives = 0
  readonly #begun: { readonly tail: number; readonly at: number }[] = []

  /** @param tails each begins with STAR */
  constructor(tails: readonly (readonly PatternPart[])[]) {
    this.#firsts = new Int32Array(tails.length + 1)
    let bits = 0
    for (const [tail, parts] of tails.entries()) {
      this.#firsts[tail] = bits
      bits += unitsOfTail(parts)
    }
    this.#firsts[tails.length] = bits
    this.#words = Math.ceil(bits / WORD)
    this.#takers = new Int32Array(BYTES * this.#words)
    this.#stars = new Int32Array(this.#words)
    this.#rests = new Int32Array(this.#words)
    this.#ends = new Int32Array(this.#words)
    this.#state = new Int32Array(this.#words)
    this.#active = new Int32Array(this.#words)
    this.#isActive = new Uint8Array(this.#words)
    for (const [tail, parts] of tails.entries()) this.#lay(parts, this.#firsts[tail]!)
  }

  /** Has any tail begun since `run`? */
  get begun(): boolean {
    return this.#begun.length > 0
  }

  /** Starts to match this tail at this position. */
  begin(tail: number, at: number): void {
    this.#begun.push({ tail, at })
    const last = (this.#firsts[tail + 1]! - 1) >>> 5
    for (let word = this.#firsts[tail]! >>> 5; word <= last; word++) {
      if (this.#isActive[word] === 1) continue
      this.#isActive[word] = 1
      this.#active[this.#actives++] = word
    }
  }

  /**
   * Matches all tails that have begun against the bytes up to `end`, and calls `matched` for each that
   * matches, in the order of tails. Then none has begun.
   */
  run(bytes: Uint8Array, end: number, meter: Meter, matched: (tail: number) => void): void {
    const begun = this.#begun.sort((a, b) => a.at - b.at)
    const active = this.#active.subarray(0, this.#actives).sort()
    for (const [i, { tail, at }] of begun.entries()) {
      const to = begun[i + 1]?.at ?? end
      this.#set(tail)
      this.#take(bytes, at, to, active)
      meter.visited += (to - at) * active.length
    }
    for (const { tail } of begun.sort((a, b) => a.tail - b.tail)) {
      if (this.#hasEnded(tail)) matched(tail)
    }
    for (const word of active) {
      this.#state[word] = 0
      this.#isActive[word] = 0
    }
    this.#actives = 0
    begun.length = 0
  }

  /**
   * Consumes the bytes from `at` to `to`. For each byte it goes through the active words from the
   * lowest up: the bit shifted out at the top of one enters the next.
   */
  #take(bytes: Uint8Array, at: number, to: number, active: Int32Array): void {
    const words = this.#words
    const [state, takers, stars, rests] = [this.#state, this.#takers, this.#stars, this.#rests]
    for (let i = at; i < to; i++) {
      const byte = bytes[i]!
      const base = byte * words
      const isSlash = byte === SLASH
      let above = -1
      let ended = 0
      let skipped = 0
      let moved = 0
      for (let j = 0; j < active.length; j++) {
        const word = active[j]!
        if (word !== above) ended = skipped = moved = 0
        above = word + 1
        let now = state[word]!
        if ((now | ended | skipped | moved) === 0) continue
        const rest = rests[word]!
        const star = stars[word]!
        // A parameter ends before a slash; a star may match nothing.
        const over = isSlash ? now & rest : 0
        now |= (over << 1) | ended
        const passed = now & star
        now |= (passed << 1) | skipped
        const taken = now & takers[base + word]!
        state[word] = (taken << 1) | moved | (now & (isSlash ? star : star | rest))
        ended = over >>> 31
        skipped = passed >>> 31
        moved = taken >>> 31
      }
    }
  }

  #hasEnded(tail: number): boolean {
    for (let bit = this.#firsts[tail]!; bit < this.#firsts[tail + 1]!; bit++) {
      const mask = 1 << (bit & 31)
      if ((this.#state[bit >>> 5]! & this.#ends[bit >>> 5]! & mask) !== 0) return true
    }
    return false
  }

  #set(tail: number): void {
    const bit = this.#firsts[tail]!
    this.#state[bit >>> 5]! |= 1 << (bit & 31)
  }

  #lay(parts: readonly PatternPart[], first: number): void {
    let bit = first
    for (const part of parts) {
      if (part === STAR) mark(this.#stars, bit++)
      else if (part === PARAM) {
        for (let byte = 0; byte < BYTES; byte++) if (byte !== SLASH) this.#taker(byte, bit)
        mark(this.#rests, bit + 1)
        bit += 2
      } else for (const byte of part) this.#taker(byte, bit++)
    }
    // It may end behind its last unit, and before units that may match nothing.
    mark(this.#ends, bit)
    let i = parts.length - 1
    for (; i >= 0 && parts[i] === STAR; i--) mark(this.#ends, --bit)
    if (parts[i] === PARAM) mark(this.#ends, bit - 1)
  }

  #taker(byte: number, bit: number): void {
    this.#takers[byte * this.#words + (bit >>> 5)]! |= 1 << (bit & 31)
  }
}

function mark(bits: Int32Array, bit: number): void {
  bits[bit >>> 5]! |= 1 << (bit & 31)
}
