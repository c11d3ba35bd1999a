/** One path that is learned at one listener and needed at another. */
export interface PathCell {
  path: string
}

/** Paths are short; one that does not fit is ignored. */
const MOST_BYTES = 1024
const HEAD_BYTES = 2 * Int32Array.BYTES_PER_ELEMENT

/** Memory for one path that threads share. */
export function sharedPathMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + MOST_BYTES)
}

/**
 * A path that several threads share: Okapi's call brings it to one, and the module's own call,
 * which may follow at once, may arrive at another. A message between threads could be too late.
 */
export class SharedPath implements PathCell {
  /** How often it was written, twice each time: odd during a write. Then its length. */
  readonly #head: Int32Array
  readonly #bytes: Uint8Array
  #read = 0
  #path = ''

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, 2)
    this.#bytes = new Uint8Array(memory, HEAD_BYTES)
  }

  get path(): string {
    // A write takes less than a microsecond; a concurrent reader reads again.
    for (let at = this.#version; at !== this.#read; at = this.#version) {
      if (at % 2 === 1) continue
      const length = Atomics.load(this.#head, 1)
      const path = Buffer.from(this.#bytes.slice(0, length)).toString('latin1')
      if (this.#version !== at) continue
      this.#path = path
      this.#read = at
    }
    return this.#path
  }

  set path(path: string) {
    if (path === this.path) return
    const bytes = Buffer.from(path.length > MOST_BYTES ? '' : path, 'latin1')
    let at = this.#version
    while (at % 2 === 1 || Atomics.compareExchange(this.#head, 0, at, at + 1) !== at) {
      at = this.#version
    }
    this.#bytes.set(bytes)
    Atomics.store(this.#head, 1, bytes.length)
    Atomics.store(this.#head, 0, at + 2)
  }

  get #version(): number {
    return Atomics.load(this.#head, 0)
  }
}
