import { createHash } from 'node:crypto'
import {
  type AuditEntry,
  type ChainPosition,
  chained,
  entryText,
  NO_HASH,
} from '../../src/audit/entry.ts'

export const CHAIN = 'c0ffee00'.repeat(4)

/** Where a chain begins. */
export const BEGINNING: ChainPosition = { chain: CHAIN, seq: 0, hash: NO_HASH }

/** The lines of these entries behind a place, without their line feeds. */
export function linesOf(entries: readonly AuditEntry[], from = BEGINNING): string[] {
  let place = from
  return entries.map((entry, i) => {
    const text = `"module":"mod-x-1.0.0","host":"pod-1",${entryText(entry)}`
    const made = chained(place, Date.UTC(2027, 0, 1, 0, 0, i), text)
    place = made.position
    return made.line.slice(0, -1)
  })
}

/** Where the chain stands behind a line. */
export function placeOf(line: string): ChainPosition {
  const { chain, seq, hash } = JSON.parse(line)
  return { chain, seq, hash }
}

/** The hash of a line, found as docs/audit.md says it. */
export function hashOf(line: string): string {
  const hashed = line.slice(0, line.lastIndexOf(',"hash":"'))
  return createHash('sha256').update(hashed).digest('hex')
}

/** The line with a hash that fits its present content. */
export function hashedAnew(line: string): string {
  return line.replace(/"hash":"[0-9a-f]{64}"\}$/, `"hash":"${hashOf(line)}"}`)
}
