import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { SidecarState } from '../../src/cli/status/asking.ts'
import { endsSoon, manyText, worst } from '../../src/cli/status/many-text.ts'
import { sourcesIn } from '../../src/cli/status/sources.ts'
import { freePorts } from '../../src/demo/child.ts'
import { MAIN } from '../support/program.ts'
import { ask, get, ID, Place } from '../support/scenario.ts'
import { heard, typed } from '../support/typed.ts'

test('URLs stand one a line, with comments', (t) => {
  const url = 'http://mod-users:9901'
  t.deepEqual(sourcesIn(`# all\n\n${url} # the first\n  ${url}  \n`), [
    { name: url, url },
    { name: url, url },
  ])
  t.deepEqual(sourcesIn('# none\n'), [])
})

test('a certificate of 24 hours is no trouble as long as it is not due for renewal', (t) => {
  const HOUR = 3_600_000
  const soon = (begins: number | null, left: number) =>
    endsSoon(
      {
        certificateBeginsMs: begins === null ? null : begins * HOUR,
        certificateEndsMs: 1000 * HOUR + left * HOUR,
      },
      1000 * HOUR,
    )
  t.deepEqual([soon(999, 23), soon(983, 7), soon(-260, 900)], [false, true, false])
  t.deepEqual([soon(null, 23), soon(null, 5), soon(999, -1)], [false, true, true])
})

const NOW = Date.UTC(2026, 10, 30)

function state(over: Partial<SidecarState>): SidecarState {
  const certificate = { certificateBeginsMs: NOW - 1, certificateEndsMs: NOW + 86_400_000 }
  const none = { detail: '', refusals: [], wouldDeny: 0, migrationUntilMs: null, quarantined: 0 }
  const [name, hash] = ['mod-users-19.7.0', 'a']
  const known = {
    version: '0.1.0',
    generation: 1,
    openExchanges: 148,
    mode: 'enforce',
    remarks: [],
  }
  return { name, url: '', state: 'ready', hash, ...certificate, ...none, ...known, ...over }
}

/** The table in a terminal of 80 columns. */
async function narrow(seen: readonly SidecarState[]): Promise<string> {
  const print = async () => {
    process.stdout.write(manyText(seen, NOW))
    return 0
  }
  return (await heard(print, { env: { COLUMNS: '80' } })).stdout
}

test('a long name leaves the others their width', async (t) => {
  const long = `mod-${'x'.repeat(300)}-1.0.0`
  const lines = (await narrow([state({}), state({ name: long })])).split('\n')
  for (const line of lines) t.true(line.length <= 80, line)
  t.regex(lines[1]!, /^mod-users-19\.7\.0 +ready +24 hours +1 +148 +enforce$/)
  t.regex(lines[2]!, /^mod-x+…x+-1\.0\.0 +ready/)
})

test('a long reason shortens no name in 80 columns: it has a line of its own', async (t) => {
  const names = ['mod-circulation-24.6.0-SNAPSHOT', 'mod-circulation-storage-17.6.0-SNAPSHOT']
  const refusals = [['interface-version-mismatch', 12_345]] as const
  const seen = [state({ name: names[0]!, refusals }), state({ name: names[1]! })]
  const text = await narrow(seen)
  for (const line of text.split('\n')) t.true(line.length <= 80, line)
  t.regex(text, /^mod-circulation-24\.6\.0-SNAPSHOT .*\n {4}refused: 12345 interface-version-/m)
  t.regex(text, /^mod-circulation-storage-17\.6\.0-SNAPSHOT /m)
})

test('through a pipe each sidecar is one line with its whole name, for grep', (t) => {
  const name = `mod-${'x'.repeat(100)}-1.0.0`
  const text = manyText([state({ name, refusals: [['admin-route', 3]] })], NOW)
  t.regex(text, new RegExp(`^${name} .* 3 admin-route$`, 'm'))
})

test('what many have in common is said once, and they come before those that are fine', (t) => {
  const remarks = ['credentials in use: a revocation list expired']
  const many = Array.from({ length: 50 }, (_, i) => state({ name: `mod-z${i}-1.0.0`, remarks }))
  const all = worst([state({}), ...many, state({ name: 'mod-b-1.0.0', remarks: ['other'] })], NOW)
  t.is(all.at(-1)?.name, 'mod-users-19.7.0')
  const text = manyText(all, NOW)
  const said = text.slice(text.indexOf('\n\n')).replaceAll(/\s+/g, ' ')
  t.is(
    said,
    ' mod-b-1.0.0: other 50 sidecars (mod-z0-1.0.0, mod-z1-1.0.0, mod-z10-1.0.0 and 47 more): credentials in use: a revocation list expired 52 of 52 ready, 51 with remarks, 1 policy in force ',
  )
})

test('two versions side by side are told, one alone is not', (t) => {
  const many = [state({}), state({ name: 'mod-b-1.0.0' }), state({ name: 'old', version: '' })]
  t.notRegex(manyText(many, NOW), /version/)
  const text = manyText([...many, state({ name: 'mod-c-1.0.0', version: '0.2.0' })], NOW)
  t.regex(
    text,
    /^version 0\.1\.0: mod-users-19\.7\.0, mod-b-1\.0\.0\nversion 0\.2\.0: mod-c-1\.0\.0$/m,
  )
})

test('a sidecar that is suspended is reported as one, within its time', async (t) => {
  const server = createServer(() => undefined)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const one = await typed(['status', url])
  t.is(one.code, 2)
  t.is(
    one.stderr,
    `okapi-sidecar: error: no answer at ${url} within 5 s\nokapi-sidecar: hint: its process is there and does nothing: is it stopped, without processor, or too busy?\n`,
  )
  const many = await typed(['status', url, url])
  t.is(many.code, 1)
  t.regex(many.stdout.replaceAll('\n', ' '), /: no answer: nothing came within 5 s/)
})

test('--watch goes on while nothing answers, for that is when one watches', async (t) => {
  const [port] = await freePorts(1)
  const argv = [MAIN, 'status', `http://127.0.0.1:${port}`, '--watch']
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    if (said.split('nothing answers at').length > 2) break
  }
  t.is(said.split('nothing answers at').length, 3)
})

for (const [text, said] of [
  ['http://127.0.0.1:1\nmod-users\n', /:2: `mod-users` is not a URL\n.*hint: URLs, one a line/],
  ['\x1b[2J', /:1: `\\u001b\[2J` is not a URL/],
  ['{"items": [', /: this is not JSON\n/],
] as const) {
  test(`a list of sidecars that cannot be read is wrong usage: ${JSON.stringify(text)}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sources-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'list')
    writeFileSync(file, text)
    const { code, stdout, stderr } = await typed(['status', '--from', file])
    t.deepEqual([code, stdout], [2, ''])
    t.regex(stderr, said)
  })
}

test('--html without a URL asks the same sidecar as without --html', async (t) => {
  const { code, stdout } = await typed(['status', '--html', '/dev/null'])
  t.is(code, 1)
  t.regex(stdout, /^http:\/\/127\.0\.0\.1:9902 .*no answer/m)
})

test('a URL that is not of a status listener is refused with that reason', async (t) => {
  const server = createServer((_, response) => response.end('<html>'))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const other = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const said = async (url: string) => {
    const { code, stderr } = await typed(['status', url])
    t.is(code, 2)
    return stderr
  }
  const bare = await said('127.0.0.1:9902')
  t.regex(bare, /error: `127\.0\.0\.1:9902` is not the URL of a status listener\n.*hint: http:/)
  t.true((await said(other)).includes(`error: ${other} is not a status listener\n`))
})

const ADMIN = {
  ports: [
    { name: 'mtls', containerPort: 8443 },
    { name: 'sidecar-admin', containerPort: 9901 },
  ],
}

/** A pod as `kubectl get pods -o json` prints it. */
function pod(name: string, podIP: string | undefined, where: 'initContainers' | 'containers') {
  const other = { name: 'module', ports: [{ containerPort: 8081 }] }
  const containers = where === 'containers' ? [other, ADMIN] : [other]
  const spec = where === 'containers' ? { containers } : { containers, initContainers: [ADMIN] }
  const labels = { 'okapi-sidecar/module': 'mod-users-19.7.0' }
  return {
    kind: 'Pod',
    metadata: { name, labels },
    spec,
    status: podIP === undefined ? {} : { podIP },
  }
}

test('the pods of kubectl, native sidecars and others, one without an address', (t) => {
  const other = {
    kind: 'Pod',
    metadata: { name: 'db' },
    spec: { containers: [{ name: 'db' }] },
    status: {},
  }
  const items = [
    pod('a', '10.1.2.3', 'initContainers'),
    pod('b', 'fd00::1', 'containers'),
    pod('c', undefined, 'containers'),
    other,
  ]
  t.deepEqual(sourcesIn(JSON.stringify({ kind: 'List', items }, null, 4)), [
    { name: 'mod-users-19.7.0 (a)', url: 'http://10.1.2.3:9901' },
    { name: 'mod-users-19.7.0 (b)', url: 'http://[fd00::1]:9901' },
    { name: 'mod-users-19.7.0 (c)', url: '' },
  ])
})

test('the services of docker compose, an object a line or an array', (t) => {
  const services = [
    { Service: 'mod-users-sidecar', Publishers: [{ TargetPort: 9901, PublishedPort: 32001 }] },
    { Service: 'mod-notes-sidecar', Publishers: [{ TargetPort: 9901, PublishedPort: 0 }] },
    { Service: 'db', Publishers: null },
  ]
  const found = [{ name: 'mod-users-sidecar', url: 'http://127.0.0.1:32001' }]
  t.deepEqual(sourcesIn(JSON.stringify(services)), found)
  t.deepEqual(sourcesIn(services.map((each) => JSON.stringify(each)).join('\n')), found)
})

const DAY_MS = 86_400_000
const HOME = mkdtempSync(join(tmpdir(), 'sidecar-status-'))
test.after.always(() => rmSync(HOME, { recursive: true, force: true }))

test.serial('a line for each, those in trouble first, by either listener', async (t) => {
  const place = await Place.make()
  const until = new Date(Date.now() + 30 * DAY_MS).toISOString().slice(0, 10)
  const users = await place.sidecar(ID.users, {
    ingress: { listen: '127.0.0.1:0', forward: 'http://127.0.0.1:1' },
    migration: { listen: '127.0.0.1:0', from: ['127.0.0.1'], until, why: 'test' },
  })
  const notes = await place.sidecar(ID.notes, {
    egress: { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1', gatewayModule: 'okapi' },
  })
  const other = createServer((_, response) => response.writeHead(404).end('no'))
  await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    other.close()
    await Promise.all([users.stop(), notes.stop()])
    await place.close()
  })
  const refused = get('/_/proxy/modules', 'X-Okapi-Tenant: diku')
  for (let i = 0; i < 3; i++) await ask(notes.port('egress'), refused)

  const [free] = await freePorts(1)
  const list = join(HOME, 'list')
  const urls = [
    `http://127.0.0.1:${users.port('admin')} # admin`,
    `http://127.0.0.1:${notes.port('status')} # status`,
    `http://127.0.0.1:${notes.port('admin')}`,
    `http://127.0.0.1:${(other.address() as AddressInfo).port}`,
    `http://127.0.0.1:${free}`,
  ]
  writeFileSync(list, urls.join('\n'))
  const page = join(HOME, 'page.html')
  const { code, stdout, stderr } = await typed(['status', '--from', list, '--html', page])
  t.is(code, 1, stderr)
  const lines = stdout.split('\n')
  t.regex(lines[0]!, /^sidecar +state +left +gen +open +policy +refused$/)
  t.deepEqual(
    lines.slice(1, 6).map((line) => /no answer|ready/.exec(line)?.[0]),
    ['no answer', 'no answer', 'ready', 'ready', 'ready'],
  )
  t.regex(stdout, /^mod-notes-\S+ +ready +\S.* enforce +3 admin-route$/m)
  t.is(stdout.match(/3 admin-route/g)?.length, 2)
  t.regex(stdout.replaceAll('\n', ' '), /no answer: no listener of a sidecar/)
  t.regex(stdout.replaceAll('\n', ' '), /ECONNREFUSED/)
  t.regex(stdout.replaceAll('\n', ' '), /migration listener open until 20\d\d-/)
  t.regex(stdout, /^3 of 5 ready, 3 with remarks, \d polic(y|ies) in force$/m)
  for (const line of lines) t.true(line.length <= 100, line)

  const html = readFileSync(page, 'utf8')
  t.regex(html, /3 of 5 ready/)
  t.is(html.match(/<tr>/g)?.length, 6)

  const asJson = await typed(['status', '--json', '--from', list])
  const seen: { state: string; refusals: [string, number][] }[] = JSON.parse(asJson.stdout)
  t.deepEqual(
    seen.map(({ state }) => state),
    ['no answer', 'no answer', 'ready', 'ready', 'ready'],
  )
  t.deepEqual(
    seen.flatMap(({ refusals }) => refusals),
    [
      ['admin-route', 3],
      ['admin-route', 3],
    ],
  )

  const admins = [users, notes].map((each) => `http://127.0.0.1:${each.port('admin')}`)
  t.is((await typed(['status', ...admins])).code, 0)
})

test.serial('a file that names none is wrong usage, with a hint', async (t) => {
  const file = join(HOME, 'none')
  writeFileSync(file, '{"items": []}')
  const { code, stderr } = await typed(['status', '--from', file])
  t.is(code, 2)
  t.regex(stderr, /none names no sidecar\n.*hint: URLs/s)
})
