import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const POM = fileURLToPath(new URL('../fixtures/java-clients/pom.xml', import.meta.url))
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/java-clients/', import.meta.url))
const PATIENCE_MS = 90_000

/**
 * A folder with the jars of test/fixtures/java-clients/pom.xml, from Maven Central or from the last time; why not, where
 * there is no Maven or no way to it.
 */
export async function mavenJars(): Promise<{ jars: string } | { missing: string }> {
  const name = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 16)
  const jars = join(CACHE, name)
  if (existsSync(jars)) return { jars }
  mkdirSync(CACHE, { recursive: true })
  const out = mkdtempSync(join(CACHE, 'new-'))
  try {
    const args = ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${out}`]
    await run('mvn', args, { timeout: PATIENCE_MS })
    // Another test may have been first.
    if (!existsSync(jars)) renameSync(out, jars)
    return { jars }
  } catch (error) {
    const said = String((error as { stdout?: string }).stdout ?? '')
    const line = /^\[ERROR\].*$/m.exec(said)?.[0] ?? (error as Error).message.split('\n')[0]
    return { missing: `mvn gives no jars: ${line}` }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}
