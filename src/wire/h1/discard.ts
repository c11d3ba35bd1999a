import type { Body } from './body.ts'
import type { SpanSink } from './chunks.ts'

const NOWHERE: SpanSink = { span: () => {} }
/** So much of a refused request's body is read so that the connection can be used on. */
const MOST_BYTES = 262_144

/** Reads the body of a refused request and throws it away. */
export class Discard {
  active = false
  #bytes = 0

  begin(): void {
    this.active = true
    this.#bytes = 0
  }

  end(): void {
    this.active = false
  }

  /** @returns the position behind what belongs to the body, or -1: it is broken, or too much */
  take(body: Body, bytes: Buffer, i: number): number {
    const next = body.take(bytes, i, bytes.length, NOWHERE)
    if (next === -1) return -1
    this.#bytes += next - i
    if (body.done) this.active = false
    return this.#bytes > MOST_BYTES ? -1 : next
  }
}
