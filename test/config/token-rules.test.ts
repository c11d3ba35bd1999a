import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loadConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/fault.ts'

const MIGRATION = {
  listen: '127.0.0.1:9131',
  from: ['10.1.2.3'],
  until: new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10),
  why: 'moving',
}
const USERS = { module: 'mod-users-19.7.0', ingress: {}, egress: {} }
const OKAPI = { module: 'okapi-7.2.0', ingress: {} }

function found(settings: object): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-config-'))
  chmodSync(directory, 0o700)
  const file = join(directory, 'sidecar.yaml')
  writeFileSync(file, JSON.stringify({ trustDomain: 'folio.test', ...settings }), { mode: 0o600 })
  try {
    return loadConfig(file, {}).problems.map(({ severity, message }) => `${severity} ${message}`)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.problems.map(({ message }) => `error ${message}`)
  }
}

const enforce = { policy: { tokens: 'enforce' } }

test('where nothing tells which tokens Okapi sends there is a warning', (t) => {
  t.deepEqual(found({ ...OKAPI, ...enforce, egress: { modules: {} } }), [])
  const [warning, ...more] = found({ ...OKAPI, ...enforce })
  t.regex(warning!, /^warning `policy\.tokens` without `egress\.modules`/)
  t.deepEqual(more, [])
  t.deepEqual(found({ ...OKAPI, policy: { tokens: 'off' } }), [])
})

test('tokens that come by the migration listener are not remembered', (t) => {
  t.deepEqual(found({ ...USERS, ...enforce }), [])
  t.deepEqual(found({ ...USERS, migration: MIGRATION }), [])
  for (const tokens of ['report', 'enforce']) {
    const [warning] = found({ ...USERS, policy: { tokens }, migration: MIGRATION })
    t.regex(warning!, /^warning `policy\.tokens` beside `migration`/)
  }
  const okapi = { ...OKAPI, ...enforce, egress: { modules: {} }, migration: MIGRATION }
  t.deepEqual(found(okapi), [], 'beside Okapi it is callers that come by it')
})

test('a life and a capacity that make no sense are refused', (t) => {
  for (const [key, value] of [
    ['tokenSeenMs', 1000],
    ['tokenSeenMs', -1],
    ['tokenGraceMs', -1],
    ['tokensPerModule', 0],
    ['tokensPerModule', 2 ** 30],
    ['tokens', 'on'],
  ] as const) {
    t.regex(found({ ...USERS, policy: { [key]: value } })[0] ?? '', /^error .*policy/, key)
  }
})
