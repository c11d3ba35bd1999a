import { readText } from '../fault/text-file.ts'
import { errorCode, fault } from '../fault.ts'

/** What `--token-file` holds, for X-Okapi-Token; undefined without one. Throws a Fault. */
export function tokenIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  const where = { file }
  const token = read(file).trim()
  if (/^[!-~]+$/.test(token)) return token
  if (token === '') throw fault('the file is empty: it must hold one token', { where })
  throw fault('the file must hold one token and nothing else', {
    where,
    hint: 'a token has no white space and no characters outside ASCII',
  })
}

function read(file: string): string {
  try {
    return readText(file)
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot be read (${code})`, { where: { file } })
  }
}
