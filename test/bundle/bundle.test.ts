import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'ava'

const ROOT = join(import.meta.dirname, '..', '..')
const PLACE = mkdtempSync(join(tmpdir(), 'sidecar-bundle-'))
const DIST = join(PLACE, 'dist')
const ID = 'mod-authtoken-2.18.0'

function node(...argv: string[]) {
  const env = { NO_COLOR: '1' }
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, {
    cwd: PLACE,
    encoding: 'utf8',
    env,
  })
  return { status, stdout, stderr }
}

const bundled = (...argv: string[]) => node(join(DIST, 'main.js'), ...argv)

test.before('the bundle, in a place without node_modules, and what a sidecar needs', (t) => {
  const { status, stderr } = node(join(ROOT, 'scripts/bundle.ts'), '--out', DIST)
  t.is(status, 0, stderr)
  cpSync(join(ROOT, 'test/fixtures/descriptors'), join(PLACE, 'descriptors'), { recursive: true })
  const settings = {
    module: ID,
    trustDomain: 'folio.test',
    credentials: { directory: `certs-dev/${ID}` },
    ingress: { listen: '127.0.0.1:0' },
    egress: { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' },
    policy: { descriptors: 'descriptors', knownGrants: ['mod-authtoken'] },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
  }
  writeFileSync(join(PLACE, 'sidecar.yaml'), JSON.stringify(settings), { mode: 0o600 })
})

test.after.always('nothing is left behind', () => {
  rmSync(PLACE, { recursive: true, force: true })
})

test.serial('the bundle prints its version and verbs, and refuses wrong usage', (t) => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  t.is(bundled('--version').stdout, `${version}\n`)
  t.is(bundled().status, 2)
  const wrong = bundled('rum')
  t.is(wrong.status, 2)
  t.true(wrong.stderr.startsWith('okapi-sidecar: error: there is no verb `rum`'), wrong.stderr)
  const { stdout } = bundled('help')
  for (const [, verb = ''] of stdout.matchAll(/^ {4}([a-z]+) {2,}/gm)) {
    const { status, stdout: text } = bundled('help', verb)
    t.is(status, 0, verb)
    t.true(text.includes(`okapi-sidecar ${verb}`), verb)
  }
})

test.serial(
  'the bundle makes certificates, finds the shipped grants and explains the policy',
  (t) => {
    t.is(bundled('certs', 'init', '--trust-domain', 'folio.test').status, 0)
    t.is(bundled('certs', 'issue', ID, '--ip', '127.0.0.1').status, 0)
    const checked = bundled('check')
    t.is(checked.status, 0, checked.stderr)
    const question = ['policy', 'explain', '-c', 'sidecar.yaml', '--caller', ID, '--at', 'okapi']
    const known = bundled(...question, '--method', 'GET', '--path', '/user-tenants', '--json')
    // No installed module provides it here; what is asked is whether the shipped file was read.
    t.not(known.status, 2, known.stderr)
    const pack = bundled('policy', 'pack', 'descriptors', '-o', 'installed.json')
    t.is(pack.status, 0, pack.stderr)
  },
)

/** Writes which of Node's own modules a process has loaded when it ends. */
const WITNESS = `process.on('exit', () =>
  process.getBuiltinModule('fs').writeFileSync('loaded.txt', process.moduleLoadList.join('\\n')))`

test.serial('the bundle runs until it is told to stop', async (t) => {
  const child = spawn(process.execPath, [join(DIST, 'main.js'), 'run'], {
    cwd: PLACE,
    env: { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(WITNESS)}"` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: { msg: string; listening?: { admin: string } }[] = []
  const ended = new Promise((resolve) => {
    child.on('close', (code) => resolve(code))
  })
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(JSON.parse(line))
    const { msg, listening } = said.at(-1)!
    if (msg !== 'ready') continue
    const { status } = await fetch(`http://${listening?.admin}/ready`)
    t.is(status, 200)
    child.kill('SIGTERM')
  }
  t.is(await ended, 0)
  t.true(said.some(({ msg }) => msg === 'stopped'))
  const loaded = readFileSync(join(PLACE, 'loaded.txt'), 'utf8').split('\n')
  t.true(loaded.includes('NativeModule tls'))
  // Each would cost every sidecar memory and time at its start.
  for (const name of ['https', 'http2', 'zlib', 'assert', 'repl']) {
    t.false(loaded.includes(`NativeModule ${name}`), name)
  }
  t.false(loaded.includes('NativeModule internal/deps/undici/undici'))
})

test.serial('a page has its script in it', (t) => {
  const page = join(PLACE, 'matrix.html')
  const { status, stderr } = bundled(
    'policy',
    'matrix',
    '--descriptors',
    'descriptors',
    '--html',
    page,
  )
  t.is(status, 0, stderr)
  const script = readFileSync(join(ROOT, 'src/html/browser/matrix-grid.js'), 'utf8')
  t.true(readFileSync(page, 'utf8').includes(`<script>${script}</script>`))
})

/** The files that a verb begins with, and their text. */
function readBy(verb: string): Map<string, string> {
  const chunks = join(DIST, 'src/chunks')
  const begin = readdirSync(chunks).find((name) => new RegExp(`^${verb}-.*\\.js$`).test(name))
  const read = new Map<string, string>()
  const follow = (name: string) => {
    if (read.has(name)) return
    const code = readFileSync(join(chunks, name), 'utf8')
    read.set(name, code)
    for (const [, next = ''] of code.matchAll(/^(?:import|\} from) ?"?.*"\.\/([^"]+)";$/gm))
      follow(next)
  }
  follow(begin!)
  return read
}

test.serial('run stands in a few files: to find each costs memory and time at every start', (t) => {
  const files = readBy('run').size
  t.true(files > 1 && files <= 20, String(files))
  const health = [...readBy('health').values()].join('\n')
  t.true(health.includes('// src/cli/health.ts'))
  t.false(health.includes('// src/sidecar.ts'))
})

test.serial('run reads neither the probe nor what makes certificates', (t) => {
  const read = readBy('run')
  const code = [...read.values()].join('\n')
  t.true(code.includes('// src/sidecar.ts'))
  t.true(code.includes('// src/refusal/reasons.ts'), 'imports were followed')
  for (const room of [
    'src/analysis/',
    'src/pki/',
    'src/probe/',
    'src/demo/',
    'src/postgres/',
    'node_modules/node-forge/',
  ]) {
    t.false(code.includes(`// ${room}`), room)
  }
})

test.serial('every library in it comes with its licence', (t) => {
  const licences = readdirSync(join(DIST, 'licenses'))
  for (const name of ['pino.txt', 'zod.txt', 'yaml.txt', 'undici.txt', 'node-forge.txt']) {
    t.true(licences.includes(name), name)
  }
})
