import { createHash } from 'node:crypto'
import { beginsEntry, type ChainPosition, LONGEST_ENTRY_BYTES, readEntry } from './entry.ts'

/** The part of a line that a killed process has left, as recorded by the next start. */
export interface TornLine {
  readonly bytes: number
  readonly sha256: string
}

/** Where a file of the trail ends, and what a writer has to do first. */
export interface TrailEnd {
  /** Of the last whole entry; undefined: there is none. */
  readonly position: ChainPosition | undefined
  readonly torn: TornLine | undefined
  /** The last line has no line feed: one is to be written before anything else. */
  readonly needsLineFeed: boolean
}

/** How much of the end of a file is read: many times the longest entry. */
export const TAIL_BYTES = 16 * LONGEST_ENTRY_BYTES

const LINE_FEED = 0x0a

/**
 * Finds the last complete entry. After it there may be only beginnings of the next one: anything
 * else was not written by a sidecar, and undefined is returned.
 * @param bytes the end of the file, at most TAIL_BYTES
 * @param isWhole false: there is more before it
 */
export function endOfTrail(bytes: Buffer, isWhole: boolean): TrailEnd | undefined {
  const needsLineFeed = bytes.length > 0 && bytes.at(-1) !== LINE_FEED
  const lines = (needsLineFeed ? bytes : bytes.subarray(0, -1)).toString('latin1').split('\n')
  const at = bytes.length === 0 ? -1 : lines.findLastIndex((line) => readEntry(line) !== undefined)
  const entry = at === -1 ? undefined : readEntry(lines[at]!)
  if (entry === undefined) {
    if (bytes.length > 0 && !isWhole) return undefined
  } else if (entry.hash !== entry.computed) return undefined
  const rest = bytes.length === 0 ? [] : lines.slice(at + 1)
  if (!rest.every((line) => beginsEntry(line, (entry?.seq ?? 0) + 1))) return undefined
  return { position: entry && positionOf(entry), torn: tornOf(rest), needsLineFeed }
}

function positionOf({ chain, seq, hash }: ChainPosition): ChainPosition {
  return { chain, seq, hash }
}

function tornOf(lines: readonly string[]): TornLine | undefined {
  if (lines.length === 0) return undefined
  const bytes = Buffer.from(lines.join('\n'), 'latin1')
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
