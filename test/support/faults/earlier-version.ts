import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..')
/** The page that first specified the link: all later versions must work with the version of that time. */
const PAGE = 'docs/link.md'

function git(...args: readonly string[]): string {
  return execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' }).trim()
}

function earliest(): string | undefined {
  try {
    if (git('rev-parse', '--is-shallow-repository') !== 'false') return undefined
    return git('log', '--diff-filter=A', '--format=%H', '--', PAGE).split('\n').at(-1) || undefined
  } catch {
    return undefined
  }
}

const COMMIT = earliest()

/** Why there is no earlier version here; undefined: there is one. */
export function whyNoEarlierVersion(): string | undefined {
  return COMMIT === undefined ? 'the history of the repository is not here' : undefined
}

/**
 * The command under which a sidecar is started as the first version that spoke `okapi-sidecar/1`, from the
 * repository's history; its files are put into `directory`.
 */
export function earlierVersion(directory: string): readonly string[] {
  const folder = join(directory, 'earlier')
  mkdirSync(folder)
  const options = { maxBuffer: 2 ** 28 }
  const files = execFileSync(
    'git',
    ['-C', ROOT, 'archive', COMMIT!, 'src', 'package.json'],
    options,
  )
  execFileSync('tar', ['-x', '-C', folder], { input: files })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  // What it is given begins with node and the program of today.
  const script = 'node=$1; shift 2; exec "$node" "$0" "$@"'
  return ['sh', '-c', script, join(folder, 'src', 'main.ts')]
}
