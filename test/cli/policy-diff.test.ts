import { cp, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { TrustDifference } from '../../src/analysis/difference.ts'
import { folder, narrow, policy, SET } from '../support/policy-verb.ts'

/** The fixtures with a new version of mod-users that has a route more. */
async function upgraded(t: ExecutionContext): Promise<string> {
  const path = join(await folder(t), 'next')
  await cp(SET, path, { recursive: true })
  const [before, after] = ['mod-users-19.7.0', 'mod-users-19.8.0'].map((id) =>
    join(path, `${id}.json`),
  )
  const descriptor = JSON.parse(await readFile(before!, 'utf8'))
  descriptor.id = 'mod-users-19.8.0'
  descriptor.provides[0].handlers.push({ methods: ['POST'], pathPattern: '/users/expire' })
  await rename(before!, after!)
  await writeFile(after!, JSON.stringify(descriptor))
  return path
}

test('a module upgraded with a route more: it is named, for each caller; exit 1', async (t) => {
  const next = await upgraded(t)
  const { stdout, stderr, code } = await policy(['diff', SET, next])
  t.is(code, 1, stderr)
  t.is(stdout.match(/\+ POST \/users\/expire/g)?.length, 3)
  t.regex(stdout, /opens to okapi, public\n {2}`users` 16\.5 of mod-users-19\.8\.0\n/)
  t.regex(stdout, /opens to .*mod-notes-8\.1\.0/s)
  t.notRegex(stdout, /closes|mod-tags/)
  narrow(t, stdout.split('\n').slice(2).join('\n'))
  const { opens, closes } = JSON.parse((await policy(['diff', SET, next, '--json'])).stdout)
  t.deepEqual(closes, [])
  t.like(
    opens.find(({ caller }: { caller: string }) => caller === 'mod-notes-8.1.0'),
    {
      provider: 'mod-users-19.8.0',
      interface: { id: 'users' },
      methods: ['POST'],
      pathPattern: '/users/expire',
      rule: { kind: 'requires', file: 'mod-notes-8.1.0.json', pointer: '/requires/0' },
    },
  )
})

test('the way back only closes: exit 0; the same twice says so', async (t) => {
  const next = await upgraded(t)
  const back = await policy(['diff', next, SET])
  t.is(back.code, 0, back.stderr)
  t.regex(back.stdout, /closes to okapi, public\n.*\n {4}- POST \/users\/expire/)
  const same = await policy(['diff', SET, SET])
  t.is(same.code, 0)
  t.regex(same.stdout, /\n0 more openings, 0 fewer\n$/)
})

/** The fixtures, where mod-tags provides one interface more, without a route. */
async function trusted(t: ExecutionContext, more: object): Promise<string> {
  const path = join(await folder(t), 'next')
  await cp(SET, path, { recursive: true })
  const file = join(path, 'mod-tags-3.1.0.json')
  const descriptor = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...descriptor, ...more }))
  return path
}

test('an interface without a route that gives a module users’ tokens is listed first; exit 1', async (t) => {
  const next = await trusted(t, { provides: [{ id: 'authtoken-x', version: '1.0' }] })
  const { stdout, stderr, code } = await policy(['diff', SET, next])
  t.is(code, 1, stderr)
  t.regex(
    stdout,
    /\n0 more openings, \d+ fewer\n\nTRUSTED WITH USERS AND THEIR TOKENS FROM NOW ON\n/,
  )
  t.regex(stdout, /! mod-tags-3\.1\.0 is handed the access and refresh tokens of every user/)
  t.regex(
    stdout,
    /! mod-tags-3\.1\.0 may hand out tokens[^!]*mod-tags-3\.1\.0\.json#\/provides\/0\)/,
  )
  narrow(t, stdout.split('\n').slice(2).join('\n'))
  const json = await policy(['diff', SET, next, '--json'])
  const { trusts, trustsNoMore }: TrustDifference = JSON.parse(json.stdout)
  t.deepEqual(trustsNoMore, [])
  t.deepEqual(
    trusts.map(({ module, trust, interface: provided }) => [module, trust, provided?.id]),
    [
      ['mod-tags-3.1.0', 'cookies', 'authtoken-x'],
      ['mod-tags-3.1.0', 'tokens', 'authtoken-x'],
    ],
  )
  const back = await policy(['diff', next, SET])
  t.is(back.code, 1, 'its own routes are open again')
  t.regex(
    back.stdout,
    /\nno longer trusted with users and their tokens\n {2}- mod-tags-3\.1\.0 is handed/,
  )
  t.notRegex(back.stdout, /FROM NOW ON/)
})

test('a new auth filter is reported too; a new version of a login module is not', async (t) => {
  const filter = { methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }
  const next = await trusted(t, { filters: [filter] })
  const { stdout, code } = await policy(['diff', SET, next])
  t.is(code, 1)
  t.regex(stdout, /! mod-tags-3\.1\.0 is asked about every request and believed/)
  const file = join(next, 'mod-login-7.14.0.json')
  const login = JSON.parse(await readFile(file, 'utf8'))
  await rename(file, join(next, 'mod-login-7.15.0.json'))
  await writeFile(
    join(next, 'mod-login-7.15.0.json'),
    JSON.stringify({ ...login, id: 'mod-login-7.15.0' }),
  )
  const upgraded = await policy(['diff', SET, next])
  t.notRegex(upgraded.stdout, /! mod-login/)
})

test('a packed file is its folder', async (t) => {
  const out = join(await folder(t), 'packed.json')
  t.is((await policy(['pack', SET, '-o', out])).code, 0)
  const { code, stdout } = await policy(['diff', SET, out])
  t.is(code, 0)
  t.regex(stdout, /0 more openings, 0 fewer/)
})

test('grants: two files, or one for each side', async (t) => {
  const path = await folder(t)
  const [none, some] = [join(path, 'none.yaml'), join(path, 'some.yaml')]
  await writeFile(none, '[]\n')
  await writeFile(some, '- {caller: mod-tags, at: okapi, interface: users, why: a test}\n')
  const two = await policy(['diff', none, some, '--descriptors', SET])
  t.is(two.code, 1, two.stderr)
  t.regex(two.stdout, /opens to mod-tags-3\.1\.0\n.*by grant: a test, \S+some\.yaml#\/0/s)
  const sides = await policy(['diff', SET, SET, '--grants-a', some, '--grants-b', none])
  t.is(sides.code, 0, sides.stderr)
  t.regex(sides.stdout, /closes to mod-tags-3\.1\.0/)
  const both = await policy(['diff', SET, SET, '--grants', some])
  t.is(both.code, 0)
})

test('policy diff: wrong usage', async (t) => {
  const wrong: (readonly [string[], RegExp])[] = [
    [['diff'], /diff takes two/],
    [['diff', SET], /diff takes two/],
    [['diff', SET, SET, SET], /diff takes two/],
    [['diff', SET, `${SET}-absent`], /there is no /],
    [['diff', SET, SET, '--grants', 'x', '--grants-a', 'y'], /not with --grants-a/],
    [['diff', 'a', 'b', '--descriptors', SET, '--grants', 'x'], /A and B are the grants/],
  ]
  for (const [argv, says] of wrong) {
    const { stderr, stdout, code } = await policy(argv)
    t.is(code, 2, argv.join(' '))
    t.regex(stderr, says)
    t.is(stdout, '')
  }
})
