import type { LinkEnding } from '../../refusal/link-endings.ts'

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
