import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { LONGEST_ENTRY_BYTES } from '../../audit/entry.ts'
import { errorCode, fault } from '../../fault.ts'

/** One line without its line feed. */
export interface FileLine {
  readonly bytes: Buffer
  /** From 1. */
  readonly line: number
  /** False if the file ends before the line. */
  readonly whole: boolean
}

const LINE_FEED = 0x0a

/**
 * The lines of a file, `-` for standard input. A line that is longer than any entry is cut.
 * Throws a Fault if the file cannot be read.
 */
export async function* linesOf(file: string): AsyncGenerator<FileLine> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file)
  let [rest, line]: [Buffer, number] = [Buffer.alloc(0), 1]
  const kept = (more: Buffer) => {
    if (rest.length >= LONGEST_ENTRY_BYTES) return rest
    return rest.length === 0 ? more : Buffer.concat([rest, more])
  }
  try {
    for await (const part of source as AsyncIterable<Buffer>) {
      let start = 0
      for (let feed = part.indexOf(LINE_FEED); feed !== -1; feed = part.indexOf(LINE_FEED, start)) {
        yield { bytes: kept(part.subarray(start, feed)), line: line++, whole: true }
        rest = Buffer.alloc(0)
        start = feed + 1
      }
      // A copy, because the stream reuses its memory.
      if (start < part.length) rest = kept(Buffer.from(part.subarray(start)))
    }
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot read it (${code})`, { where: { file } })
  }
  if (rest.length > 0) yield { bytes: rest, line, whole: false }
}
