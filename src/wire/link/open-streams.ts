/** Slots at first; there are always at least twice as many as streams. */
const FEWEST_SLOTS = 16

/**
 * The exchanges that are open on a link, by id. A `Map` with constant writes and deletes allocates
 * new tables again and again; the old ones survive the young generation and keep every stream that
 * was in them alive: 5 MB a second at full load (docs/performance-work.md). Here everything stays
 * in place: open addressing, linear probing, and entries after a gap move up (Knuth, TAOCP 3,
 * section 6.4, algorithm R).
 */
export class OpenStreams<S> {
  size = 0
  #ids = new Int32Array(FEWEST_SLOTS)
  #streams: (S | undefined)[] = new Array(FEWEST_SLOTS).fill(undefined)

  get(id: number): S | undefined {
    return this.#streams[this.#slot(id)]
  }

  /** `id`: above 0, and not in it. */
  add(id: number, stream: S): void {
    if (2 * (this.size + 1) > this.#ids.length) this.#grow()
    const slot = this.#slot(id)
    this.#ids[slot] = id
    this.#streams[slot] = stream
    this.size++
  }

  delete(id: number): void {
    const mask = this.#ids.length - 1
    let gap = this.#slot(id)
    if (this.#ids[gap] === 0) return
    for (let slot = (gap + 1) & mask; this.#ids[slot] !== 0; slot = (slot + 1) & mask) {
      // An entry must not move before the slot of its id.
      const distance = (slot - spread(this.#ids[slot]!)) & mask
      if (distance < ((slot - gap) & mask)) continue
      this.#ids[gap] = this.#ids[slot]!
      this.#streams[gap] = this.#streams[slot]
      gap = slot
    }
    this.#ids[gap] = 0
    this.#streams[gap] = undefined
    this.size--
  }

  clear(): void {
    this.size = 0
    this.#ids.fill(0)
    this.#streams.fill(undefined)
  }

  /** The current ones; the code that iterates may open and close some. */
  ids(): number[] {
    return [...this.#ids].filter((id) => id !== 0)
  }

  /** Those of now. */
  all(): S[] {
    return this.#streams.filter((stream) => stream !== undefined)
  }

  /** Its slot, or the free slot for it. */
  #slot(id: number): number {
    const mask = this.#ids.length - 1
    let slot = spread(id) & mask
    while (this.#ids[slot] !== 0 && this.#ids[slot] !== id) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const [ids, streams] = [this.ids(), this.all()]
    this.#ids = new Int32Array(2 * this.#ids.length)
    this.#streams = new Array(this.#ids.length).fill(undefined)
    this.size = 0
    ids.forEach((id, i) => {
      this.add(id, streams[i]!)
    })
  }
}

/**
 * Consecutive ids would fill consecutive slots, which `delete` walks (multiplicative hash, Knuth
 * 6.4).
 */
function spread(id: number): number {
  return Math.imul(id, 0x9e3779b1) >>> 16
}
