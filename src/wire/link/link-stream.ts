import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { Batch } from './batch.ts'

/** One exchange as the link sees it. */
export interface LinkStream {
  readonly bufferedBytes: number
  /** Nothing is held back: `settle` has nothing to do. */
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
  /** Everything of one turn has been passed on: it may be written, and credit is returned. */
  settle(): void
  tick(now: number): void
}

/** What a stream needs of the link that it is on. */
export interface StreamLink {
  /** The identity that the other end proved. */
  readonly peer: string
  readonly batch: Batch
  /** The stream's output may be written. */
  flush(id: number): void
  /** The stream is over. */
  drop(id: number): void
}

export interface CallingStreamLink extends StreamLink {
  /** The peer is stopping: it accepts no further exchange. */
  refusesAll(): void
}

/** The keeper of streams without a link, which also counts those with one. */
export interface StreamOwner<S> {
  /** Everything that arrived with the head is there: choose its link. */
  decide(stream: S, whole: boolean): void
  /** The exchange is over, with any outcome. */
  gone(stream: S): void
  /** The peer returned it and accepts no other: it starts again elsewhere. */
  again(stream: S): void
  /** Whether its answer turned out to be large. */
  learn(stream: S, large: boolean): void
}

/** Events of links for the layers above. */
export interface LinkEvents {
  /** @param peer the name of the other side; `detail` says more where there is more to say */
  ended(ending: LinkEnding, peer: string, detail: string): void
  /** The peer does not answer: new exchanges go elsewhere until it does. */
  doubted?(peer: string): void
}

/**
 * Streams that received something in this turn. Their output leaves at its end, in one write each,
 * and nothing of a request is forwarded before everything that came with its head has been judged.
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

  /** A read was processed. Streams that are over by now have passed on everything. */
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
