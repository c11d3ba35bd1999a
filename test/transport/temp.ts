import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const base = mkdtempSync(join(tmpdir(), 'transport-'))
process.on('exit', () => rmSync(base, { recursive: true, force: true }))

/** A folder of its own, gone when the process ends. */
export function tempFolder(): string {
  return mkdtempSync(join(base, 'folder-'))
}
