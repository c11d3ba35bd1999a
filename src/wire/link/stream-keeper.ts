import type { CallingStream } from './calling-stream.ts'

/** Who keeps the streams that have no link yet, and counts those that have. */
export interface StreamOwner<N> {
  /** All that came with the head is there: which link is it for? */
  decide(stream: CallingStream<N>, whole: boolean): void
  /** The exchange is over, whatever became of it. */
  gone(stream: CallingStream<N>): void
  /** The peer gave it back, and will take no other: it begins again elsewhere. */
  again(stream: CallingStream<N>): void
  /** Its answer turned out to be a large one, or not. */
  learn(stream: CallingStream<N>, large: boolean): void
}
