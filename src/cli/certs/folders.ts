import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { errorCode, fault } from '../../fault.ts'
import { exists } from '../../pki/state.ts'

const DEEPEST = 2

/**
 * The credentials directories in a place: itself, `DIR/mod-users-19.7.0`, `DIR/operator/anna`. Throws
 * a Fault when there is none.
 */
export async function credentialDirectories(top: string): Promise<readonly string[]> {
  if (await exists(join(top, 'tls.crt'))) return [top]
  const found = await below(top, DEEPEST)
  if (found.length > 0) return found.toSorted()
  throw fault(`there is no tls.crt in ${top}, nor in a directory in it`, {
    hint: 'give the directory of a CA or of credentials, or host:port',
  })
}

async function below(directory: string, depth: number): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error) => {
    throw fault(`cannot read ${directory} (${errorCode(error) ?? String(error)})`)
  })
  const found: string[] = []
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue
    const path = join(directory, entry.name)
    if (await exists(join(path, 'tls.crt'))) found.push(path)
    else if (depth > 1) found.push(...(await below(path, depth - 1)))
  }
  return found
}

/** What a directory is called in a table where its certificate has no URI. */
export function folderName(top: string, directory: string): string {
  return relative(top, directory) || directory
}
