import type { LinkStream } from './link-stream.ts'

/** Streams that got something in this turn: what they hand on leaves at its end, in one write each. */
export class Settling {
  #streams: LinkStream[] = []
  readonly #settle = () => {
    const streams = this.#streams
    this.#streams = []
    for (const stream of streams) stream.settle()
  }

  add(stream: LinkStream): void {
    if (this.#streams.at(-1) === stream) return
    if (this.#streams.push(stream) === 1) setImmediate(this.#settle)
  }
}
