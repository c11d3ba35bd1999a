import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadConfig } from '../../src/config/load.ts'
import { Fault, sentence } from '../../src/fault.ts'

const HEAD = 'module: mod-users-19.7.0\ntrustDomain: folio.test\n'
const SECTION = { bootstrap: 'kafka-0.example.org' }

/** The configuration with this `kafka`, or what is wrong with it. */
function loaded(t: ExecutionContext, kafka: unknown, more = '', env = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'kafka-config-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'sidecar.yaml')
  writeFileSync(file, `${HEAD}${more}kafka: ${JSON.stringify(kafka)}\n`, { mode: 0o600 })
  writeFileSync(join(directory, 'kafka.yaml'), '[]\n', { mode: 0o600 })
  try {
    return { directory, file, config: loadConfig(file, env).config, wrong: '' }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { directory, file, config: undefined, wrong: error.problems.map(sentence).join('\n') }
  }
}

test('the section has its defaults, and no rules', (t) => {
  const { config, wrong } = loaded(t, SECTION)
  t.is(wrong, '')
  t.deepEqual(config?.kafka, {
    listen: { host: '127.0.0.1', port: 9092 },
    bootstrap: [{ host: 'kafka-0.example.org', port: 9093 }],
    serverName: undefined,
    trust: undefined,
    clientCertificate: 'own',
    brokers: { host: '127.0.0.1', from: 19092, to: 19191 },
    env: 'folio',
    tenants: [],
    tenantCollection: undefined,
    rules: { inline: [], files: [] },
    knownRules: false,
    mode: 'enforce',
  })
})

test('rules come from the file, with their positions, or from other files', (t) => {
  const rule = { caller: 'mod-users', topics: { produce: ['{env}.{tenant}.x'] }, why: 'test' }
  const { config, wrong, directory, file } = loaded(t, { ...SECTION, rules: [rule, 'kafka.yaml'] })
  t.is(wrong, '')
  t.deepEqual(config?.kafka?.rules.files, [join(directory, 'kafka.yaml')])
  t.like(config?.kafka?.rules.inline[0], { file, pointer: '/kafka/rules/0', value: rule })
  t.is(config?.kafka?.rules.inline.length, 1)
})

test('limits.kafka are keys like any other', (t) => {
  const { config, wrong } = loaded(t, SECTION, 'limits: {kafka: {frameBytes: 1000}}\n', {
    SIDECAR_LIMITS_KAFKA_CONNECTIONS: '7',
  })
  t.is(wrong, '')
  t.like(config?.limits.kafka, { frameBytes: 1000, connections: 7, requests: 64 })
})

for (const [name, change, expected] of [
  ['beyond loopback', { listen: '0.0.0.0:9092' }, /`kafka\.listen` is plain and must stay/],
  ['brokers beyond loopback', { brokers: '0.0.0.0:1-2' }, /`kafka\.brokers` is plain and must/],
  ['no broker', { bootstrap: [] }, /bootstrap/],
  ['a broker without a port', { bootstrap: 'kafka:0' }, /needs one port, not 0/],
  ['one port for both', { listen: '127.0.0.1:19100' }, /would listen on the same port \(19100\)/],
  ['an env that is no part of a topic', { env: 'a b' }, /as in the name of a topic/],
  ['a tenant that is none', { tenants: ['a/b'] }, /as in the name of a topic/],
  ['a rule without a reason', { rules: [{ caller: 'mod-users', groups: ['a'] }] }, /why/],
  ['an unknown key', { topics: [] }, /unknown key `topics`/],
] as const) {
  test(`refused: ${name}`, (t) => {
    t.regex(loaded(t, { ...SECTION, ...change }).wrong, expected)
  })
}

test('plain beyond loopback with a reason; kafka alone is something to serve', (t) => {
  const wide = { ...SECTION, listen: '10.0.0.1:9092' }
  t.is(loaded(t, wide, 'allowPlainBeyondLoopback: a network of its own\n').wrong, '')
})
