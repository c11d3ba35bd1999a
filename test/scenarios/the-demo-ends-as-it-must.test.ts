import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { until } from '../support/patience.ts'
import { POSTGRES_BIN, withPostgres } from '../support/postgres.ts'
import { MAIN } from '../support/program.ts'

/** Its own temporary folder, so that what is left behind is seen. */
function run(...args: string[]) {
  const temporary = mkdtempSync(join(tmpdir(), 'demo-scenario-'))
  // PostgreSQL runs as a user of its own where the demo runs as root.
  chmodSync(temporary, 0o755)
  const child = spawn(process.execPath, [MAIN, 'demo', ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const left = () => readdirSync(temporary)
  const clean = () => rmSync(temporary, { recursive: true, force: true })
  return { child, left, clean, output: text(child.stdout), errors: text(child.stderr) }
}

/** A demo with a database where there can be one, run to its end for two tests. */
const database = existsSync(`${POSTGRES_BIN}/initdb`) ? ['--database'] : []
let whole: { code: number; left: string[]; output: string; errors: string }

test.before(async () => {
  const { child, left, clean, output, errors } = run('--json', ...database)
  const [code] = await once(child, 'exit')
  whole = { code, left: left(), output: await output, errors: await errors }
  clean()
})

test.serial('the call crosses, the rogue does not, and nothing is left behind', async (t) => {
  t.is(whole.code, 0, whole.errors)
  t.deepEqual(whole.left, [])
  const { call, attacks: all, upgrade } = JSON.parse(whole.output)
  const attacks = all.slice(0, 16)
  t.deepEqual(
    call.hops.map(({ caller, at }: { caller: string; at: string }) => `${caller} ${at}`),
    [
      'okapi-7.2.0 mod-authtoken-2.18.0',
      'okapi-7.2.0 mod-notes-8.1.0',
      'mod-notes-8.1.0 okapi-7.2.0',
      'okapi-7.2.0 mod-authtoken-2.18.0',
      'okapi-7.2.0 mod-users-19.7.0',
    ],
  )
  const reasons = Object.fromEntries(
    attacks.map(({ id, outcome, reason }: Record<string, string | null>) => [
      id,
      `${outcome} ${reason}`,
    ]),
  )
  t.deepEqual(reasons, {
    'authtoken-direct-bare': 'got-through null',
    'authtoken-sign-bare': 'got-through null',
    'authtoken-direct': 'blocked caller-not-allowed',
    'authtoken-sign': 'blocked caller-not-allowed',
    'no-certificate': 'blocked no-certificate',
    'foreign-ca': 'blocked untrusted-certificate',
    'wrong-module': 'blocked caller-not-allowed',
    'tenant-purge': 'blocked caller-not-allowed',
    'admin-import-sql': 'blocked caller-not-allowed',
    'interface-not-required': 'blocked interface-not-required',
    'okapi-proxy-tenants': 'blocked admin-route',
    'forged-user-id': 'blocked forbidden-header',
    'forged-permissions': 'blocked forbidden-header',
    'path-encoded-slash': 'blocked ambiguous-target',
    'smuggle-cl-te': 'blocked ambiguous-header',
    'response-okapi-stop': 'blocked null',
  })
  for (const { id, expected, outcome } of all) t.is(outcome, expected, id)
  t.is(all.length, attacks.length + 2 * database.length)
  const { from, to, route, named } = upgrade
  t.deepEqual(
    [from, to, route, named],
    ['mod-users-19.7.0', 'mod-users-19.8.0', 'PUT /users/{id}', true],
  )
})

test.serial('a person gets a table that fits 80 columns, and progress beside it', async (t) => {
  const { child, clean, output, errors } = run()
  t.teardown(clean)
  const [code] = await once(child, 'exit')
  t.is(code, 0)
  const shown = await output
  t.deepEqual(
    shown.split('\n').filter((line) => line.length > 80),
    [],
  )
  t.regex(shown, /mod-notes-8\.1\.0 → okapi-7\.2\.0 +200 +GET \/users\/\{id\}/)
  t.regex(shown, /16 tries, 14 blocked; 2 got through, where no sidecar is/)
  // What the upgrade brings stands there once for each who may then call it, and nothing else does.
  const [, diff = ''] = shown.split('$ okapi-sidecar policy diff')
  t.deepEqual([...new Set(diff.match(/^ +[+-] .*/gm))], ['      + PUT /users/{id}'])
  t.regex(diff, /opens to mod-notes-8\.1\.0\n.*`users` 16\.6 of mod-users-19\.8\.0/)
  t.regex(await errors, /starting a sidecar beside each/)
})

withPostgres('with a database mod-tags becomes mod-login past its sidecar only', async (t) => {
  t.is(whole.code, 0, whole.errors)
  const { attacks } = JSON.parse(whole.output)
  t.deepEqual(
    attacks
      .slice(16)
      .map(({ id, outcome, reason }: Record<string, string | null>) => [id, outcome, reason]),
    [
      ['database-tenant-password-bare', 'got-through', null],
      ['database-tenant-password', 'blocked', 'role-not-allowed'],
    ],
  )
})

test.serial('the demo runs until it is interrupted, then stops every process', async (t) => {
  const { child, left, clean, output } = run('--stay')
  t.teardown(clean)
  let shown = ''
  child.stdout.on('data', (part) => {
    shown += part
  })
  await until(() => shown.includes('[1-9]') || child.exitCode !== null)
  t.is(left().length, 1)
  const okapi = /curl -i .*(http:\/\/127\.0\.0\.1:\d+)\/notes/.exec(shown)?.[1]
  t.is((await fetch(`${okapi}/_/version`)).status, 200)
  child.kill('SIGINT')
  await once(child, 'exit')
  t.deepEqual(left(), [])
  await t.throwsAsync(fetch(`${okapi}/_/version`))
  await output
})

test.serial('a demo that is killed leaves no process behind', async (t) => {
  const { child, clean, output } = run('--stay')
  t.teardown(clean)
  let shown = ''
  child.stdout.on('data', (part) => {
    shown += part
  })
  await until(() => shown.includes('[1-9]') || child.exitCode !== null)
  const sidecar = /curl -i .*(https:\/\/127\.0\.0\.1:\d+)\/users/.exec(shown)?.[1] ?? ''
  const port = Number(new URL(sidecar).port)
  t.true(await listens(port))
  child.kill('SIGKILL')
  await once(child, 'exit')
  await until(async () => !(await listens(port)))
  t.false(await listens(port))
  child.stdout.destroy()
  await output.catch(() => undefined)
})

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => undefined)
    socket.on('connect', () => socket.destroy())
  })
}
