const NOTHING: Buffer = Buffer.alloc(0)
const FEWEST_BYTES = 256

/**
 * Waiting bytes in one block of memory, however small the pieces were in which they arrived: a
 * Buffer for each piece would take a hundred times its size. Memory that was handed out is never
 * overwritten.
 */
export class WaitingBytes {
  length = 0
  #memory = NOTHING
  #start = 0

  /** All of it, as it stands until the next call. */
  get bytes(): Buffer {
    return this.#memory.subarray(this.#start, this.#start + this.length)
  }

  /** Appends a copy of [from, to). */
  add(bytes: Buffer, from: number, to: number): void {
    const more = to - from
    if (this.#start + this.length + more > this.#memory.length) this.#move(more)
    bytes.copy(this.#memory, this.#start + this.length, from, to)
    this.length += more
  }

  /** The same, as somewhere that spans can go. */
  span(bytes: Buffer, start: number, end: number): void {
    this.add(bytes, start, end)
  }

  /** Takes the first bytes out, `most` of them if there are so many. */
  shift(most: number): Buffer {
    if (this.length === 0) return NOTHING
    const length = Math.min(most, this.length)
    const first = this.#memory.subarray(this.#start, this.#start + length)
    this.#start += length
    this.length -= length
    if (this.length === 0) this.clear()
    return first
  }

  /** Takes all out. */
  take(): Buffer {
    return this.shift(this.length)
  }

  clear(): void {
    this.#memory = NOTHING
    this.#start = 0
    this.length = 0
  }

  /** A large piece gets exactly its size; small pieces double the memory. */
  #move(more: number): void {
    const needed = this.length + more
    const size = this.length === 0 ? needed : 2 * needed
    const memory = Buffer.allocUnsafe(Math.max(FEWEST_BYTES, size))
    this.bytes.copy(memory)
    this.#memory = memory
    this.#start = 0
  }
}

/**
 * Waiting spans: one with a large buffer of its own is kept as it is, the others are copied
 * together.
 */
export class WaitingSpans {
  length = 0
  readonly #first: Buffer[] = []
  /** Behind all of these. */
  readonly #last = new WaitingBytes()

  /** Copies [start, end). */
  span(bytes: Buffer, start: number, end: number): void {
    this.length += end - start
    this.#last.add(bytes, start, end)
  }

  /** Keeps all of `bytes`, which nothing else may use from now on. */
  keep(bytes: Buffer): void {
    this.length += bytes.length
    if (this.#last.length > 0) this.#first.push(this.#last.take())
    this.#first.push(bytes)
  }

  /**
   * Removes the first bytes: a kept span, the bytes before one, or at most `most` of the last
   * bytes.
   */
  shift(most: number): Buffer {
    const first = this.#first.shift() ?? this.#last.shift(most)
    this.length -= first.length
    return first
  }

  clear(): void {
    this.length = 0
    this.#first.length = 0
    this.#last.clear()
  }
}
