import { readFileSync } from 'node:fs'
import { errorCode, fault } from '../fault.ts'

/** What `--token-file` holds, for X-Okapi-Token; undefined without one. Throws a Fault. */
export function tokenIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    const token = readFileSync(file, 'utf8').trim()
    if (/^[!-~]+$/.test(token)) return token
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot be read (${code})`, { where: { file } })
  }
  throw fault('holds no token', { where: { file } })
}
