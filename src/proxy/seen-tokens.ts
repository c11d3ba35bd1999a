import { randomBytes } from 'node:crypto'
import { halfSipHash, type TokenHash } from './token-hash.ts'

/** How many tokens are guaranteed to be remembered for one module, and for how many modules. */
export interface SeenTokensSize {
  readonly tokensPerModule: number
  readonly modules: number
}

/** How full the memory is. */
export interface SeenTokensFill {
  /** Modules for which there is something to remember. */
  readonly modules: number
  /** Places that have been used; twice as many as tokens are promised. */
  readonly tokens: number
  /** Tokens that were dropped for others before their time was over. */
  readonly forgotten: number
  /** Tokens that were asked for and not known. */
  readonly unknown: number
  readonly bytes: number
}

/** What of one module is remembered. */
export interface ModuleFill {
  readonly tokens: number
  readonly forgotten: number
}

/** The start of a module's part, and the hash of its id. */
interface Part extends Readonly<TokenHash> {
  readonly part: number
}

/** The header, in 32-bit words: the key, the start of the time scale, the dimensions. */
const HEAD = 8
const KEY = 0
const EPOCH = 2
const SETS = 4
const MODULES = 5
const LOCK = 6
const UNKNOWN = 7
/** The header of a module's part: its module, its last use, its number of entries. */
const PART_HEAD = 8
const OWNER = 0
const USED = 2
const TAKEN = 3
const FORGOTTEN = 4
/** A place: the hash, and the second in which the token was seen; 0: it is free. */
const PLACE = 3
const WAYS = 16
const SET = WAYS * PLACE
/** Instead of the second: another thread is writing here. */
const BUSY = -1

/**
 * Memory that threads share: of each module the same number of tokens. A token has 16 places in two
 * sets, and there are twice as many places as tokens promised: as long as no more than those were
 * seen within their lifetime, none is displaced (test/proxy/seen-tokens.test.ts fills it).
 * Untouched pages cost no memory.
 */
export function seenTokensMemory({ tokensPerModule, modules }: SeenTokensSize): SharedArrayBuffer {
  const sets = 2 ** Math.ceil(Math.log2(Math.max(2, (2 * tokensPerModule) / WAYS)))
  const words = HEAD + modules * (PART_HEAD + sets * SET)
  const memory = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT)
  const head = new Int32Array(memory, 0, HEAD)
  head.set(new Int32Array(new Uint8Array(randomBytes(8)).buffer), KEY)
  head.set(new Int32Array(new BigInt64Array([process.hrtime.bigint()]).buffer), EPOCH)
  head[SETS] = sets
  head[MODULES] = modules
  return memory
}

/**
 * Which tokens Okapi has recently sent to which module, as keyed hashes. Every operation takes
 * constant time; no thread waits for another.
 */
export class SeenTokens {
  /** Chosen at random at the start of the process, and stored only in this memory. */
  readonly key: readonly [number, number]
  readonly #words: Int32Array
  readonly #sets: number
  readonly #modules: number
  readonly #lifeSeconds: number
  /** To be added to `performance.now()`, for milliseconds since the memory was made. */
  readonly #offsetMs: number
  /** When the token was seen that `#find` found, and the one whose place `#oldest` chose. */
  #foundSeen = 0
  #chosenSeen = 0
  readonly #parts = new Map<string, Part>()

  constructor(memory: SharedArrayBuffer, lifeMs: number) {
    const words = new Int32Array(memory)
    this.#words = words
    this.key = [words[KEY]!, words[KEY + 1]!]
    this.#sets = words[SETS]!
    this.#modules = words[MODULES]!
    this.#lifeSeconds = Math.ceil(lifeMs / 1000)
    const [epoch = 0n] = new BigInt64Array(words.slice(EPOCH, EPOCH + 2).buffer)
    // Each thread counts performance.now() from its own start.
    const sinceMs = Number(process.hrtime.bigint() - epoch) / 1e6
    this.#offsetMs = sinceMs - performance.now()
  }

  /** Milliseconds since the memory was made, at this moment of `performance.now()`. */
  ageMs(now: number): number {
    return Math.max(0, now + this.#offsetMs)
  }

  /** Remembers a token for a module, or that it was seen again. `now`: `performance.now()`, coarse. */
  remember(moduleId: string, hash: Readonly<TokenHash>, now: number): void {
    const second = this.#second(now)
    const part = this.#partOf(moduleId, second)
    const words = this.#words
    if (words[part + USED] !== second) Atomics.store(words, part + USED, second)
    // If the part was given to another module meanwhile, nothing is added to it.
    const [a, b] = [hash.a ^ words[part + OWNER]!, hash.b ^ words[part + OWNER + 1]!]
    for (;;) {
      const place = this.#find(part, a, b)
      if (place === -1) return this.#insert(part, a, b, second)
      const seen = this.#foundSeen
      // If another token takes this place at this moment, the search starts again.
      if (seen === second || Atomics.compareExchange(words, place + 2, seen, second) === seen)
        return
    }
  }

  /**
   * Was the token seen for this module, within its lifetime? Changes nothing, because sending a
   * token proves nothing.
   */
  knows(moduleId: string, hash: Readonly<TokenHash>, now: number): boolean {
    const part = this.#known(moduleId)
    if (part === -1) return false
    const words = this.#words
    const [a, b] = [hash.a ^ words[part + OWNER]!, hash.b ^ words[part + OWNER + 1]!]
    return this.#find(part, a, b) !== -1 && this.#alive(this.#foundSeen, this.#second(now))
  }

  /** Counts a token that was not known. */
  missed(): void {
    Atomics.add(this.#words, UNKNOWN, 1)
  }

  get fill(): SeenTokensFill {
    let [modules, tokens, forgotten] = [0, 0, 0]
    for (let i = 0; i < this.#modules; i++) {
      const part = this.#part(i)
      if (Atomics.load(this.#words, part + USED) === 0) continue
      modules++
      tokens += Atomics.load(this.#words, part + TAKEN)
      forgotten += Atomics.load(this.#words, part + FORGOTTEN)
    }
    const unknown = Atomics.load(this.#words, UNKNOWN)
    return { modules, tokens, forgotten, unknown, bytes: this.#words.byteLength }
  }

  /** Undefined: nothing was ever remembered for it. */
  fillOf(moduleId: string): ModuleFill | undefined {
    const part = this.#known(moduleId)
    if (part === -1) return undefined
    const tokens = Atomics.load(this.#words, part + TAKEN)
    return { tokens, forgotten: Atomics.load(this.#words, part + FORGOTTEN) }
  }

  #second(now: number): number {
    return Math.floor(this.ageMs(now) / 1000) + 1
  }

  #alive(seen: number, second: number): boolean {
    return seen > 0 && second - seen < this.#lifeSeconds
  }

  #part(index: number): number {
    return HEAD + index * (PART_HEAD + this.#sets * SET)
  }

  /** Where the token stands, or -1. */
  #find(part: number, a: number, b: number): number {
    const words = this.#words
    for (let choice = 0; choice < 2; choice++) {
      const set = this.#set(part, a, b, choice)
      for (let place = set; place < set + SET; place += PLACE) {
        if (words[place] !== a || words[place + 1] !== b) continue
        const seen = Atomics.load(words, place + 2)
        if (seen <= 0 || words[place] !== a || words[place + 1] !== b) continue
        this.#foundSeen = seen
        return place
      }
    }
    return -1
  }

  /**
   * Two different sets: in a small part a token with only one set would be displaced now and then.
   */
  #set(part: number, a: number, b: number, choice: number): number {
    const most = this.#sets - 1
    const first = a & most
    const away = (Math.imul(b, 0x9e3779b1) ^ (a >>> 16)) & most || 1
    return part + PART_HEAD + (choice === 0 ? first : first ^ away) * SET
  }

  /** Takes a free place or the least recently seen one; if equal, in the emptier set. */
  #insert(part: number, a: number, b: number, second: number): void {
    const words = this.#words
    for (;;) {
      const place = this.#oldest(part, a, b, second)
      const seen = this.#chosenSeen
      // Another thread was faster: the place no longer has what was chosen.
      if (place === -1 || Atomics.compareExchange(words, place + 2, seen, BUSY) !== seen) continue
      words[place] = a
      words[place + 1] = b
      Atomics.store(words, place + 2, second)
      if (seen === 0) Atomics.add(words, part + TAKEN, 1)
      else if (this.#alive(seen, second)) Atomics.add(words, part + FORGOTTEN, 1)
      return
    }
  }

  /** The place that a token may take, -1 where all are being written to. */
  #oldest(part: number, a: number, b: number, second: number): number {
    const words = this.#words
    let [chosen, chosenAge, chosenAlive] = [-1, 0, 0]
    for (let choice = 0; choice < 2; choice++) {
      const set = this.#set(part, a, b, choice)
      let [oldest, oldestSeen, alive] = [-1, 0, 0]
      for (let place = set; place < set + SET; place += PLACE) {
        const seen = Atomics.load(words, place + 2)
        if (seen === BUSY) continue
        if (this.#alive(seen, second)) alive++
        if (oldest !== -1 && seen >= oldestSeen) continue
        oldest = place
        oldestSeen = seen
      }
      if (oldest === -1) continue
      // What is over is as good as free.
      const age = this.#alive(oldestSeen, second) ? second - oldestSeen : this.#lifeSeconds
      const worse = age < chosenAge || (age === chosenAge && alive >= chosenAlive)
      if (chosen !== -1 && worse) continue
      chosen = oldest
      chosenAge = age
      chosenAlive = alive
      this.#chosenSeen = oldestSeen
    }
    return chosen
  }

  /** The part of this module; -1: it has none. */
  #known(moduleId: string): number {
    const before = this.#parts.get(moduleId)
    const { a, b } = before ?? this.#owner(moduleId)
    if (before !== undefined && this.#isOwner(before.part, a, b)) return before.part
    for (let i = 0; i < this.#modules; i++) {
      const part = this.#part(i)
      if (!this.#isOwner(part, a, b)) continue
      this.#parts.set(moduleId, { part, a, b })
      return part
    }
    return -1
  }

  #isOwner(part: number, a: number, b: number): boolean {
    const words = this.#words
    return words[part + OWNER] === a && words[part + OWNER + 1] === b && words[part + USED] !== 0
  }

  /** The part of this module. If it has none it gets a free one, or the least recently used one. */
  #partOf(moduleId: string, second: number): number {
    const known = this.#known(moduleId)
    if (known !== -1) return known
    const words = this.#words
    // Once for each module and start, or after a change of modules: it takes microseconds.
    while (Atomics.compareExchange(words, LOCK, 0, 1) !== 0);
    try {
      const other = this.#known(moduleId)
      if (other !== -1) return other
      let part = this.#part(0)
      for (let i = 1; i < this.#modules; i++) {
        if (words[this.#part(i) + USED]! < words[part + USED]!) part = this.#part(i)
      }
      words.fill(0, part, part + PART_HEAD + this.#sets * SET)
      const { a, b } = this.#owner(moduleId)
      words[part + OWNER] = a
      words[part + OWNER + 1] = b
      Atomics.store(words, part + USED, second)
      this.#parts.set(moduleId, { part, a, b })
      return part
    } finally {
      Atomics.store(words, LOCK, 0)
    }
  }

  #owner(moduleId: string): TokenHash {
    const bytes = Buffer.from(moduleId)
    const [k0, k1] = this.key
    return halfSipHash(k0, k1, bytes, 0, bytes.length, { a: 0, b: 0 })
  }
}
