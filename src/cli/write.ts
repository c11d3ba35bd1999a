import { chmodSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { errorCode, fault } from '../fault.ts'

/**
 * Writes a file atomically: a reader sees the old one or the new one. If anything fails (a full disk), the old
 * one stays and nothing else is left. Throws a Fault.
 *
 * @param mode the umask does not apply
 * @param valid checks the new file before it replaces the old one
 */
export function replaceFile(
  path: string,
  text: string,
  mode: number,
  valid: (scratch: string) => void = () => {},
): void {
  const scratch = `${path}.${process.pid}.tmp`
  let ours = false
  try {
    writeFileSync(scratch, '', { mode, flag: 'wx' })
    ours = true
    writeFileSync(scratch, text)
    chmodSync(scratch, mode)
    valid(scratch)
    renameSync(scratch, path)
    ours = false
  } catch (error) {
    throw notWritten(path, error)
  } finally {
    if (ours) rmSync(scratch, { force: true })
  }
}

/** Writes a file at any path that the user gives (even `/dev/stdout`). Throws a Fault. */
export function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page)
  } catch (error) {
    throw notWritten(file, error)
  }
}

function notWritten(path: string, error: unknown): unknown {
  const code = errorCode(error)
  return code === undefined ? error : fault(`cannot write ${path}: ${code}`)
}

/** The names in a folder; none if there is no folder. Throws a Fault if it cannot be read. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT') return []
    if (code === undefined) throw error
    throw fault(code === 'ENOTDIR' ? `${folder} is a file` : `cannot read ${folder}: ${code}`)
  }
}
