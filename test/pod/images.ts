import { cpSync, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { must, PLACE, podman, run } from './podman.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const NODE = join(ROOT, 'node_modules/node/bin/node')

/** Without a registry: Debian's own packages, the Node of `npm ci`, and npm as it is here. */
const DEBIAN = 'localhost/okapi-sidecar-test/debian'
const BASE = 'localhost/okapi-sidecar-test/base'
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

async function base(): Promise<void> {
  const context = join(PLACE, 'base')
  mkdirSync(context)
  cpSync(NODE, join(context, 'node'))
  const file = `FROM ${DEBIAN}\nCOPY node /usr/local/bin/node\n`
  writeFileSync(join(context, 'Dockerfile'), file)
  await podman('build', '-q', '--pull-never', '-t', BASE, context)
}

async function builder(): Promise<void> {
  const context = join(PLACE, 'builder')
  mkdirSync(context)
  const npm = realpathSync((await must('sh', '-c', 'command -v npm')).trim())
  cpSync(join(dirname(npm), '..'), join(context, 'npm'), { recursive: true })
  // A machine may have authorities of its own, to which it also wants its packages to lead.
  const { NODE_EXTRA_CA_CERTS: own } = process.env
  const trust = own !== undefined && existsSync(own)
  cpSync(trust ? own : '/dev/null', join(context, 'ca.crt'))
  const lines = [
    `FROM ${BASE}`,
    'COPY npm /usr/local/lib/npm',
    'COPY ca.crt /usr/local/share/ca.crt',
    'RUN ["ln", "-s", "../lib/npm/bin/npm-cli.js", "/usr/local/bin/npm"]',
    ...(trust ? ['ENV NODE_EXTRA_CA_CERTS=/usr/local/share/ca.crt'] : []),
  ]
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
  await podman('build', '-q', '--pull-never', '--network=none', '-t', BUILDER, context)
}

/** Builds the image as anybody would, but for the two bases. */
export async function buildImage(): Promise<void> {
  await debian()
  await base()
  await builder()
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
    '-t',
    IMAGE,
    ROOT,
  )
}
