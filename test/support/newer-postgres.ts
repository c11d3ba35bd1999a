import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mavenJars } from './maven.ts'
import type { Ending } from './postgres.ts'

/** PostgreSQL 18 from Maven Central: initdb and postgres, and libpq for Debian's psql. */
export interface NewerPostgres {
  readonly programs: string
  /** For LD_LIBRARY_PATH. */
  readonly libraries: string
}

/** Unpacks it; returns the reason where it cannot be downloaded. */
export async function newerPostgres(t: Ending): Promise<NewerPostgres | { missing: string }> {
  const found = await mavenJars()
  if ('missing' in found) return found
  const directory = mkdtempSync(join(tmpdir(), 'pg-18-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  chmodSync(directory, 0o755)
  const jar = readdirSync(found.jars).find((name) => name.startsWith('embedded-postgres-binaries'))
  try {
    execFileSync('unzip', ['-q', join(found.jars, jar ?? ''), '*.txz', '-d', directory])
    const packed = readdirSync(directory).find((name) => name.endsWith('.txz')) ?? ''
    const root = join(directory, 'root')
    mkdirSync(root)
    execFileSync('tar', ['-xJf', join(directory, packed), '-C', root, '--no-same-owner'])
    execFileSync('chmod', ['-R', 'a+rX', root])
    execFileSync(join(root, 'bin/postgres'), ['--version'])
    return { programs: join(root, 'bin'), libraries: join(root, 'lib') }
  } catch (error) {
    return { missing: `PostgreSQL 18 cannot be unpacked or run: ${(error as Error).message}` }
  }
}
