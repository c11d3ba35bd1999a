import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { MAPPING_RULES, principalOf } from '../../src/cli/kafka/broker-acls.ts'
import { typed } from '../support/typed.ts'

const USERS = 'mod-users-19.7.0'

interface Printed {
  readonly acls: readonly Readonly<Record<string, string>>[]
  readonly wider: readonly { readonly pattern: string; readonly name: string }[]
}

function folder(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'kafka-cli-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A sidecar's configuration with rules for its module. */
function configuration(t: ExecutionContext, rules: readonly object[], more: object = {}): string {
  const file = join(folder(t), 'sidecar.json')
  const written = {
    module: USERS,
    trustDomain: 'folio.test',
    credentials: { directory: '/nonexistent' },
    kafka: {
      bootstrap: '127.0.0.1:9093',
      rules: rules.map((rule) => ({ caller: 'mod-users', why: 'test', ...rule })),
      ...more,
    },
  }
  writeFileSync(file, JSON.stringify(written), { mode: 0o600 })
  return file
}

async function acls(t: ExecutionContext, ...argv: readonly string[]): Promise<Printed> {
  const { code, stdout, stderr } = await typed(['kafka', 'acls', '--json', ...argv])
  t.is(code, 0, stderr)
  return JSON.parse(stdout)
}

function short({ acls: list }: Printed): string[] {
  return list.map(
    ({ resource, pattern, name, operation }) => `${operation} ${resource} ${pattern} ${name}`,
  )
}

test('a rule becomes the ACLs that let a broker decide alike', async (t) => {
  const file = configuration(t, [
    {
      topics: {
        produce: ['{env}.{tenant}.users.*', 'exact'],
        consume: ['{env}.Default.{tenant}.X'],
        create: ['{env}.{tenant}.users.*'],
      },
      groups: ['{env}-mod-users-group'],
      transactions: ['users-*'],
      admin: ['DeleteTopics', 'DescribeAcls'],
    },
  ])
  const printed = await acls(t, '-c', file, '--tenant', 'diku')
  t.deepEqual(short(printed), [
    'Write topic prefixed folio.diku.users.',
    'Write topic literal exact',
    'Read topic literal folio.Default.diku.X',
    'Create topic prefixed folio.diku.users.',
    'Read group literal folio-mod-users-group',
    'Write transactional-id prefixed users-',
    'Delete topic prefixed folio.diku.users.',
    'Describe cluster literal kafka-cluster',
  ])
  t.true(printed.acls.every(({ principal }) => principal === `User:CN=${USERS}`))
  t.deepEqual(printed.wider, [])
})

test('what a broker cannot say as narrowly is said to be wider', async (t) => {
  const file = configuration(t, [{ groups: ['A.*.mod-users-*', '*.x', 'B*'] }])
  const printed = await acls(t, '-c', file)
  t.deepEqual(short(printed), [
    'Read group prefixed A.',
    'Read group literal *',
    'Read group prefixed B',
  ])
  t.deepEqual(printed.wider, [
    { pattern: 'A.*.mod-users-*', name: 'A.' },
    { pattern: '*.x', name: '*' },
  ])
})

test('a name of several lines, as a module may give its group, is no command in the output', async (t) => {
  const directory = folder(t)
  const file = configuration(t, [
    { groups: [`A\ntouch ${directory}/one\n*b`, `c*\ntouch ${directory}/two\n`] },
  ])
  const { code, stdout, stderr } = await typed(['kafka', 'acls', '-c', file])
  t.is(code, 0, stderr)
  writeFileSync(join(directory, 'kafka-acls.sh'), '#!/bin/sh\n', { mode: 0o755 })
  const env = { PATH: `${directory}:${process.env['PATH']}`, BOOTSTRAP: 'b', ADMIN: 'a' }
  execFileSync('sh', ['-c', stdout], { env })
  t.deepEqual(readdirSync(directory), ['kafka-acls.sh'])
})

test('{tenant} is written out for each tenant of the configuration and of the rule', async (t) => {
  const topics = { consume: ['{env}.{tenant}.a'] }
  const rules = [{ topics }, { topics: { consume: ['{env}.{tenant}.b'] }, tenants: ['own'] }]
  const more = { tenants: ['diku', 'old_one'], tenantCollection: 'ALL' }
  t.deepEqual(short(await acls(t, '-c', configuration(t, rules, more))), [
    'Read topic literal folio.diku.a',
    'Read topic literal folio.old_one.a',
    'Read topic literal folio.ALL.a',
    'Read topic literal folio.ALL.b',
    'Read topic literal folio.own.b',
  ])
})

test('a rule for any tenant needs names of tenants', async (t) => {
  const file = configuration(t, [{ topics: { consume: ['{env}.{tenant}.a'] } }])
  const { code, stderr } = await typed(['kafka', 'acls', '-c', file])
  t.is(code, 2)
  t.regex(stderr, /no tenant is named that fits \{env\}\.\{tenant\}\.a\n/)
})

test('rules for others, and those that have run out, become no ACL', async (t) => {
  const rules = [
    { caller: 'mod-users-bl', groups: ['a'] },
    { caller: 'mod-users-19.6.0', groups: ['b'] },
    { caller: USERS, groups: ['c'] },
    { groups: ['d'], until: '2020-01-31' },
  ]
  t.deepEqual(short(await acls(t, '-c', configuration(t, rules))), ['Read group literal c'])
})

test('commands name the principal, and quote for a shell', async (t) => {
  const file = configuration(t, [{ groups: ["it's"], topics: { produce: ['a.*'] } }])
  const { stdout } = await typed(['kafka', 'acls', '-c', file, '--principal', 'product'])
  t.true(stdout.includes(`ssl.principal.mapping.rules=${MAPPING_RULES}\n`))
  t.true(
    stdout.includes(
      `--allow-principal 'User:mod-users' --operation Write --topic 'a.' --resource-pattern-type prefixed\n`,
    ),
  )
  t.true(stdout.includes(`--operation Read --group 'it'\\''s'\n`))
})

test('a mapping rule makes the product of a common name', (t) => {
  // As org.apache.kafka.common.security.ssl.SslPrincipalMapper reads it: the whole subject must fit.
  const [, pattern] = /^RULE:(.*)\/\$1\//.exec(MAPPING_RULES)!
  for (const id of ['mod-users-19.7.0', 'mod-users-bl-8.1.0', 'edge-sip2-3.0.0-SNAPSHOT.12']) {
    t.is(`User:${new RegExp(pattern!).exec(`CN=${id}`)?.[1]}`, principalOf(id, 'product'), id)
  }
  t.is(new RegExp(pattern!).exec('CN=mod-users-19.7.0,O=x'), null)
})

test('the shipped rules make ACLs for each module of a folder that has rules', async (t) => {
  const directory = folder(t)
  for (const id of ['mod-consortia-3.4.3', 'mod-tags-3.1.0']) {
    writeFileSync(join(directory, `${id}.json`), JSON.stringify({ id }), { mode: 0o644 })
  }
  const rules = join(directory, 'rules.yaml')
  writeFileSync(rules, '- {caller: mod-tags, why: test, groups: [tags]}\n', { mode: 0o600 })
  const place = ['--descriptors', directory, '--tenant', 'diku', '--env', 'test']
  const printed = await acls(t, ...place, '--rules', rules)
  t.deepEqual(
    [...new Set(printed.acls.map(({ principal }) => principal))],
    ['User:CN=mod-consortia-3.4.3', 'User:CN=mod-tags-3.1.0'],
  )
  t.true(short(printed).includes('Write topic prefixed test.Default.diku.CONSORTIUM_'))
  t.true(short(printed).includes('Read group literal tags'))
})

for (const [why, argv] of [
  ['no configuration there', ['acls', '-c', '/nonexistent.yaml']],
  ['an odd tenant', ['acls', '--descriptors', '.', '--tenant', 'a b']],
  ['an odd principal', ['acls', '--descriptors', '.', '--principal', 'san']],
  ['no such subcommand', ['alcs']],
  ['none', []],
] as const) {
  test(`wrong usage is 2: ${why}`, async (t) => {
    t.is((await typed(['kafka', ...argv])).code, 2)
  })
}
