import { isUtf8 } from 'node:buffer'

/** Not a valid message of the protocol; the sentence says why. The connection must end. */
export class KafkaFlaw extends Error {
  override readonly name = 'KafkaFlaw'
}

/**
 * The maximum length of a text in bytes, compact or not: brokers accept no longer one
 * (Short.MAX_VALUE).
 */
const LONGEST_TEXT = 32_767

/** Elements of arrays in one message: each is an object of this process. */
const MOST_ENTRIES = 100_000

/**
 * Reads the primitive types of Kafka's protocol (protocol guide, "Protocol Primitive Types").
 * Everything is bounds-checked; lengths below -1, varints with unnecessary bytes and texts that are
 * not UTF-8 are errors.
 */
export class WireReader {
  readonly bytes: Buffer
  at: number
  readonly end: number
  /** Are unknown tagged fields allowed? They are left out then. */
  readonly dropsTags: boolean
  /** Was one left out? Then the value does not match the bytes. */
  dropped = false
  #entries = 0

  constructor(bytes: Buffer, from: number, { dropsTags = false } = {}) {
    this.bytes = bytes
    this.at = from
    this.end = bytes.length
    this.dropsTags = dropsTags
  }

  int8(): number {
    return this.bytes.readInt8(this.take(1))
  }

  bool(): boolean {
    const value = this.int8()
    if (value !== 0 && value !== 1) throw new KafkaFlaw(`a boolean is ${value}`)
    return value === 1
  }

  int16(): number {
    return this.bytes.readInt16BE(this.take(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.take(4))
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.take(8))
  }

  /** Unsigned, of 32 bits. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.bytes[this.take(1)]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (value > 0xffffffff) break
        if (byte === 0 && shift > 0) throw new KafkaFlaw('a varint has needless bytes')
        return value
      }
    }
    throw new KafkaFlaw('a varint has more than 32 bits')
  }

  /** Length of a text, or -1 for null. */
  textLength(compact: boolean): number {
    const length = compact ? this.varint() - 1 : this.#notBelowNull(this.int16())
    if (length > LONGEST_TEXT) throw new KafkaFlaw(`a text has ${length} bytes`)
    return length
  }

  /** Length of bytes, or how many elements; -1 for null. */
  length(compact: boolean): number {
    return compact ? this.varint() - 1 : this.#notBelowNull(this.int32())
  }

  /** How many elements follow, each at least a byte; -1 for null. */
  count(compact: boolean, isKept: boolean): number {
    const count = this.length(compact)
    if (count > this.end - this.at) throw new KafkaFlaw('an array is longer than its message')
    if (isKept && count > 0) this.#entries += count
    if (this.#entries > MOST_ENTRIES) {
      throw new KafkaFlaw(`a message has more than ${MOST_ENTRIES} elements`)
    }
    return count
  }

  text(length: number): string {
    const from = this.take(length)
    const text = this.bytes.toString('utf8', from, this.at)
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(from, this.at))) {
      throw new KafkaFlaw('a text is not UTF-8')
    }
    return text
  }

  /** A view, no copy. */
  slice(length: number): Buffer {
    const from = this.take(length)
    return this.bytes.subarray(from, this.at)
  }

  /** Goes on by so many bytes; returns where they begin. */
  take(count: number): number {
    const from = this.at
    if (count > this.end - from) throw new KafkaFlaw('a message ends too early')
    this.at = from + count
    return from
  }

  /** All was read. */
  done(): void {
    if (this.at !== this.end) throw new KafkaFlaw(`${this.end - this.at} bytes are left over`)
  }

  #notBelowNull(length: number): number {
    if (length < -1) throw new KafkaFlaw(`a length is ${length}`)
    return length
  }
}
