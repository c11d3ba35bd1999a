/** `{name}`: one or more bytes up to the next `/`, greedy. */
export const PARAM = 1
/** `*`: any bytes, none and slashes included. */
export const STAR = 2

/** A piece of a pattern: literal bytes, PARAM or STAR. */
export type Part = Uint8Array | typeof PARAM | typeof STAR

/** Counts the bytes a match looked at, so that a test can bound them. */
export interface Meter {
  visited: number
}
