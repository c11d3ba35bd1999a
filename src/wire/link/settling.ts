import type { LinkStream } from './link-stream.ts'

/**
 * Streams that got something in this turn: what they hand on leaves at its end, in one write each, and
 * nothing of a request before all that came with its head has been judged.
 */
export class SettlingStreams {
  #streams: LinkStream[] = []
  #scheduled = false
  readonly #settle = () => {
    const streams = this.#streams
    this.#streams = []
    this.#scheduled = false
    for (const stream of streams) stream.settle()
  }

  /** Something came for it. */
  add(stream: LinkStream): void {
    if (this.#streams.at(-1) !== stream) this.#streams.push(stream)
  }

  /** A read is used up. Streams that are over by now have handed on everything. */
  readEnds(): void {
    const streams = this.#streams
    if (streams.length === 0 || this.#scheduled) return
    if (streams.every((stream) => stream.settled)) streams.length = 0
    else {
      this.#scheduled = true
      setImmediate(this.#settle)
    }
  }
}
