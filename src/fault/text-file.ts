import { readFileSync } from 'node:fs'
import { errorCode, fault, type Where } from '../fault.ts'

const LINE_FEED = 0x0a

/**
 * The text of a file that a person made. A byte order mark is taken off. Throws a Fault for what is
 * not UTF-8, and the system's own error where the file cannot be read.
 */
export function readText(file: string): string {
  return decodeText(readFileSync(file), file)
}

/** The same of a file that was named on the command line: one that cannot be read is a Fault too. */
export function readNamedText(file: string, hint?: string): string {
  try {
    return readText(file)
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot be read (${code})`, {
      where: { file },
      ...(hint !== undefined && { hint }),
    })
  }
}

/** The same of bytes that were read already; `file` is only the name that the Fault says. */
export function decodeText(bytes: Uint8Array, file: string): string {
  const wide = wideEncoding(bytes)
  if (wide !== undefined) throw notUtf8(`this is ${wide}`, { file })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw notUtf8('this is not UTF-8', { file, ...placeOfFlaw(bytes) })
  }
}

/**
 * What Windows calls "Unicode". Without a byte order mark it is told by a NUL beside the first
 * character, which no text of ours has (RFC 8259 begins with ASCII, RFC 4627 section 3).
 */
export function wideEncoding(bytes: Uint8Array): 'UTF-16' | 'UTF-32' | undefined {
  const [a, b, c, d] = bytes
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'UTF-32' : 'UTF-16'
  if (a === 0xfe && b === 0xff) return 'UTF-16'
  if (a === 0 && b === 0) return 'UTF-32'
  return (a === 0) !== (b === 0) && bytes.length > 1 ? 'UTF-16' : undefined
}

function notUtf8(message: string, where: Where) {
  return fault(message, { where, hint: 'save it as UTF-8; a byte order mark is allowed' })
}

/** Line and column of the first byte that is not UTF-8: every line can be decoded by itself. */
function placeOfFlaw(bytes: Uint8Array): { line: number; column: number } {
  const decoder = new TextDecoder('utf-8')
  let line = 1
  for (let start = 0; ; line++) {
    const feed = bytes.indexOf(LINE_FEED, start)
    const part = bytes.subarray(start, feed === -1 ? bytes.length : feed)
    const column = decoder.decode(part).indexOf('\ufffd') + 1
    if (column > 0 || feed === -1) return { line, column: Math.max(column, 1) }
    start = feed + 1
  }
}
