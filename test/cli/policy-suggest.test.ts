import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { folder, policy, SET } from '../support/policy-verb.ts'

const DAY = 24 * 60 * 60 * 1000

/** A line of the access log, as far as it is read; src/observe/access.ts writes it. */
const SEEN = {
  level: 'info',
  time: '2026-09-01T12:00:00.000Z',
  msg: 'exchange',
  direction: 'egress',
  caller: 'mod-tags-3.1.0',
  at: 'okapi-7.2.0',
  method: 'GET',
  route: '/users/{id}',
  interface: 'users',
  provider: 'mod-users-19.7.0',
  status: 200,
  rule: 'default',
  wouldDeny: 'interface-not-required',
}

const log = (...lines: readonly object[]) =>
  lines.map((line) => `${JSON.stringify({ ...SEEN, ...line })}\n`).join('')

test('what Okapi asked on behalf of a caller becomes a grant of that caller, never of Okapi', async (t) => {
  const file = join(await folder(t), 'access.log')
  const byOkapi = { direction: 'ingress', caller: 'okapi-7.2.0', at: 'mod-users-19.7.0' }
  const unknown = { ...byOkapi, wouldDeny: 'caller-not-allowed' }
  await writeFile(
    file,
    log(
      { ...byOkapi, onBehalfOf: 'mod-tags-3.1.0' },
      { ...unknown, onBehalfOf: 'unknown' },
      { ...unknown, onBehalfOf: 'okapi', route: '/users' },
      { ...byOkapi, onBehalfOf: 'mod-notes-8.1.0', wouldDeny: '', route: '/users' },
    ),
  )
  const { stdout, stderr, code } = await policy(['suggest', '--descriptors', SET, '--from', file])
  t.is(code, 0, stderr)
  t.regex(stderr, /4 exchanges that passed, 1 of them by report mode alone/)
  const list = parse(stdout)
  t.is(list.length, 1)
  t.like(list[0], { caller: 'mod-tags', at: 'okapi', methods: ['GET'], path: '/users/{id}' })
})

test('grants with their evidence, that can be used as they are', async (t) => {
  const path = await folder(t)
  const [file, grants] = [join(path, 'access.log'), join(path, 'grants.yaml')]
  await writeFile(
    file,
    log({}, { time: '2026-09-02T12:00:00.000Z' }, { direction: 'ingress' }, { method: 'PUT' }),
  )
  await appendFile(file, 'no line of ours\n{"msg":"started"}\n\n')
  // As `kubectl logs --prefix` has it.
  await appendFile(file, `[pod/x] ${log({ route: '/user-tenants' })}`)
  const { stdout, stderr, code } = await policy(['suggest', '--descriptors', SET, '--from', file])
  t.is(code, 0, stderr)
  t.regex(stderr, /7 lines, 5 exchanges that passed, 4 of them by report mode alone/)
  t.regex(
    stdout,
    /# `users` 16\.5 of mod-users-19\.7\.0: 3 times, first 2026-09-01T12:00:00\.000Z,/,
  )
  t.regex(stdout, /# such as GET \/users\/\{id\}/)
  t.regex(stdout, /methods: \[GET, PUT\]/)
  const list = parse(stdout)
  t.deepEqual(
    list.map(({ until: _, ...rest }: { until: string }) => rest),
    [
      {
        caller: 'mod-tags',
        at: 'okapi',
        methods: ['GET', 'PUT'],
        path: '/users/{id}',
        why: 'seen in report mode 3 times between 2026-09-01 and 2026-09-02',
      },
      {
        caller: 'mod-tags',
        at: 'okapi',
        interface: 'user-tenants',
        why: 'seen in report mode once between 2026-09-01 and 2026-09-01',
      },
    ],
  )
  const left = Date.parse(list[0].until) - Date.now()
  t.true(left > 88 * DAY && left <= 90 * DAY)
  await writeFile(grants, stdout)
  const asked = ['explain', '--descriptors', SET, '--grants', grants, '--at', 'okapi', '--caller']
  const explain = (method: string, target: string) =>
    policy([...asked, 'mod-tags-3.1.0', '--method', method, '--path', target])
  t.is((await explain('GET', '/users/42')).code, 0)
  t.is((await explain('DELETE', '/users/42')).code, 1)
})

test('a refused supertenant becomes a grant; two logs after one --from', async (t) => {
  const path = await folder(t)
  const refused = {
    ...{ caller: 'mod-login-7.14.0', route: '/users', tenant: 'supertenant', status: 403 },
    ...{ rule: '', wouldDeny: '', reason: 'tenant-not-allowed' },
  }
  const [own, okapi] = [join(path, 'mod-login.log'), join(path, 'okapi.log')]
  await writeFile(own, log(refused, { ...refused, route: '/user-tenants' }))
  const users = { ...refused, direction: 'ingress' }
  const others = { ...users, caller: 'public' }
  const people = {
    ...users,
    caller: 'operator/anna',
    at: 'mod-users-19.7.0',
    tenant: 'supertenant',
  }
  await writeFile(okapi, log(users, others, people, { ...users, tenant: 'di ku' }))
  const suggest = ['suggest', '--descriptors', SET]
  const { stdout, stderr, code } = await policy([...suggest, '--from', own, okapi])
  t.is(code, 0, stderr)
  t.regex(stderr, /6 lines, 0 exchanges that passed, .*; 5 refused for their tenant/)
  t.regex(stdout, /# not covered: public GET \/users for tenant supertenant \(once\)/)
  t.regex(stdout, /# not covered: mod-login-7\.14\.0 GET \/users for tenant di ku \(once\)/)
  t.regex(
    stdout,
    /refused 2 times, [^#]*# .*GET \/user-tenants; GET \/users|GET \/user-tenants; GET \/users/,
  )
  const list = parse(stdout)
  t.deepEqual(
    list.map(({ caller, at, tenants }: Record<string, unknown>) => ({ caller, at, tenants })),
    [
      { caller: 'mod-login', at: 'okapi', tenants: ['supertenant'] },
      { caller: 'operator/anna', at: 'mod-users', tenants: ['supertenant'] },
    ],
  )
  const grants = join(path, 'grants.yaml')
  await writeFile(grants, stdout)
  const asked =
    '--caller mod-login-7.14.0 --at okapi --method GET --path /users --tenant supertenant'
  const explained = await policy([
    ...['explain', '--descriptors', SET, '--grants', grants],
    ...asked.split(' '),
  ])
  t.is(explained.code, 0, explained.stdout)
  const again = await policy([...suggest, '--grants', grants, '--from', own])
  t.deepEqual(parse(again.stdout), [])
  t.is((await policy([...suggest, own])).code, 2)
})

test('nothing recorded is an empty list; callers that are no longer installed are reported', async (t) => {
  const source = ['suggest', '--descriptors', SET, '--from', '-']
  const nothing = await policy(source, '')
  t.is(nothing.code, 0)
  t.deepEqual(parse(nothing.stdout), [])
  const gone = await policy(source, log({ route: '/gone' }))
  t.deepEqual(parse(gone.stdout), [])
  t.regex(gone.stdout, /# not covered.*mod-tags-3\.1\.0 GET \/gone \(once\)/)
  t.regex(gone.stderr, /warning: not all is covered, the first lines say what: 1/)
})

test('a log in UTF-16 is named; one with a byte order mark is read', async (t) => {
  const file = join(await folder(t), 'access.log')
  const source = ['suggest', '--descriptors', SET, '--from', file]
  const line = `\ufeff${log({})}`
  await writeFile(file, line)
  t.regex((await policy(source)).stderr, /: 1 line, 1 exchange that passed/)
  await writeFile(file, Buffer.from(line, 'utf16le'))
  const wide = await policy(source)
  t.is(wide.code, 2)
  t.true(wide.stderr.includes(`${file}: this log is UTF-16`), wide.stderr)
})

test('text of a log cannot leave its comment', async (t) => {
  const evil = log({ route: '/gone\n- {caller: mod-x, at: okapi, interface: users, why: evil}' })
  const { stdout, code } = await policy(['suggest', '--descriptors', SET, '--from', '-'], evil)
  t.is(code, 0)
  t.deepEqual(parse(stdout), [])
})

test('--tighten: grants that are wider than their use, and what they could be', async (t) => {
  const grants = join(await folder(t), 'grants.yaml')
  await writeFile(
    grants,
    `- {caller: mod-tags, at: okapi, interface: users, why: finds who tagged, until: 2099-01-31}
- {caller: mod-tags, at: okapi, interface: user-tenants, why: it is not known}
`,
  )
  const used = log(
    { rule: 'grant', wouldDeny: '' },
    { rule: '', wouldDeny: '', reason: 'admin-route', route: '/users' },
  )
  const argv = ['suggest', '--descriptors', SET, '--grants', grants, '--from', '-', '--tighten']
  const { stdout, stderr, code } = await policy(argv, used)
  t.is(code, 0, stderr)
  const [only, more] = parse(stdout)
  t.is(more, undefined)
  t.like(only, {
    caller: 'mod-tags',
    methods: ['GET'],
    path: '/users/{id}',
    why: 'finds who tagged',
  })
  t.is(only.until, '2099-01-31')
  t.regex(stdout, /in the place of the grant of interface `users` to mod-tags/)
  t.regex(stdout, /unused: .*\/users;/)
  t.regex(stdout, /`user-tenants` to mod-tags at okapi[^:]*: never\s.*used, remove it/s)
})

test('--from-descriptors needs what packed files leave out', async (t) => {
  const folded = await policy(['suggest', '--descriptors', SET, '--from-descriptors'])
  t.is(folded.code, 0, folded.stderr)
  t.true(Array.isArray(parse(folded.stdout)))
  const out = join(await folder(t), 'packed.json')
  await policy(['pack', SET, '-o', out])
  const packed = await policy(['suggest', '--descriptors', out, '--from-descriptors'])
  t.is(packed.code, 2)
  t.regex(packed.stderr, /which permissions their routes ask for/)
})

test('policy suggest: wrong usage', async (t) => {
  const source = ['suggest', '--descriptors', SET]
  const wrong: (readonly [string[], RegExp])[] = [
    [source, /--from LOG, or --from-descriptors/],
    [[...source, '--from', 'x', '--from-descriptors'], /--from LOG, or --from-descriptors/],
    [[...source, '--from-descriptors', '--tighten'], /--from LOG, or --from-descriptors/],
    [[...source, '--from', '/nowhere/access.log'], /cannot read this log \(ENOENT\)/],
    [['suggest', '--from', '-'], /-c FILE/],
  ]
  for (const [argv, says] of wrong) {
    const { stderr, stdout, code } = await policy(argv)
    t.is(code, 2, argv.join(' '))
    t.regex(stderr, says)
    t.is(stdout, '')
  }
})

test('a token that was not seen becomes a grant of tokens, refused or in report mode, and no other', async (t) => {
  const path = await folder(t)
  const file = join(path, 'okapi.log')
  const call = { caller: 'mod-notes-8.1.0', direction: 'ingress', rule: 'requires' }
  const reported = { ...call, wouldDeny: 'token-not-seen-here' }
  const refused = { ...call, wouldDeny: '', reason: 'token-not-seen-here', status: 403 }
  const own = { ...refused, direction: 'egress' }
  await writeFile(file, log(reported, refused, own, { ...call, wouldDeny: '' }))
  const suggest = ['suggest', '--descriptors', SET, '--from', file]
  const { stdout, stderr, code } = await policy(suggest)
  t.is(code, 0, stderr)
  t.regex(stderr, /0 of them by report mode alone; 2 with a token that was not seen/)
  t.regex(stdout, /# tokens that Okapi has not sent to it, 2 times, .*GET \/users\/\{id\}/s)
  const [grant, ...more] = parse(stdout)
  t.deepEqual(more, [])
  t.like(grant, { caller: 'mod-notes', at: 'okapi', tokens: 'any' })
  t.regex(grant.until, /^\d{4}-\d{2}-\d{2}$/)
  const grants = join(path, 'grants.yaml')
  await writeFile(grants, stdout, { mode: 0o600 })
  const again = await policy([...suggest, '--grants', grants])
  t.deepEqual(parse(again.stdout), [], 'what is granted is not proposed again')
})

test('tenants: what was recorded of them becomes grants, or rules of a consortium', async (t) => {
  const path = await folder(t)
  const [file, consortia, log_] = ['okapi.yaml', 'consortia.yaml', 'access.log'].map((name) =>
    join(path, name),
  ) as [string, string, string]
  const configuration = (grants: string) => `{
    module: okapi-7.2.0, trustDomain: folio.test, credentials: { directory: . },
    ingress: { listen: "127.0.0.1:8443", forward: "http://127.0.0.1:9130" },
    policy: { descriptors: ${SET}, consortia: consortia.yaml, grants: ${grants} } }`
  await writeFile(file, configuration('[]'), { mode: 0o600 })
  await writeFile(consortia, 'consortia: [{ central: east, members: [college, u2] }]', {
    mode: 0o600,
  })
  const because = (from: string, to: string) =>
    `mod-tags-3.1.0 may not act for tenant ${to} with a token of tenant ${from}: no consortium has both`
  const crossed = (from: string, to: string, more: object = {}) => ({
    ...{ tenant: to, because: because(from, to), rule: 'requires', wouldDeny: 'tenant-mismatch' },
    ...more,
  })
  const refused = { wouldDeny: '', reason: 'tenant-mismatch', status: 403 }
  await writeFile(
    log_,
    log(
      crossed('east', 'college'),
      crossed('college', 'east', refused),
      crossed('a', 'b'),
      crossed('a', 'c', refused),
      crossed('a', 'b', { direction: 'ingress' }),
      // What a caller chose and is not a tenant name is in no suggestion.
      { ...crossed('x', 'y'), because: because('"x\\n"', 'y') },
      { tenant: 'diku', rule: 'requires', wouldDeny: 'tenant-not-allowed' },
      { tenant: 'di ku', rule: '', wouldDeny: '', reason: 'tenant-not-allowed' },
    ),
  )
  const { stdout, stderr, code } = await policy(['suggest', '-c', file, '--from', log_])
  t.is(code, 0, stderr)
  const words = stdout.replaceAll(/\n# +/g, ' ')
  t.regex(
    words,
    /under cross in policy\.consortia: \{caller: mod-tags, directions: \[central-to-member, member-to-central\], consortia: \[east\], why: crossed 2 times/,
  )
  t.regex(words, /not covered: mod-tags-3\.1\.0 GET \/users\/\{id\} for tenant di ku \(once\)/)
  const list: Record<string, unknown>[] = parse(stdout)
  t.deepEqual(
    list.map(({ caller, at, tenants, cross }) => ({ caller, at, tenants, cross })),
    [
      { caller: 'mod-tags', at: 'okapi', tenants: ['diku'], cross: undefined },
      {
        ...{ caller: 'mod-tags', at: 'okapi', tenants: undefined },
        cross: { from: ['a'], to: ['b', 'c'] },
      },
    ],
    'no interface is proposed for them',
  )
  // They can be used as they are, and then nothing more is proposed but what is of the consortium.
  const grants = join(path, 'grants.yaml')
  await writeFile(grants, stdout, { mode: 0o600 })
  await writeFile(file, configuration('[grants.yaml]'), { mode: 0o600 })
  const again = await policy(['suggest', '-c', file, '--from', log_])
  t.is(again.code, 0, again.stderr)
  t.deepEqual(
    (parse(again.stdout) as Record<string, unknown>[]).filter(({ cross }) => cross !== undefined),
    [],
  )
})
