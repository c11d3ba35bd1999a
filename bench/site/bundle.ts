import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const SCRIPT = new URL('../../scripts/bundle.ts', import.meta.url).pathname
const WARM = new URL('../../scripts/warm.js', import.meta.url).pathname

/**
 * Builds what the image holds into `directory`, with V8's compiled code beside it, for this Node and
 * for others.
 */
export async function makeBundle(
  directory: string,
  others: Iterable<string> = [],
): Promise<string> {
  await run(process.execPath, [SCRIPT, '--out', directory])
  await mkdir(join(directory, 'cache'))
  for (const node of [process.execPath, ...others]) {
    await run(node, ['--expose-gc', '--max-semi-space-size=1', WARM, directory])
  }
  return directory
}
