import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { Batch } from './batch.ts'

/** One exchange as the link sees it. */
export interface LinkStream {
  readonly bufferedBytes: number
  /** Nothing that came is kept back: `settle` has nothing to do. */
  readonly settled: boolean
  /** A DATA frame of this length begins. */
  dataBegins(length: number): LinkEnding | null
  data(bytes: Buffer, start: number, end: number): LinkEnding | null
  /** The peer's half is over. */
  ended(): LinkEnding | null
  /** False when it is more than the window holds. */
  granted(bytes: number): boolean
  /** The peer gave it up. */
  reset(why: number): void
  /** The link is gone. */
  lost(): void
  /** What came within one turn has been handed on: it may leave, and credit goes back. */
  settle(): void
  tick(now: number): void
}

/** What a stream needs of the link that it is on. */
export interface StreamLink {
  /** The identity that the other end proved. */
  readonly peer: string
  readonly batch: Batch
  /** What the stream has written may leave. */
  flush(id: number): void
  /** The stream is over. */
  drop(id: number): void
}

export interface CallingStreamLink extends StreamLink {
  /** The peer stops: it takes no further exchange. */
  refusesAll(): void
}

/** Who keeps the streams that have no link yet, and counts those that have. */
export interface StreamOwner<S> {
  /** All that came with the head is there: which link is it for? */
  decide(stream: S, whole: boolean): void
  /** The exchange is over, whatever became of it. */
  gone(stream: S): void
  /** The peer gave it back, and will take no other: it begins again elsewhere. */
  again(stream: S): void
  /** Its answer turned out to be a large one, or not. */
  learn(stream: S, large: boolean): void
}

/** What the rooms above want to know of links. */
export interface LinkEvents {
  /** @param peer the name of the other side; `detail` says more where there is more to say */
  ended(ending: LinkEnding, peer: string, detail: string): void
  /** The peer does not answer: what comes next goes elsewhere, until it does. */
  doubted?(peer: string): void
}

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
    for (let i = 0; i < streams.length; i++) streams[i]!.settle()
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
