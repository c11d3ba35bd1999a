import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { type DemoCluster, startCluster } from '../../src/demo/cluster.ts'
import { MODULES, OKAPI, TENANT } from '../../src/demo/members.ts'
import { REASONS } from '../../src/refusal/reasons.ts'
import { MAIN } from '../support/program.ts'

const DESCRIPTORS = new URL('../../src/demo/descriptors', import.meta.url).pathname

interface Attack {
  readonly id: string
  readonly outcome: string
  readonly reason: string | null
  readonly because: string
}

let installation: DemoCluster
test.before(async () => {
  installation = await startCluster({ sidecars: true }, () => undefined)
  const token = await installation.processes.get(MODULES.authtoken)!.child.ask('annasToken')
  writeFileSync(join(installation.directory, 'token'), String(token))
})
test.after.always(() => installation?.close())

async function probe(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, 'probe', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { code, output, errors }
}

const listener = (member: typeof OKAPI | (typeof MODULES)['users']) =>
  `https://127.0.0.1:${installation.sidecars.get(member)!.ingress}`
const authority = () => ['--ca', installation.certs, '--trust', join(installation.certs, 'ca.crt')]
/** This cluster has nothing on the usual ports; other programs on this machine may have. */
const NOT_HERE = ['--ports', 'module=1,egress=1,plain=1,admin=1,status=1']
const known = () => [
  ...authority(),
  '--descriptors',
  DESCRIPTORS,
  '--deadline',
  '4m',
  ...NOT_HERE,
  '--json',
]
const stolen = () => ['--credentials', join(installation.certs, MODULES.tags)]
const asAnna = () => ['--tenant', TENANT, '--token-file', join(installation.directory, 'token')]

/**
 * Blocked by TLS itself, by closing, because nothing listens there, or by mod-authtoken, where `policy.tokens` is off: there is
 * no reason to say.
 */
const WITHOUT_REASON =
  /^(?:tls-1-[01]|weak-ciphers|renegotiation|resumption|stalled-.*|plaintext|alpn-other-protocol|target-identity|h2c-upgrade|.*-from-outside|status-host-name|admin-.*|module-port|plain-.*|chunk-.*|http-0-9|link-.*|token-never-seen)$/

test('at a module nothing gets through, and each refusal says why', async (t) => {
  const { code, output, errors } = await probe(
    listener(MODULES.users),
    '--expect',
    'mod-users',
    ...known(),
  )
  t.is(code, 0, errors + output.slice(-2000))
  const { attacks, summary, controls } = JSON.parse(output)
  t.true(controls[0].let, controls[0].because)
  t.true(summary.blocked >= 110)
  for (const { id, outcome, reason, because } of attacks as Attack[]) {
    t.is(outcome, 'blocked', `${id}: ${because}`)
    if (reason !== null) t.true(reason in REASONS, `${id}: ${reason}`)
    else t.regex(id, WITHOUT_REASON, because)
  }
})

test('at Okapi nothing gets through, and each refusal says why', async (t) => {
  const target = [listener(OKAPI), '--expect', OKAPI, ...stolen(), ...asAnna()]
  const { code, output, errors } = await probe(...target, ...known())
  t.is(code, 0, errors + output.slice(-2000))
  const { attacks, summary, controls } = JSON.parse(output)
  t.true(controls[0].let, controls[0].because)
  t.true(summary.blocked >= 150)
  const reasons = new Map((attacks as Attack[]).map(({ id, reason }) => [id, reason]))
  for (const { id, outcome, reason, because } of attacks as Attack[]) {
    t.is(outcome, 'blocked', `${id}: ${because}`)
    if (reason === null) t.regex(id, WITHOUT_REASON, because)
  }
  for (const id of ['okapi-env', 'okapi-import', 'okapi-install', 'invoke-admin']) {
    t.is(reasons.get(id), 'admin-route', id)
  }
  t.is(reasons.get('forged-url'), 'forbidden-header')
  t.is(reasons.get('supertenant-implied'), 'tenant-not-allowed')
  t.is(reasons.get('user-id-against-token'), 'forbidden-header')
  // What is refused for its tenant shows no other rule.
  const forTenant = [...reasons].filter(([, reason]) => reason?.startsWith('tenant-'))
  for (const [id] of forTenant) t.regex(id, /tenant/)
})

test('past the sidecar nearly all of it does, and the exit code says so', async (t) => {
  const report = join(installation.directory, 'report.html')
  const okapi = [installation.okapiUrl, '--at', 'okapi', ...stolen(), ...asAnna()]
  const skip = ['--skip', 'stalled-head,stalled-handshake', '--report', report]
  const { code, output } = await probe(...okapi, ...known(), ...skip)
  t.is(code, 1)
  const { summary } = JSON.parse(output)
  t.true(summary['got-through'] > 80)
  const token = readFileSync(join(installation.directory, 'token'), 'utf8')
  t.false(output.includes(token))
  t.true(existsSync(report))
  t.false(readFileSync(report, 'utf8').includes(token))
  t.regex(readFileSync(report, 'utf8'), /<a href="#a-no-certificate">/)
})

test('attacks that cannot be tried: exit 2, with a hint', async (t) => {
  const table: readonly (readonly [RegExp, ...string[]])[] = [
    [/takes one TARGET/],
    [/is not a target/, 'mod-users:8443'],
    [/is not a target/, 'https://mod-users:8443/path'],
    [/cannot be reached/, 'https://127.0.0.1:1'],
    [/no attack and no group `everything`/, 'https://127.0.0.1:1', '--only', 'everything'],
    [/`soon` is not a duration/, 'https://127.0.0.1:1', '--deadline', 'soon'],
    [/cannot read .*tls\.crt/, 'https://127.0.0.1:1', '--credentials', '/nowhere'],
    [/is not NAME=PORT/, 'https://127.0.0.1:1', '--ports', 'module=http'],
    [
      /--listen HOST:PORT and --ask URL go together/,
      'https://127.0.0.1:1',
      '--listen',
      '[::]:8443',
    ],
    [/--at takes okapi or module/, 'https://127.0.0.1:1', '--at', 'users'],
  ]
  for (const [words, ...args] of table) {
    const { code, errors, output } = await probe(...args)
    t.is(code, 2, args.join(' '))
    t.regex(errors, words)
    t.is(output, '')
  }
})
