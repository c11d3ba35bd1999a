import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Outcome, typed } from '../support/typed.ts'

/** Runs a program to its end; -1 where it could not be run at all. */
export function execute(
  file: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, NO_COLOR: '1', COLUMNS: '80', ...env } }
    execFile(file, [...argv], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr })
    })
  })
}

/** Types `okapi-sidecar certs …`. */
export function certs(...argv: string[]): Promise<Outcome> {
  return typed(['certs', ...argv], { env: { COLUMNS: '80' } })
}

/** The real openssl: the judge of everything that is made here. */
export function openssl(...argv: string[]): Promise<Outcome> {
  return execute('openssl', argv)
}

interface Context {
  teardown(done: () => Promise<void>): void
}

/** A directory for one test. */
export async function place(t: Context): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'certs-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** The permission bits in octal: `600`. */
export async function mode(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8)
}

/** Every path below a directory: what a failing run must leave as it was. */
export async function everything(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).toSorted()
}

/** What makes a short life of Java's cheap: no second compiler, no threads that collect. */
const SHORT_LIVED = ['-J-XX:TieredStopAtLevel=1', '-J-XX:+UseSerialGC']

/** Java's own keytool: what a module's JVM makes of our stores. */
export function keytool(...argv: string[]): Promise<Outcome> {
  return execute('keytool', [...SHORT_LIVED, ...argv])
}

/** Whether Java's keytool is there; says so loudly, once a file, where it is not. */
export async function hasKeytool(log: (line: string) => void): Promise<boolean> {
  const { code } = await keytool('-help')
  if (code === 0) return true
  log('skipped: keytool is not here, so nothing is shown about Java')
  return false
}
