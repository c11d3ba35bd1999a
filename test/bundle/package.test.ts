import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'ava'

const ROOT = join(import.meta.dirname, '..', '..')
const PLACE = mkdtempSync(join(tmpdir(), 'sidecar-package-'))
const ID = 'mod-authtoken-2.18.0'

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string; readonly mode: number }[]
}

let packed: Packed

function run(command: string, args: readonly string[], cwd = PLACE) {
  // The Node that the project brings, where the one in PATH may be older.
  const { PATH = '' } = process.env
  const path = `${dirname(process.execPath)}:${PATH}`
  const env = { ...process.env, PATH: path, NO_COLOR: '1' }
  return spawnSync(command, args, { cwd, encoding: 'utf8', env })
}

const installed = (...args: readonly string[]) =>
  run(join(PLACE, 'node_modules/.bin/okapi-sidecar'), args)

test.before('npm pack, and what it made is installed in an empty folder', (t) => {
  const pack = run('npm', ['pack', '--json', '--pack-destination', PLACE], ROOT)
  t.is(pack.status, 0, pack.stderr)
  // What the bundle says of itself stands before the JSON.
  packed = JSON.parse(pack.stdout.slice(pack.stdout.search(/^\[/m)))[0]
  const tarball = join(PLACE, packed.filename)
  const install = run('npm', ['install', '--offline', '--no-save', tarball])
  if (install.status === 0) return
  t.log('npm has not all dependencies in its cache: the tarball is unpacked instead')
  const unpacked = join(PLACE, 'node_modules/okapi-sidecar')
  mkdirSync(join(PLACE, 'node_modules/.bin'), { recursive: true })
  mkdirSync(unpacked, { recursive: true })
  const tar = run('tar', ['-xzf', tarball, '-C', unpacked, '--strip-components=1'])
  t.is(tar.status, 0, tar.stderr)
  symlinkSync('../okapi-sidecar/bin/okapi-sidecar', join(PLACE, 'node_modules/.bin/okapi-sidecar'))
})

test.after.always('nothing is left behind', () => {
  rmSync(PLACE, { recursive: true, force: true })
})

test.serial('the package holds what users need, and nothing that only developers need', (t) => {
  const paths = packed.files.map(({ path }) => path)
  for (const needed of [
    'bin/okapi-sidecar',
    'dist/main.js',
    'dist/src/main.js',
    'dist/grants/kafka.yaml',
    'dist/grants/known.yaml',
    'dist/sidecar.schema.json',
    'dist/licenses/undici.txt',
    'openssl.cnf',
    'examples/okapi.yaml',
    'docs/limits.md',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
  ]) {
    t.true(paths.includes(needed), needed)
  }
  const odd = paths.filter((path) => /^(src|test|bench|scripts|fuzz|soak|helm)\/|\.key$/.test(path))
  t.deepEqual(odd, [])
  t.is(packed.files.find(({ path }) => path === 'bin/okapi-sidecar')?.mode, 0o755)
})

test.serial('the installed program starts: version, certificates, check', (t) => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  t.is(installed('--version').stdout, `${version}\n`)
  t.is(installed('certs', 'init', '--dir', 'ca', '--trust-domain', 'folio.test').status, 0)
  t.is(installed('certs', 'issue', ID, '--dir', 'ca').status, 0)
  cpSync(join(ROOT, 'test/fixtures/descriptors'), join(PLACE, 'descriptors'), { recursive: true })
  const settings = {
    module: ID,
    trustDomain: 'folio.test',
    credentials: { directory: `ca/${ID}` },
    ingress: { listen: '127.0.0.1:0' },
    egress: { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' },
    policy: { descriptors: 'descriptors', knownGrants: ['mod-authtoken'] },
  }
  writeFileSync(join(PLACE, 'sidecar.yaml'), JSON.stringify(settings), { mode: 0o600 })
  const check = installed('check')
  t.is(check.status, 0, check.stderr)
  t.regex(check.stdout, /^policy .*enforce/m)
})

const OLD = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  const { stdout } = existsSync(path) ? run(path, ['--version']) : { stdout: '' }
  return /^v(1\d|2[0-3])\./.test(stdout)
})
const withOldNode = OLD === undefined ? test.serial.skip : test.serial

withOldNode('an older Node is told what is needed', (t) => {
  const main = join(PLACE, 'node_modules/okapi-sidecar/dist/main.js')
  const { status, stderr } = run(OLD!, [main, 'check'])
  t.is(status, 2)
  t.regex(stderr, /^okapi-sidecar: error: Node 24 or newer is needed, this is \d+/)
})
