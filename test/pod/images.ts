import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { missing, must, PLACE, podman, run } from './podman.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const NODE = join(ROOT, 'node_modules/node/bin/node')

/** Without a registry: Debian's own packages, the Node of `npm ci`, and npm as it is here. */
const DEBIAN = 'localhost/okapi-sidecar-test/debian'
const BARE = 'localhost/okapi-sidecar-test/bare'
/** What the distroless base has, and as little: Node, the C and C++ libraries, no shell. */
export const BASE = 'localhost/okapi-sidecar-test/base'
const BUILDER = 'localhost/okapi-sidecar-test/builder'
/** The product, built by its own Dockerfile. */
export const IMAGE = 'localhost/okapi-sidecar:pod-test'

async function exists(image: string): Promise<boolean> {
  return (await run('podman', ['image', 'exists', image])).code === 0
}

/** Kept from run to run: nothing of the project is in it. */
async function debian(): Promise<void> {
  if (await exists(DEBIAN)) return
  const tar = join(PLACE, 'debian.tar')
  await must('mmdebstrap', '--variant=minbase', '--include=ca-certificates', 'bookworm', tar)
  await podman('import', '-q', tar, DEBIAN)
}

/** Libraries and nothing that could be started. */
async function bare(): Promise<void> {
  if (await exists(BARE)) return
  const tar = join(PLACE, 'bare.tar')
  await must(
    'mmdebstrap',
    '--variant=extract',
    '--include=libc6,libstdc++6',
    '--customize-hook=mkdir -m 1777 -p "$1/tmp"',
    'bookworm',
    tar,
  )
  await podman('import', '-q', tar, BARE)
}

async function base(): Promise<void> {
  const context = join(PLACE, 'base')
  mkdirSync(context, { recursive: true })
  cpSync(NODE, join(context, 'node'))
  writeFileSync(join(context, 'Dockerfile'), `FROM ${BARE}\nCOPY node /nodejs/bin/node\n`)
  await podman('build', '-q', '--pull-never', '-t', BASE, context)
}

async function builder(): Promise<void> {
  const context = join(PLACE, 'builder')
  mkdirSync(context, { recursive: true })
  const npm = realpathSync((await must('sh', '-c', 'command -v npm')).trim())
  cpSync(join(dirname(npm), '..'), join(context, 'npm'), { recursive: true })
  cpSync(NODE, join(context, 'node'))
  // A machine may have authorities of its own, to which it also wants its packages to lead.
  const { NODE_EXTRA_CA_CERTS: own } = process.env
  const trust = own !== undefined && existsSync(own)
  writeFileSync(join(context, 'ca.crt'), trust ? readFileSync(own) : '')
  const lines = [
    `FROM ${DEBIAN}`,
    'COPY node /usr/local/bin/node',
    'COPY npm /usr/local/lib/npm',
    'COPY ca.crt /usr/local/share/ca.crt',
    'RUN ["ln", "-s", "../lib/npm/bin/npm-cli.js", "/usr/local/bin/npm"]',
    ...(trust ? ['ENV NODE_EXTRA_CA_CERTS=/usr/local/share/ca.crt'] : []),
  ]
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
  await podman('build', '-q', '--pull-never', '--network=none', '-t', BUILDER, context)
}

/**
 * Why there can be no pods here; undefined where there can. Nothing of the project has its part in it: a
 * container of libraries, with the machine's own Node.
 */
export async function whyNoPods(): Promise<string | undefined> {
  const why = missing('podman', 'runc', 'helm', 'nft', 'nsenter', 'mmdebstrap')
  if (why !== undefined) return why
  try {
    await bare()
    const flags = ['--rm', '--pull=never', '--network=none', '-v', `${NODE}:/node:ro`]
    await podman('run', ...flags, BARE, '/node', '-e', '0')
    return undefined
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return `not on this machine: ${text.trim().split('\n').at(-1)}`
  }
}

/** Builds the image as anybody would, but for the two bases. */
export async function buildImage(): Promise<void> {
  await debian()
  await bare()
  await base()
  await builder()
  await build(IMAGE)
}

/** Builds without compiled code; `anew` keeps nothing from another build, not even the packages. */
export async function buildPlain(tag: string, how: 'again' | 'anew'): Promise<void> {
  const more = how === 'anew' ? ['--no-cache'] : []
  await build(tag, ...more, '--build-arg', 'COMPILED=no')
}

async function build(tag: string, ...more: readonly string[]): Promise<void> {
  const args = ['--build-arg', `BUILDER=${BUILDER}`, '--build-arg', `BASE=${BASE}`]
  await podman(
    'build',
    '-q',
    '--pull-never',
    '--format',
    'docker',
    '--network=host',
    '--timestamp',
    '0',
    ...args,
    ...more,
    '-t',
    tag,
    ROOT,
  )
}
