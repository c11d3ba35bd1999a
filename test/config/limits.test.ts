import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loadConfig } from '../../src/config/load.ts'
import { Fault, sentence } from '../../src/fault.ts'
import { limitsOverTls, memoryProblems } from '../../src/sidecar/machine.ts'

const USERS = `module: mod-users-19.7.0
trustDomain: folio.test
ingress: { listen: '[::1]:0', forward: http://127.0.0.1:8081 }
`
const OKAPI = `module: okapi-7.2.0
trustDomain: folio.test
ingress: { forward: http://127.0.0.1:9130 }
`

/** What is said of limits, with its place in the file; each with a hint. */
function warningsOf(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  const { file, problems } = loaded(text, env)
  return problems.map((problem) => {
    if (problem.severity !== 'warning' || problem.hint === undefined) throw new Error('no hint')
    return sentence(problem).replace(`${file}:`, '')
  })
}

function loaded(text: string, env: NodeJS.ProcessEnv) {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-limits-'))
  chmodSync(directory, 0o700)
  const file = join(directory, 'sidecar.yaml')
  writeFileSync(file, text, { mode: 0o600 })
  return { file, ...loadConfig(file, env) }
}

for (const [name, base, limits, expected] of [
  [
    'more pending than settled',
    USERS,
    '{ pendingConnections: 5000 }',
    /^4:31: .*pendingConnections/,
  ],
  [
    'fewer connections than are pending',
    USERS,
    '{ connections: 100 }',
    /^4:24: .*\(512\) is not less/,
  ],
  [
    'a share above all',
    USERS,
    '{ connections: 1000, connectionsPerPeer: 1500 }',
    /^4:50: .*connectionsPerPeer \(1500\) is more than limits\.connections \(1000\)/,
  ],
  [
    'more to the module than all',
    USERS,
    '{ exchanges: 1000 }',
    /^4:22: .*exchangesToModule \(1280\)/,
  ],
  ['more to one than to all', OKAPI, '{ exchanges: 2000, exchangesPerCallee: 2001 }', /^4:48: /],
  [
    'less than Okapi lets through',
    USERS,
    '{ exchangesToModule: 500 }',
    /^4:30: .*is less than 586/,
  ],
  [
    'more than Okapi has connections',
    OKAPI,
    '{ exchangesToModule: 1001 }',
    /^4:30: .*1000 connections/,
  ],
  ['no room for nested calls', OKAPI, '{ exchanges: 1999 }', /^4:22: .*less than twice/],
  [
    'cut before it is late',
    USERS,
    '{ responseHeadMs: 30000 }',
    /^4:27: .*drainTimeoutMs \(25000\)/,
  ],
  ['idle no longer than Okapi', USERS, '{ idleMs: 60000 }', /^4:19: .*idleMs/],
  ['a few slow exchanges', USERS, '{ bufferedBytes: 524287 }', /^4:26: .*bufferedBytes/],
] as const) {
  test(`limits that make no sense together: ${name}`, (t) => {
    const warnings = warningsOf(`${base}limits: ${limits}\n`)
    t.is(warnings.length, 1, warnings.join('\n'))
    t.regex(warnings[0] ?? '', expected)
  })
}

test('limits that fit, and defaults, are not spoken of', (t) => {
  t.deepEqual(warningsOf(USERS), [])
  t.deepEqual(warningsOf(OKAPI), [])
  const fitting =
    '{ connections: 1000, pendingConnections: 100, responseHeadMs: 20000, idleMs: 61000 }'
  t.deepEqual(warningsOf(`${USERS}limits: ${fitting}\n`), [])
})

test('a limit that the environment sets is named by its variable', (t) => {
  const [warning] = warningsOf(USERS, { SIDECAR_LIMITS_IDLE_MS: '1000' })
  t.regex(warning ?? '', /^SIDECAR_LIMITS_IDLE_MS: limits\.idleMs \(1000\)/)
})

test('more is buffered than there is memory for', (t) => {
  t.deepEqual(memoryProblems(33_554_432, 134_217_728), [])
  const [problem, ...more] = memoryProblems(67_108_865, 134_217_728)
  t.deepEqual(more, [])
  t.regex(problem?.message ?? '', /limits\.bufferedBytes \(67108865\) is more than half/)
})

test('connections over TLS are no more than there is memory for', (t) => {
  const { limits } = loaded(USERS, {}).config
  const of = (memory: number, workers = 1) => {
    const { connections, pendingConnections } = limitsOverTls({ limits, workers }, memory)
    return [connections, pendingConnections]
  }
  t.deepEqual(of(2 ** 32), [limits.connections, limits.pendingConnections])
  t.deepEqual(of(134_217_728), [327, 164])
  t.deepEqual(of(201_326_592, 2), [245, 123])
  t.deepEqual(of(1_000_000), [64, 32])
})

/** Errors about `limits.adaptive`, without the file. */
function errorsOf(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  try {
    loaded(text, env)
    return []
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.problems.map(sentence)
  }
}

test('a limit that follows the latency is off unless asked for', (t) => {
  t.deepEqual(loaded(USERS, {}).config?.limits.adaptive, { tolerance: 0, min: 16 })
  const on = loaded(USERS, { SIDECAR_LIMITS_ADAPTIVE_TOLERANCE: '2.5' })
  t.deepEqual(on.config?.limits.adaptive, { tolerance: 2.5, min: 16 })
  t.deepEqual(errorsOf(`${USERS}limits: { adaptive: { tolerance: 0, min: 1 } }\n`), [])
})

test('a limit that follows how busy the sidecar is, is off unless asked for', (t) => {
  t.is(loaded(USERS, {}).config?.limits.turnMs, 0)
  t.is(loaded(OKAPI, { SIDECAR_LIMITS_TURN_MS: '2.5' }).config?.limits.turnMs, 2.5)
  for (const wrong of ['-1', '1001', 'on']) {
    t.is(errorsOf(`${USERS}limits: { turnMs: ${wrong} }\n`).length, 1, wrong)
  }
})

test('it is refused where it cannot work: beside Okapi, without an ingress, below what varies anyway', (t) => {
  const adaptive = 'limits: { adaptive: { tolerance: 2 } }\n'
  t.deepEqual(errorsOf(`${OKAPI}limits: { adaptive: { tolerance: 0 } }\n`), [])
  t.regex(
    errorsOf(OKAPI + adaptive).join(),
    /^[^,]*:4:\d+: `limits\.adaptive` follows .* one module/,
  )
  const env = { SIDECAR_LIMITS_ADAPTIVE_TOLERANCE: '2' }
  t.regex(errorsOf(OKAPI, env).join(), /`limits\.adaptive` follows .* one module/)
  const caller = 'module: mod-users-19.7.0\ntrustDomain: folio.test\negress: {}\n'
  t.regex(errorsOf(caller + adaptive).join(), /`limits\.adaptive` needs an `ingress`/)
  for (const wrong of [
    'tolerance: 1',
    'tolerance: 101',
    'tolerance: -2',
    'tolerance: on',
    'min: 0',
  ]) {
    t.is(errorsOf(`${USERS}limits: { adaptive: { ${wrong} } }\n`).length, 1, wrong)
  }
})
