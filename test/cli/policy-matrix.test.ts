import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { headLines } from '../../src/cli/policy/matrix-text.ts'
import { folder, narrow, policy, SET, withMigrationListener } from '../support/policy-verb.ts'

const GRANTS = `
- {caller: mod-tags, at: okapi, interface: users, why: "finds, \\"who\\" tagged"}
- {caller: operator/anna, at: okapi, admin: [timers], why: keeps timers}
- {caller: client/sms, at: mod-notes, methods: [GET], path: "/notes/{id}", why: "=1+1"}
`

test('a few: routes and the rule behind each, in 80 columns', async (t) => {
  const { stdout, stderr, code } = await policy([
    'matrix',
    '--descriptors',
    SET,
    '--caller',
    'mod-notes',
  ])
  t.is(code, 0, stderr)
  t.true(stdout.includes('`users` 16.5: by requires mod-notes-8.1.0.json#/requires/0'), stdout)
  t.true(stdout.includes('GET /users/{id}'))
  t.false(stdout.includes('/tags'))
  narrow(t, stdout)
})

test('all: grants, operators, clients, Okapi and public; --json, --csv', async (t) => {
  const file = join(await folder(t), 'grants.yaml')
  await writeFile(file, GRANTS)
  const source = ['matrix', '--descriptors', SET, '--grants', file]
  const [plain, json, csv] = await Promise.all([
    policy(source),
    policy([...source, '--json']),
    policy([...source, '--csv']),
  ])
  narrow(t, plain.stdout.replaceAll(file, 'grants.yaml'))
  for (const caller of ['okapi', 'public', 'operator/anna', 'client/sms', 'mod-tags-3.1.0']) {
    t.regex(plain.stdout, new RegExp(`^${caller}$`, 'm'))
  }
  t.regex(plain.stdout, /past\s+Okapi/)
  const { cells, callers, mode, grants } = JSON.parse(json.stdout)
  t.deepEqual([mode, grants], ['enforce', 3])
  t.true(callers.includes('client/sms'))
  const cell = cells.find(
    (one: { caller: string; provider: string }) =>
      one.caller === 'mod-tags-3.1.0' && one.provider === 'mod-users-19.7.0',
  )
  t.like(cell.parts[0], {
    at: 'okapi',
    interface: { id: 'users', version: '16.5' },
    rule: { kind: 'grant', file, pointer: '/0' },
    why: 'finds, "who" tagged',
  })
  const rows = csv.stdout.trimEnd().split('\r\n')
  t.regex(rows[0]!, /^caller,provider,at,kind,interface,version,methods,path,/)
  t.true(
    rows.some((row) =>
      row.startsWith('mod-tags-3.1.0,mod-users-19.7.0,okapi,handler,users,16.5,GET,/users,'),
    ),
  )
  t.true(csv.stdout.includes('"finds, ""who"" tagged"'))
  t.true(csv.stdout.includes(",'=1+1"), 'no spreadsheet takes a text for a formula')
})

test('filters by caller, provider, interface or path', async (t) => {
  const csv = async (...more: string[]) => {
    const { stdout } = await policy(['matrix', '--descriptors', SET, '--csv', ...more])
    return stdout.trimEnd().split('\r\n').slice(1)
  }
  const some = await csv(
    '--provider',
    'mod-users',
    '--interface',
    'user-tenants',
    '--caller',
    'mod-',
  )
  t.true(some.length > 0)
  t.true(some.every((row) => row.startsWith('mod-') && row.includes(',/user-tenants,')))
  t.deepEqual(await csv('--caller', 'nobody'), [])
})

test('report mode is shown; quarantine and grants of the configuration count', async (t) => {
  const path = await folder(t)
  const file = join(path, 'sidecar.yaml')
  await writeFile(
    file,
    `module: mod-tags-3.1.0
trustDomain: folio.test
credentials: { directory: ${path} }
ingress: { listen: 127.0.0.1:8443, forward: "http://127.0.0.1:8081" }
policy:
  descriptors: ${SET}
  mode: report
  knownGrants: [mod-authtoken]
  quarantine: [{ module: mod-notes, why: a test }]
`,
  )
  const { stdout, stderr, code } = await policy(['matrix', '-c', file])
  t.is(code, 0, stderr)
  t.regex(stdout, /mode report.*\nreport mode: modules may call other interfaces too/)
  t.notRegex(stdout, /mod-notes/)
  t.regex(stdout, /known\.yaml#/)
})

const MONTH_MS = 30 * 24 * 60 * 60 * 1000

test('the migration listener of a configuration: what it lets through, and until when', async (t) => {
  const end = new Date(Math.trunc((Date.now() + MONTH_MS) / 1000) * 1000)
  const date = `${end.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const source = ['matrix', '-c', await withMigrationListener(t, end), '--caller', 'plain']
  const [plain, json, csv, radius] = await Promise.all([
    policy(source),
    policy([...source, '--json']),
    policy([...source, '--csv']),
    policy([...source, '--blast-radius', 'mod-notes']),
  ])
  t.is(plain.code, 0, plain.stderr)
  narrow(t, plain.stdout)
  const words = plain.stdout.replaceAll(/\s+/g, ' ')
  t.true(
    words.includes(
      `the migration listener is open until ${date} for 10.1.2.0/24, without proof of identity`,
    ),
  )
  t.true(
    words.includes(`\`users\` 16.5: by default (the migration listener, until ${date}) GET /users`),
  )
  t.notRegex(plain.stdout, /authtoken|\/_\//)
  const { plain: listener, callers, cells } = JSON.parse(json.stdout)
  t.like(listener, { at: 'okapi', open: true, untilMs: end.getTime() })
  t.deepEqual(callers, ['plain'])
  t.true(cells.length > 3)
  for (const { parts } of cells) for (const { why } of parts) t.true(why.endsWith(date))
  const rows = csv.stdout.trimEnd().split('\r\n').slice(1)
  t.true(rows.length > 20)
  for (const row of rows) {
    t.regex(row, /^plain,mod-[^,]+,okapi,(handler|multiple),/)
    t.true(row.endsWith(`,default,,,"the migration listener, until ${date}"`), row)
  }
  t.regex(radius.stdout.replaceAll(/\s+/g, ' '), /lists, it needs no proof: \d+ routes of \d+ mod/)
  narrow(t, radius.stdout)
})

test('a migration listener that is over, and none at all: nothing is listed for it', async (t) => {
  const over = await withMigrationListener(t, new Date(Date.now() - MONTH_MS))
  const shut = await policy(['matrix', '-c', over, '--caller', 'plain'])
  t.is(shut.code, 0, shut.stderr)
  t.regex(
    shut.stdout,
    /the migration listener is closed since [^:]*:\d\d UTC: remove\s`migration`\n\nnothing is open/,
  )
  const { plain, callers } = JSON.parse((await policy(['matrix', '-c', over, '--json'])).stdout)
  t.like(plain, { at: null, open: false })
  t.false(callers.includes('plain'))
  const none = await policy(['matrix', '--descriptors', SET, '--json'])
  t.is(JSON.parse(none.stdout).plain, null)
  t.false(JSON.parse(none.stdout).callers.includes('plain'))
  const radius = await policy(['matrix', '-c', over, '--blast-radius', 'mod-notes'])
  t.notRegex(radius.stdout, /plain|migration/)
})

test('--blast-radius: what a hijacked module reaches', async (t) => {
  const argv = ['matrix', '--descriptors', SET, '--blast-radius', 'mod-notes']
  const { stdout, code } = await policy(argv)
  t.is(code, 0)
  t.regex(stdout, /^blast radius: an attacker who controls mod-notes-8\.1\.0 reaches\n/)
  t.regex(stdout, /directly: 1 module, \d+ routes\n {2}mod-users-19\.7\.0/)
  narrow(t, stdout)
  const radius = JSON.parse((await policy([...argv, '--json'])).stdout)
  t.is(radius.module, 'mod-notes-8.1.0')
  t.deepEqual(radius.direct[0].path, ['mod-notes-8.1.0', 'mod-users-19.7.0'])
})

test('for which tenants each module may act stands above the matrix, those with the usual as a number', async (t) => {
  const file = join(await folder(t), 'sidecar.yaml')
  const rule = { caller: 'mod-tags-3.1.0', tenants: ['diku'], why: 'one library uses tags' }
  const configuration = {
    module: 'okapi-7.2.0',
    trustDomain: 'folio.test',
    credentials: { directory: '/nowhere' },
    ingress: { forward: 'http://127.0.0.1:9131' },
    policy: { descriptors: SET, tenantsOf: [rule] },
  }
  await writeFile(file, JSON.stringify(configuration), { mode: 0o600 })
  const { stdout, stderr } = await policy(['matrix', '-c', file])
  const words = stdout.replaceAll(/\s+/g, ' ')
  t.regex(words, /\d+ modules may act for all tenants, in each with a token of that tenant/, stderr)
  t.true(words.includes('mod-tags-3.1.0 may act for tenants diku, with their tokens'))
  narrow(t, stdout)
  const one = await policy(['matrix', '-c', file, '--caller', 'mod-tags', '--json'])
  t.deepEqual(JSON.parse(one.stdout).tenants, [
    { caller: 'mod-tags-3.1.0', reach: ['tenants diku, with their tokens'] },
  ])
})

test('of as many modules with one reach as with another each is named', (t) => {
  const reachOf = (...all: string[]) =>
    headLines({
      ...{ modules: 4, grants: 0, mode: 'enforce', hash: 'abc', trusted: [], plain: null },
      tenants: all.map((reach, i) => ({ caller: `mod-${i}`, reach: [reach] })),
    }).slice(1)
  t.deepEqual(reachOf('all', 'all', 'x', 'x'), [
    'mod-0, mod-1 may act for all',
    'mod-2, mod-3 may act for x',
  ])
  t.deepEqual(reachOf('all', 'all', 'x'), ['2 modules may act for all', 'mod-2 may act for x'])
  t.deepEqual(reachOf('all'), ['mod-0 may act for all'])
})

test('--html writes one page without anything from outside', async (t) => {
  const file = join(await folder(t), 'matrix.html')
  const { stdout, code } = await policy(['matrix', '--descriptors', SET, '--html', file])
  t.is(code, 0)
  t.regex(stdout, /matrix\.html: \d+ bytes/)
  const page = await readFile(file, 'utf8')
  t.notRegex(page, /https?:|url\(|@import|<link|<img| style=| on[a-z]+="/)
  t.regex(page, /Content-Security-Policy" content="default-src &#39;none&#39;/)
})

test('who is trusted with users and their tokens stands above the matrix, whatever it is narrowed to', async (t) => {
  const path = join(await folder(t), 'set')
  await cp(SET, path, { recursive: true })
  const file = join(path, 'mod-tags-3.1.0.json')
  const { provides, ...tags } = JSON.parse(await readFile(file, 'utf8'))
  const more = { id: 'authtoken-x', version: '1.0' }
  await writeFile(file, JSON.stringify({ ...tags, provides: [...provides, more] }))
  const narrowed = ['matrix', '--descriptors', path, '--caller', 'mod-notes']
  const whole = ['matrix', '--descriptors', path]
  const page = join(path, '..', 'page.html')
  const [plain, json] = await Promise.all([
    policy(whole),
    policy([...narrowed, '--json']),
    policy([...narrowed, '--html', page]),
  ])
  narrow(t, plain.stdout)
  const text = plain.stdout.replaceAll(/\s+/g, ' ')
  const tokens = 'handed the access and refresh tokens of every user, in cookies: '
  const usual = 'mod-authtoken-2.18.0 (authtoken, authtoken2); mod-login-7.14.0 (login)'
  const shout = 'mod-tags-3.1.0 (authtoken-x), WHICH IS NOT A MODULE OF FOLIO’S LOGIN'
  t.true(text.includes(`${tokens}${usual}; ${shout}`), text)
  t.true(text.includes('asked about every request and believed, as an auth filter: mod-authtoken'))
  t.true((await readFile(page, 'utf8')).includes(shout))
  const short = (await policy(narrowed)).stdout.replaceAll(/\s+/g, ' ')
  t.true(short.includes(`${tokens}${shout} `), short)
  const { trusted } = JSON.parse(json.stdout)
  const own = trusted.filter(({ module }: { module: string }) => module === 'mod-tags-3.1.0')
  t.deepEqual(
    own.map(({ trust, usual: known }: Record<string, unknown>) => [trust, known]),
    [
      ['cookies', false],
      ['tokens', false],
    ],
  )
  const ordinary = await policy(['matrix', '--descriptors', SET, '--caller', 'mod-notes'])
  t.notRegex(ordinary.stdout, /NO MODULE/)
  const blast = await policy(['matrix', '--descriptors', path, '--blast-radius', 'mod-tags'])
  t.regex(blast.stdout, /it is handed the access and refresh tokens of every user/)
})
