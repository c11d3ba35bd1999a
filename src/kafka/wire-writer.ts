const FIRST_BYTES = 512
/** From this size on bytes are passed on without a copy. */
const OF_THEIR_OWN = 4096

/** Writes the primitive types of Kafka's protocol, as one frame: its length comes first. */
export class WireWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #from = 0
  #at = 4
  readonly #done: Buffer[] = []
  #doneBytes = 0

  int8(value: number): void {
    this.#at = this.#room(1).writeInt8(value, this.#at)
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int16(value: number): void {
    this.#at = this.#room(2).writeInt16BE(value, this.#at)
  }

  int32(value: number): void {
    this.#at = this.#room(4).writeInt32BE(value, this.#at)
  }

  int64(value: bigint): void {
    this.#at = this.#room(8).writeBigInt64BE(value, this.#at)
  }

  varint(value: number): void {
    const buffer = this.#room(5)
    let left = value
    while (left >= 0x80) {
      buffer[this.#at++] = (left % 0x80) | 0x80
      left = Math.floor(left / 0x80)
    }
    buffer[this.#at++] = left
  }

  /** Length of a text; -1 for null. */
  textLength(length: number, compact: boolean): void {
    if (compact) this.varint(length + 1)
    else this.int16(length)
  }

  /** Length of bytes, or how many elements; -1 for null. */
  length(length: number, compact: boolean): void {
    if (compact) this.varint(length + 1)
    else this.int32(length)
  }

  text(value: string): void {
    const length = Buffer.byteLength(value)
    this.#at += this.#room(length).write(value, this.#at)
  }

  slice(bytes: Buffer): void {
    if (bytes.length < OF_THEIR_OWN) {
      this.#at += bytes.copy(this.#room(bytes.length), this.#at)
      return
    }
    this.#finish()
    this.#push(bytes)
  }

  /** How many bytes were written, the length in front not counted. */
  get size(): number {
    return this.#doneBytes + this.#at - this.#from - 4
  }

  /** The frame, in pieces; `more`: how many bytes of it follow from elsewhere. */
  frame(more = 0): Buffer[] {
    const size = this.size + more
    this.#finish()
    this.#done[0]!.writeInt32BE(size, 0)
    return this.#done
  }

  #room(bytes: number): Buffer {
    if (this.#at + bytes > this.#buffer.length) {
      const written = this.#buffer.subarray(this.#from, this.#at)
      const next = Buffer.allocUnsafe(Math.max(2 * (written.length + bytes), FIRST_BYTES))
      this.#at = written.copy(next)
      this.#from = 0
      this.#buffer = next
    }
    return this.#buffer
  }

  #finish(): void {
    if (this.#at === this.#from) return
    this.#push(this.#buffer.subarray(this.#from, this.#at))
    this.#from = this.#at
  }

  #push(bytes: Buffer): void {
    this.#done.push(bytes)
    this.#doneBytes += bytes.length
  }
}
