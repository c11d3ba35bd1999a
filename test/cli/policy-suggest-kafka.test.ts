import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { parse } from 'yaml'
import { typed } from '../support/typed.ts'

function line(more: object): string {
  const said = { level: 'warn', time: '2026-11-02T10:00:00.000Z', direction: 'kafka', ...more }
  return JSON.stringify({ msg: 'kafka request would be refused', ...said })
}

async function suggested(t: ExecutionContext, lines: readonly string[], kafka: object = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'kafka-suggest-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'sidecar.json')
  const written = {
    module: 'mod-users-19.7.0',
    trustDomain: 'folio.test',
    credentials: { directory: '/nonexistent' },
    kafka: { bootstrap: 'kafka:9093', mode: 'report', ...kafka },
  }
  writeFileSync(file, JSON.stringify(written), { mode: 0o600 })
  const log = join(directory, 'sidecar.log')
  writeFileSync(log, `${lines.join('\n')}\n`)
  return typed(['policy', 'suggest', '-c', file, '--kafka', '--from', log])
}

test('what report mode saw becomes one rule, with placeholders', async (t) => {
  const { code, stdout, stderr } = await suggested(t, [
    line({ api: 'Produce', right: 'produce', topic: 'folio.diku.users.users' }),
    line({ api: 'Produce', right: 'produce', topic: 'folio.other.users.users' }),
    line({ api: 'Fetch', right: 'consume', topic: 'folio.Default.diku.DI_COMPLETED' }),
    line({ api: 'CreateTopics', right: 'create', topic: 'plain' }),
    line({ api: 'JoinGroup', group: 'folio-mod-users-group' }),
    line({ api: 'InitProducerId', transaction: 'mod-users-1', time: '2026-11-04T10:00:00.000Z' }),
    line({ api: 'Metadata', topic: 'folio.diku.loans.loan' }),
    line({ api: 'Metadata', topic: 'folio.diku.users.users' }),
    line({ msg: 'kafka request refused', right: 'produce', topic: 'folio.diku.secret' }),
    'no json',
  ])
  t.is(code, 0, stderr)
  const [rule, ...more] = parse(stdout)
  t.deepEqual(more, [])
  const { until, ...rest } = rule
  t.deepEqual(rest, {
    caller: 'mod-users',
    topics: {
      produce: ['{env}.{tenant}.users.users'],
      consume: ['{env}.Default.{tenant}.DI_COMPLETED'],
      create: ['plain'],
    },
    groups: ['folio-mod-users-group'],
    transactions: ['mod-users-1'],
    why: 'seen in report mode between 2026-11-02 and 2026-11-04',
  })
  t.regex(until, /^\d{4}-\d\d-\d\d$/)
  t.regex(stdout, /only asked about, so no right is known: \{env\}\.\{tenant\}\.loans\.loan/)
  t.false(stdout.includes('secret'))
})

test('only tenants of the configuration become {tenant}, where it has some', async (t) => {
  const topics = ['folio.diku.a.b', 'folio.other.a.b', 'folio.ALL.a.b'].map((topic) =>
    line({ right: 'consume', topic }),
  )
  const { stdout } = await suggested(t, topics, { tenants: ['diku'], tenantCollection: 'ALL' })
  t.deepEqual(parse(stdout)[0].topics, { consume: ['folio.other.a.b', '{env}.{tenant}.a.b'] })
})

test('a log without any is an empty list', async (t) => {
  const { code, stdout } = await suggested(t, ['{}'])
  t.is(code, 0)
  t.deepEqual(parse(stdout), [])
})

test('a name never becomes a wider pattern, and keeps no other from being proposed', async (t) => {
  const odd = ['*', 'folio.diku.*', '{tenant}', 'x\u009b31m', 'x\u202ey', 'x\ny', '']
  const { code, stdout } = await suggested(t, [
    ...odd.map((topic) => line({ right: 'produce', topic })),
    ...odd.map((group) => line({ group })),
    ...odd.map((transaction) => line({ transaction })),
    line({ right: 'produce', topic: 'folio.diku.a.b' }),
  ])
  t.is(code, 0)
  const { topics, groups, transactions } = parse(stdout)[0]
  t.deepEqual(topics, { produce: ['{env}.{tenant}.a.b'] })
  t.deepEqual([groups, transactions], [undefined, undefined])
  t.is(stdout.match(/left out, no pattern means only "/g)?.length, odd.length)
  t.regex(stdout, /^[\n -~]+$/)
})
