import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { explain as explainHere } from '../../src/cli/policy/explain.ts'
import { run as runHere } from '../../src/cli/policy.ts'
import { Fault } from '../../src/fault.ts'
import { typed } from '../support/typed.ts'

const SET = fileURLToPath(new URL('../fixtures/descriptors', import.meta.url))

const policy = (...argv: readonly string[]) =>
  typed(['policy', ...argv], { env: { COLUMNS: '80' } })

const explain = (options: string, ...more: readonly string[]) =>
  policy('explain', '--descriptors', SET, ...options.split(' '), ...more)

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'explain-'))
  t.teardown(() => rm(path, { recursive: true }))
  return path
}

const KEYS = `decision reason caller at provider interface route rule because wouldAllow
  nearest tokens decidedAt`.split(/\s+/)

test('explains an allowed call: exit 0, every key', async (t) => {
  const asked =
    '--caller mod-notes-8.1.0 --at okapi --method GET --path /users/42?query=a//b --json'
  const { stdout, stderr, code } = await explain(asked)
  t.is(code, 0, stderr)
  const told = JSON.parse(stdout)
  t.deepEqual(Object.keys(told), KEYS)
  t.like(told, {
    decision: 'allow',
    reason: null,
    caller: 'mod-notes-8.1.0',
    at: 'okapi',
    provider: 'mod-users-19.7.0',
    interface: { id: 'users', version: '16.5' },
    route: { methods: ['GET'], pathPattern: '/users/{id}' },
    rule: { kind: 'requires', file: 'mod-notes-8.1.0.json', pointer: '/requires/0' },
    wouldAllow: null,
    nearest: null,
    tokens: [],
    decidedAt: [
      'sidecar of mod-notes-8.1.0 (egress)',
      'Okapi’s sidecar (ingress)',
      'Okapi’s sidecar (modules)',
      'sidecar of mod-users-19.7.0 (ingress)',
    ],
  })
})

test('via okapi: on whose behalf a callee’s sidecar lets Okapi call', async (t) => {
  const asks = async (caller: string, at: string, path: string) => {
    const asked = `--caller ${caller} --at ${at} --via okapi --method GET --path ${path} --json`
    const { stdout, code } = await explain(asked)
    const told = JSON.parse(stdout)
    t.deepEqual(Object.keys(told), KEYS)
    t.is(told.caller, caller)
    t.deepEqual(told.decidedAt, [
      'Okapi’s sidecar (modules)',
      'sidecar of mod-users-19.7.0 (ingress)',
    ])
    return `${code} ${told.reason ?? told.rule.kind} ${told.provider}`
  }
  const users = 'mod-users-19.7.0'
  t.is(await asks('mod-notes-8.1.0', 'mod-users', '/users/1'), `0 requires ${users}`)
  t.is(await asks('mod-tags-3.1.0', users, '/users/1'), `1 interface-not-required ${users}`)
  t.is(await asks('okapi', users, '/users/1'), `1 caller-not-allowed ${users}`)
  t.is(await asks('unknown', users, '/users/1'), `1 caller-not-allowed ${users}`)
  t.is(await asks('okapi', users, '/_/tenant/1'), `0 default ${users}`)
  t.is(await asks('okapi', users, '/unheard'), '1 route-not-declared null')
  t.is(await asks('mod-notes-8.1.0', users, '/users/%2e'), '1 ambiguous-target null')
  const wrong = async (options: string) => (await explain(`--method GET --path / ${options}`)).code
  t.is(await wrong('--caller public --at okapi --via okapi'), 2)
  t.is(await wrong('--caller public --at mod-users --via nginx'), 2)
})

test('explains a refused call: exit 1, every key, what would allow it', async (t) => {
  const asked = '--caller mod-tags-3.1.0 --at okapi --method get --path /users/42'
  const { stdout, code } = await explain(asked, '--json')
  t.is(code, 1)
  const told = JSON.parse(stdout)
  t.deepEqual(Object.keys(told), KEYS)
  t.like(told, { decision: 'refuse', reason: 'interface-not-required', rule: null, nearest: null })
  t.regex(told.wouldAllow, /users in requires or optional of mod-tags, or a grant/)
  const forPeople = await explain(asked)
  t.is(forPeople.code, 1)
  t.regex(forPeople.stdout, /^refuse {2}interface-not-required\n\n {2}caller {6}mod-tags-3\.1\.0\n/)
  for (const line of forPeople.stdout.split('\n')) t.true(line.length <= 80, line)
})

test('an unknown caller is decided as the proxy would, with a hint', async (t) => {
  const { stdout, code } = await explain(
    '--caller mod-note-8.1.0 --at okapi --method GET --path /users --json',
  )
  t.is(code, 1)
  t.like(JSON.parse(stdout), { reason: 'caller-not-allowed', nearest: 'mod-notes-8.1.0' })
})

test('--at takes a product with one version', async (t) => {
  const { stdout, code } = await explain(
    '--caller okapi-7.2.0 --at mod-tags --method POST --path /_/tenant --json',
  )
  t.is(code, 0)
  t.like(JSON.parse(stdout), { at: 'mod-tags-3.1.0', rule: { kind: 'system' } })
})

test('--tenant and --module-id are what they are for the proxy', (t) => {
  const reason = (options: string) =>
    explainHere(['--descriptors', SET, ...options.split(' ')]).told.reason
  const tags = '--caller mod-tags-3.1.0 --at okapi --method GET --path /tags'
  t.is(reason(tags), null)
  t.is(reason(`${tags} --tenant diku`), null)
  t.is(reason(`${tags} --tenant supertenant`), 'tenant-not-allowed')
  const fields = '--caller public --at okapi --method GET --path /custom-fields'
  t.is(reason(fields), 'route-not-declared')
  t.is(reason(`${fields} --module-id mod-users-19.7.0`), null)
})

test('a path that two readers understand differently is refused as the proxy does', (t) => {
  for (const path of [
    '/users/../tags',
    '/users//1',
    '/users/a%2fb',
    '/a;b',
    'tags',
    '/ä',
    '/a\n',
  ]) {
    const asked = '--caller mod-tags-3.1.0 --at okapi --method GET'.split(' ')
    const { told } = explainHere(['--descriptors', SET, ...asked, '--path', path])
    t.deepEqual(Object.keys(told), KEYS)
    t.is(told.reason, 'ambiguous-target', path)
  }
})

test('grants come from a file', async (t) => {
  const file = join(await folder(t), 'grants.yaml')
  await writeFile(file, '- {caller: mod-tags, at: okapi, interface: users, why: a test}\n')
  const asked = '--caller mod-tags-3.1.0 --at okapi --method GET --path /users --json'
  const { stdout, code } = await explain(asked, '--grants', file)
  t.is(code, 0)
  t.deepEqual(JSON.parse(stdout).rule, { kind: 'grant', file, pointer: '/0' })
  await writeFile(file, '- {caller: mod-tags, at: okapi, interface: users}\n')
  const wrong = await explain(asked, '--grants', file)
  t.is(wrong.code, 2)
  t.true(wrong.stderr.includes(`${file}#/0: why must be a text`), wrong.stderr)
})

test('the policy comes from a configuration too', async (t) => {
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
  quarantine: [{ module: mod-notes <9, why: a test }]
`,
  )
  const ask = (caller: string, target: string) => {
    const options = ['--at', 'okapi', '--method', 'GET']
    return explainHere(['-c', file, '--caller', caller, '--path', target, ...options]).told
  }
  const reported = { decision: 'allow', reason: 'interface-not-required' }
  t.like(ask('mod-tags-3.1.0', '/users'), reported)
  t.like(ask('mod-notes-8.1.0', '/users'), { decision: 'refuse', reason: 'quarantined' })
  const known = ask('mod-authtoken-2.18.0', '/user-tenants')
  t.like(known, { decision: 'allow', reason: null, rule: { kind: 'grant' } })
  t.regex(known.rule?.file ?? '', /known\.yaml$/)
})

const WRONG: readonly (readonly [what: string, argv: readonly string[], says: RegExp])[] = [
  ['no subcommand', [], /missing subcommand: explain, matrix/],
  [
    'a mistyped subcommand',
    ['explian'],
    /there is no `policy explian`[\s\S]*did you mean `explain`/,
  ],
  [
    'no source',
    ['explain', '--caller', 'x', '--at', 'okapi', '--method', 'GET', '--path', '/'],
    /-c FILE/,
  ],
  [
    'two sources',
    [
      'explain',
      '-c',
      'x',
      '--descriptors',
      SET,
      '--caller',
      'x',
      '--at',
      'okapi',
      '--method',
      'GET',
      '--path',
      '/',
    ],
    /one of them, not both/,
  ],
  [
    'no caller',
    ['explain', '--descriptors', SET, '--at', 'okapi', '--method', 'GET', '--path', '/'],
    /--caller is missing/,
  ],
  [
    'no path',
    ['explain', '--descriptors', SET, '--at', 'okapi', '--caller', 'x', '--method', 'GET'],
    /--path is missing/,
  ],
  [
    'an unknown product',
    [
      'explain',
      '--descriptors',
      SET,
      '--caller',
      'x',
      '--at',
      'mod-user',
      '--method',
      'GET',
      '--path',
      '/',
    ],
    /did you mean mod-users\?/,
  ],
  ...['okapi', 'mod-users --via okapi'].map((at): [string, string[], RegExp] => [
    `a caller without its version, at ${at}`,
    [
      'explain',
      '--descriptors',
      SET,
      ...`--caller mod-tags --at ${at} --method GET --path /`.split(' '),
    ],
    /--caller mod-tags: it is not a full module id.* did you mean mod-tags-3\.1\.0\?/,
  ]),
  ['an unknown option', ['explain', '--descriptor', SET], /--descriptor/],
  [
    'an absent folder',
    [
      'explain',
      '--descriptors',
      `${SET}-absent`,
      '--caller',
      'x',
      '--at',
      'okapi',
      '--method',
      'GET',
      '--path',
      '/',
    ],
    /there is no /,
  ],
  ['pack without -o', ['pack', SET], /-o FILE is missing/],
  [
    'pack for an unknown module',
    ['pack', SET, '-o', '/nowhere/x', '--for', 'mod-x-1.0.0'],
    /no descriptor of mod-x-1.0.0/,
  ],
  ['pack to nowhere', ['pack', SET, '-o', '/nowhere/x'], /cannot write/],
]

for (const [what, argv, says] of WRONG) {
  test(`refuses to start with ${what}`, async (t) => {
    const error: unknown = await t.throwsAsync(() => runHere(argv), { any: true })
    t.regex(`${error instanceof Error ? error.message : ''} ${hints(error)}`, says)
  })
}

function hints(error: unknown): string {
  return error instanceof Fault ? error.problems.map(({ hint }) => hint ?? '').join(' ') : ''
}

test('wrong usage is exit 2, with nothing on stdout', async (t) => {
  for (const argv of [['explian'], ['explain', '--descriptor', SET]]) {
    const { stdout, stderr, code } = await policy(...argv)
    t.is(code, 2, stderr)
    t.is(stdout, '')
    t.regex(stderr, /^okapi-sidecar: error: .+\nokapi-sidecar: hint: /)
  }
})

test('pack writes one file that explain reads, and leaves nothing else behind', async (t) => {
  const path = await folder(t)
  const out = join(path, 'installed.json')
  const packed = await policy('pack', SET, '-o', out)
  t.is(packed.code, 0, packed.stderr)
  t.regex(packed.stdout, /10 of 10 modules/)
  t.deepEqual(await readdir(path), ['installed.json'])
  const asked = '--caller mod-notes-8.1.0 --at okapi --method GET --path /users --json'.split(' ')
  const [folderSays, fileSays] = await Promise.all(
    [SET, out].map((source) => policy('explain', '--descriptors', source, ...asked)),
  )
  t.is(fileSays!.stdout, folderSays!.stdout)
  const { size } = await stat(out)
  const less = await policy('pack', SET, '-o', out, '--for', 'mod-notes-8.1.0')
  t.regex(less.stdout, /2 of 10 modules/)
  t.true((await stat(out)).size < size)
})

test('explains whose tokens a module may send', async (t) => {
  const path = await folder(t)
  const grants = join(path, 'grants.yaml')
  await writeFile(grants, '- {caller: mod-notes, at: okapi, tokens: [mod-tags], why: by Kafka}\n', {
    mode: 0o600,
  })
  const told = async (caller: string, at = 'okapi', ...more: string[]) => {
    const asked = `--caller ${caller} --at ${at} --method GET --path /users/42 --json`
    return JSON.parse((await explain(asked, ...more)).stdout).tokens
  }
  t.deepEqual(await told('mod-notes-8.1.0'), [])
  t.deepEqual(await told('mod-notes-8.1.0', 'okapi', '--grants', grants), ['mod-tags-3.1.0'])
  t.is(await told('mod-authtoken-2.18.0'), 'any')
  t.is(await told('public'), null)
  t.is(await told('operator/anna'), null)
  t.is(await told('okapi-7.2.0', 'mod-users-19.7.0'), null)
  const text = await explain(
    '--caller mod-notes-8.1.0 --at okapi --method GET --path /users/42 --grants',
    grants,
  )
  t.regex(
    text.stdout.replace(/\s+/g, ' '),
    /tokens those that Okapi has sent to mod-notes-8\.1\.0, or to mod-tags-3\.1\.0 by a grant/,
  )
})
