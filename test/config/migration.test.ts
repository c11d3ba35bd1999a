import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loadConfig } from '../../src/config/load.ts'
import { migrationFlaws } from '../../src/config/migration-rules.ts'
import { Fault, sentence } from '../../src/fault.ts'

const DAY_MS = 24 * 60 * 60 * 1000

function day(days: number): string {
  return new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10)
}

function written(migration: string, ingress = 'ingress: {}'): string {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-config-'))
  chmodSync(directory, 0o700)
  const file = join(directory, 'sidecar.yaml')
  const text = `module: mod-users-19.7.0\ntrustDomain: folio.test\negress: {}\n${ingress}\n${migration}\n`
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

function problemsOf(migration: string, ingress?: string): string[] {
  const file = written(migration, ingress)
  try {
    return loadConfig(file, {}).problems.map((one) => sentence(one).replace(`${file}:`, ''))
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.problems.map((one) => `error ${sentence(one).replace(`${file}:`, '')}`)
  }
}

function migration(more: Readonly<Record<string, string>> = {}): string {
  const keys = { listen: '0.0.0.0:9131', from: '[10.1.2.3]', until: day(30), why: 'moving' }
  const lines = Object.entries({ ...keys, ...more }).filter(([, value]) => value !== '')
  return ['migration:', ...lines.map(([key, value]) => `  ${key}: ${value}`)].join('\n')
}

test('without the section there is no migration listener', (t) => {
  t.is(loadConfig(written(''), {}).config.migration, undefined)
})

test('the section is read: a day counts from its first moment', (t) => {
  const until = day(30)
  const { config, problems } = loadConfig(written(migration({ until })), {})
  t.deepEqual(problems, [])
  const { listen, from, until: untilMs, why } = config.migration!
  t.deepEqual(listen, { host: '0.0.0.0', port: 9131 })
  t.deepEqual(
    from.map(({ text }) => text),
    ['10.1.2.3'],
  )
  t.is(untilMs, Date.parse(`${until}T00:00:00Z`))
  t.is(why, 'moving')
})

test('no key of it has a default', (t) => {
  for (const key of ['listen', 'from', 'until', 'why']) {
    t.deepEqual(problemsOf(migration({ [key]: '' })), [
      `error 5:1: \`migration.${key}\` is missing`,
    ])
  }
  t.is(problemsOf(migration({ from: '[]' })).length, 1)
  t.regex(problemsOf(migration({ from: '[]' }))[0]!, /^error 7:9: .*must not be empty/)
})

test('addresses that match no peer are refused with their place', (t) => {
  t.regex(
    problemsOf(migration({ from: '[10.1.2.3, 0.0.0.0/0]' }))[0]!,
    /^error 7:20: `migration.from.1` 0\.0\.0\.0\/0 is wider than \/8/,
  )
  t.regex(problemsOf(migration({ from: '[okapi]' }))[0]!, /^error 7:10: .* must be addresses as/)
})

test('a whole pod network is allowed, with a warning', (t) => {
  const [warning, ...more] = problemsOf(migration({ from: '[10.244.0.0/16]' }))
  t.regex(warning!, /^7:10: `migration.from` lists 10.244.0.0\/16: any host with an address/)
  t.deepEqual(more, [])
})

test('an end that is too far away is refused, with its place', (t) => {
  t.deepEqual(problemsOf(migration({ until: day(179) })), [])
  t.deepEqual(problemsOf(migration({ until: day(182) })), [
    'error 8:10: `migration.until` is more than 180 days away',
  ])
  t.regex(
    problemsOf(migration({ until: 'soon' }))[0]!,
    /^error 8:10: `migration.until` must be a date/,
  )
  t.regex(problemsOf(migration({ until: '2026-13-01' }))[0]!, /must be a date/)
})

test('a day that is over is a warning when the process starts and an error for `check`', (t) => {
  const { problems, overdue, config } = loadConfig(written(migration({ until: day(-1) })), {})
  t.is(problems.length, 1)
  t.is(overdue[0], problems[0])
  t.is(overdue[0]?.where?.line, 8)
  t.is(overdue[0]?.where?.column, 10)
  t.regex(overdue[0]!.message, /`migration.until` is over/)
  t.true(config.migration!.until < Date.now())
})

test('the first moment of `until` is over, the one before is not', (t) => {
  const raw = { ingress: {}, migration: { until: '2027-01-31' } }
  const at = Date.parse('2027-01-31T00:00:00Z')
  t.is(migrationFlaws(raw, at - 1).overdue.length, 0)
  t.is(migrationFlaws(raw, at).overdue.length, 1)
})

test('it needs ingress.forward, and cannot be a Unix socket, which tells no address', (t) => {
  t.regex(problemsOf(migration(), '')[0]!, /^error 6:3: `migration` needs `ingress.forward`/)
  t.regex(problemsOf(migration({ listen: 'unix:/run/x' }))[0]!, /^error 6:11: .* tells no address/)
})
