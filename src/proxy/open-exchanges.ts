import { randomFillSync } from 'node:crypto'
import type { HeadWriter } from '../wire/head-writer.ts'
import type { KnownCaller } from './known-callers.ts'

/** 128 random bits, as words. */
const NONCE_WORDS = 4
const SLOT_DIGITS = 6
/** Where the digits of a nonce end: the slot's number, then the nonce, in lower-case hexadecimal. */
export const HANDLE_BYTES = SLOT_DIGITS + NONCE_WORDS * 8

/** What a slot holds beside its nonce, each an Int32. */
const FIELD = { method: 4, tenant: 5, caller: 6, callerHash: 7, target: 8, flags: 9 } as const
const FIELDS = 16
const TENANT_AT = FIELDS * Int32Array.BYTES_PER_ELEMENT
const MOST_TENANT = 192
const CALLER_AT = TENANT_AT + MOST_TENANT
const MOST_CALLER = 320
const TARGET_AT = CALLER_AT + MOST_CALLER
/** Okapi takes no longer request line (MainVerticle.startListening: Vert.x's 4096, raised to 8192). */
const MOST_TARGET = 8192
const SLOT_BYTES = TARGET_AT + MOST_TARGET

/** The target was in `/_/invoke/tenant/{t}/`, and what is kept is what Okapi makes of it. */
const INVOKED = 1

/** `find` met something that is no handle. */
export const MALFORMED = -1
/** `find` met the handle of no exchange that is open: of one that has ended, or of none ever. */
export const NOT_OPEN = -2

/** Memory for this many exchanges at a time; the system allocates only touched pages. */
export function exchangeMemory(slots: number): SharedArrayBuffer {
  return new SharedArrayBuffer(slots * SLOT_BYTES)
}

/** The slots that are one thread's, `from` up to `to`, in the memory of all. */
export interface ExchangeSlots {
  readonly memory: SharedArrayBuffer
  readonly from: number
  readonly to: number
}

/** What is recorded of a request to Okapi. */
export interface Noted {
  readonly caller: KnownCaller
  /** What Okapi will take. */
  readonly tenant: string
  readonly method: number
  readonly bytes: Buffer
  /** The target; for `/_/invoke/` the one that Okapi calls. */
  readonly start: number
  readonly end: number
  readonly invoked: boolean
}

/**
 * The exchanges that are open at Okapi's ingress, by the handle that Okapi is given of each. In
 * memory that all threads share, because Okapi's call for one may arrive at another. Each thread
 * opens and closes only its own slots, so no lock is needed; it reads all of them.
 *
 * A reader may find a slot that is being closed and reused. So it compares the nonce before and
 * after it has read the rest; a nonce is never used twice.
 */
export class OpenExchanges {
  readonly #words: Int32Array
  readonly #bytes: Buffer
  readonly #slots: number
  /** Our free slots; the last used one is used next. */
  readonly #free: Int32Array
  #freeCount: number
  readonly #random = new Int32Array(NONCE_WORDS * 256)
  #drawn = this.#random.length
  readonly #sought = new Int32Array(NONCE_WORDS)

  constructor({ memory, from, to }: ExchangeSlots) {
    this.#words = new Int32Array(memory)
    this.#bytes = Buffer.from(memory)
    this.#slots = Math.floor(memory.byteLength / SLOT_BYTES)
    this.#free = Int32Array.from({ length: to - from }, (_, i) => to - 1 - i)
    this.#freeCount = this.#free.length
  }

  /** Those of this thread that are open. */
  get open(): number {
    return this.#free.length - this.#freeCount
  }

  /** Keeps an exchange open until `close`. @returns its slot; -1: there is none, or it is too long */
  begin({ caller, tenant, method, bytes, start, end, invoked }: Noted): number {
    const length = end - start
    const tooLong = length > MOST_TARGET || tenant.length > MOST_TENANT
    if (tooLong || caller.bytes.length > MOST_CALLER || this.#freeCount === 0) return -1
    const slot = this.#free[--this.#freeCount]!
    const base = slot * SLOT_BYTES
    const word = base / Int32Array.BYTES_PER_ELEMENT
    const words = this.#words
    words[word + FIELD.method] = method
    words[word + FIELD.tenant] = tenant.length
    words[word + FIELD.caller] = caller.bytes.length
    words[word + FIELD.callerHash] = caller.hash
    words[word + FIELD.target] = length
    words[word + FIELD.flags] = invoked ? INVOKED : 0
    for (let i = 0; i < tenant.length; i++) this.#bytes[base + TENANT_AT + i] = tenant.charCodeAt(i)
    caller.bytes.copy(this.#bytes, base + CALLER_AT)
    bytes.copy(this.#bytes, base + TARGET_AT, start, end)
    this.#draw()
    for (let i = 0; i < NONCE_WORDS; i++) {
      Atomics.store(words, word + i, this.#random[this.#drawn - NONCE_WORDS + i]!)
    }
    return slot
  }

  /** From now on its handle is invalid. */
  close(slot: number): void {
    const word = (slot * SLOT_BYTES) / Int32Array.BYTES_PER_ELEMENT
    for (let i = 0; i < NONCE_WORDS; i++) Atomics.store(this.#words, word + i, 0)
    this.#free[this.#freeCount++] = slot
  }

  /** Writes the handle of an open slot of ours. */
  writeHandle(slot: number, out: HeadWriter): void {
    hex(slot, SLOT_DIGITS, 0)
    const word = (slot * SLOT_BYTES) / Int32Array.BYTES_PER_ELEMENT
    for (let i = 0; i < NONCE_WORDS; i++) hex(this.#words[word + i]!, 8, SLOT_DIGITS + i * 8)
    out.span(DIGITS, 0, HANDLE_BYTES)
  }

  /** The slot of the handle in these bytes; MALFORMED, NOT_OPEN. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (end - start !== HANDLE_BYTES) return MALFORMED
    const slot = number(bytes, start, SLOT_DIGITS)
    if (slot === -1) return MALFORMED
    for (let i = 0; i < NONCE_WORDS; i++) {
      const at = start + SLOT_DIGITS + i * 8
      const [high, low] = [number(bytes, at, 4), number(bytes, at + 4, 4)]
      if (high === -1 || low === -1) return MALFORMED
      this.#sought[i] = (high << 16) | low
    }
    if (slot >= this.#slots || !this.#isSought(slot)) return NOT_OPEN
    return slot
  }

  /**
   * Is the slot that `find` found last unchanged? If so, everything that was read from it is valid.
   */
  stillOpen(slot: number): boolean {
    // No read may be reordered after this one; a plain load would allow that.
    Atomics.compareExchange(this.#words, (slot * SLOT_BYTES) / Int32Array.BYTES_PER_ELEMENT, 0, 0)
    return this.#isSought(slot)
  }

  isTenant(slot: number, bytes: Uint8Array, start: number, end: number): boolean {
    const word = (slot * SLOT_BYTES) / Int32Array.BYTES_PER_ELEMENT
    const at = slot * SLOT_BYTES + TENANT_AT
    if (this.#words[word + FIELD.tenant] !== end - start) return false
    for (let i = 0; i < end - start; i++) {
      if (this.#bytes[at + i] !== bytes[start + i]) return false
    }
    return true
  }

  isMethod(slot: number, method: number): boolean {
    return this.#field(slot, FIELD.method) === method
  }

  isInvoked(slot: number): boolean {
    return (this.#field(slot, FIELD.flags) & INVOKED) !== 0
  }

  /** Is the target, or its part before the first `cut`, equal to these bytes? */
  isTarget(slot: number, bytes: Buffer, start: number, end: number, cut = -1): boolean {
    const at = slot * SLOT_BYTES + TARGET_AT
    const length = this.#field(slot, FIELD.target)
    // Another thread may be writing, but nothing outside the slot is ever read.
    if (length < 0 || length > MOST_TARGET) return false
    const stop = at + (cut === -1 ? length : this.#before(cut, at, length))
    return stop - at === end - start && this.#bytes.compare(bytes, start, end, at, stop) === 0
  }

  /** The caller's number and name. */
  callerHash(slot: number): number {
    return this.#field(slot, FIELD.callerHash)
  }

  isCaller(slot: number, name: Buffer): boolean {
    const at = slot * SLOT_BYTES + CALLER_AT
    const length = this.#field(slot, FIELD.caller)
    return length === name.length && this.#bytes.compare(name, 0, length, at, at + length) === 0
  }

  callerName(slot: number): string {
    const at = slot * SLOT_BYTES + CALLER_AT
    const length = Math.min(Math.max(this.#field(slot, FIELD.caller), 0), MOST_CALLER)
    return this.#bytes.toString('latin1', at, at + length)
  }

  #before(cut: number, at: number, length: number): number {
    let i = 0
    while (i < length && this.#bytes[at + i] !== cut) i++
    return i
  }

  #field(slot: number, field: number): number {
    return this.#words[(slot * SLOT_BYTES) / Int32Array.BYTES_PER_ELEMENT + field]!
  }

  #isSought(slot: number): boolean {
    const word = (slot * SLOT_BYTES) / Int32Array.BYTES_PER_ELEMENT
    let different = 0
    let set = 0
    for (let i = 0; i < NONCE_WORDS; i++) {
      const kept = Atomics.load(this.#words, word + i)
      different |= kept ^ this.#sought[i]!
      set |= kept
    }
    // All zeros is the nonce of a free slot.
    return different === 0 && set !== 0
  }

  #draw(): void {
    if (this.#drawn === this.#random.length) {
      randomFillSync(this.#random)
      this.#drawn = 0
    }
    this.#drawn += NONCE_WORDS
  }
}

const DIGITS = Buffer.alloc(HANDLE_BYTES)
const DIGIT = Buffer.from('0123456789abcdef')
/** The value of a digit by its byte, -1 for every other byte: handles have no upper-case digits. */
const VALUE = Int8Array.from({ length: 256 }, (_, byte) => DIGIT.indexOf(byte))

function hex(word: number, digits: number, at: number): void {
  for (let i = digits - 1, rest = word; i >= 0; i--, rest >>>= 4) DIGITS[at + i] = DIGIT[rest & 15]!
}

/** The number in this many digits, -1 if one of them is not a digit. */
function number(bytes: Uint8Array, start: number, digits: number): number {
  let value = 0
  let any = 0
  for (let i = 0; i < digits; i++) {
    const digit = VALUE[bytes[start + i]!]!
    any |= digit
    value = (value << 4) | digit
  }
  return any < 0 ? -1 : value
}
