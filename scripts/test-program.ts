// The program as the image has it, bundled once for all tests of the same sources: a process that
// starts from a bundle costs a third of one that has 300 TypeScript files to read.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CACHE = join(ROOT, 'node_modules/.cache/program')
const DAY_MS = 24 * 60 * 60 * 1000

/** Everything that a bundle is made of. */
const SOURCES = ['src', 'grants', 'scripts/bundle.ts', 'scripts/test-program.ts']
const FILES = ['package.json', 'package-lock.json', 'sidecar.schema.json', 'openssl.cnf', 'LICENSE']

/**
 * What tests start: the bundle of exactly these sources, else `src/main.ts`. From sources also with
 * FROM_SOURCES=1, for stack traces with the lines of the sources, and where coverage is measured.
 */
export function programToTest(): string {
  const { FROM_SOURCES, NODE_V8_COVERAGE } = process.env
  const bundle = join(CACHE, contents(), 'main.js')
  const wanted = FROM_SOURCES === undefined && NODE_V8_COVERAGE === undefined
  return wanted && existsSync(bundle) ? bundle : join(ROOT, 'src/main.ts')
}

function contents(): string {
  const hash = createHash('sha256').update(process.version)
  const files = SOURCES.flatMap((path) => (path.endsWith('.ts') ? [path] : under(path)))
  for (const path of [...files, ...FILES].sort()) {
    hash.update(`\0${path}\0`).update(readFileSync(join(ROOT, path)))
  }
  return hash.digest('hex').slice(0, 32)
}

function under(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(ROOT.length))
}

/** Several runs at once each build their own, and the first one stays. */
function build(): void {
  const to = join(CACHE, contents())
  if (existsSync(to)) return
  const making = `${to}.${process.pid}`
  mkdirSync(CACHE, { recursive: true })
  forgetOld()
  execFileSync(process.execPath, [join(ROOT, 'scripts/bundle.ts'), '--out', making], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  // The launcher keeps compiled code there.
  mkdirSync(join(making, 'cache'))
  try {
    renameSync(making, to)
  } catch {
    rmSync(making, { recursive: true })
  }
}

/** Younger ones may belong to a run that is under way. */
function forgetOld(): void {
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name)
    if (Date.now() - statSync(path).mtimeMs > DAY_MS) rmSync(path, { recursive: true, force: true })
  }
}

if (import.meta.main) build()
