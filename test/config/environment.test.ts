import test from 'ava'
import { readEnvironment } from '../../src/config/environment.ts'
import { keysIn } from '../../src/config/keys.ts'
import { fileSchema } from '../../src/config/schema.ts'

const KEYS = keysIn(fileSchema())
const read = (env: NodeJS.ProcessEnv) => readEnvironment(env, KEYS)

function messages(env: NodeJS.ProcessEnv): string[] {
  return read(env).problems.map(({ message, hint }) => [message, hint].join(' | '))
}

test('every key has a variable of its own', (t) => {
  const variables = KEYS.map(({ variable }) => variable)
  t.is(new Set(variables).size, variables.length)
  for (const variable of [
    'SIDECAR_EGRESS_GATEWAY_MODULE',
    'SIDECAR_LIMITS_HEAD_MS',
    'SIDECAR_ALLOW_PLAIN_BEYOND_LOOPBACK',
    'SIDECAR_POLICY_GRANTS',
    'SIDECAR_EGRESS_MODULES_ADDRESS',
  ]) {
    t.true(variables.includes(variable), variable)
  }
})

test('numbers, booleans, lists and tables are JSON, all else is text', (t) => {
  const { settings, problems } = read({
    SIDECAR_LIMITS_HEAD_MS: '77',
    SIDECAR_LOG_ACCESS: 'false',
    SIDECAR_POLICY_REPORT: '["users"]',
    SIDECAR_PINS_PEERS: '{"mod-users":"product"}',
    SIDECAR_EGRESS_MODULES_ADDRESS: 'https://{product}:1',
    SIDECAR_MODULE: '5',
  })
  t.deepEqual(problems, [])
  t.deepEqual(Object.fromEntries(settings.map(({ path, value }) => [path.join('.'), value])), {
    'limits.headMs': 77,
    'log.access': false,
    'policy.report': ['users'],
    'pins.peers': { 'mod-users': 'product' },
    'egress.modules.address': 'https://{product}:1',
    module: '5',
  })
})

test('white space around a value does not count, whatever kind of value it is', (t) => {
  const { settings, problems } = read({
    MODULE_NAME: 'mod-users\n',
    MODULE_VERSION: '19.7.0\r\n',
    MODULE_URL: ' http://127.0.0.1:8081\n',
    SIDECAR_TRUST_DOMAIN: '\ufefffolio.test\n',
    SIDECAR_LIMITS_HEAD_MS: '77\n',
    SIDECAR_POLICY_GRANTS: ' [] \n',
    SIDECAR_EGRESS_MODULES_ADDRESS: '\n{"mod-a":"https://a:1"}\n',
  })
  t.deepEqual(problems, [])
  t.deepEqual(Object.fromEntries(settings.map(({ path, value }) => [path.join('.'), value])), {
    module: 'mod-users-19.7.0',
    'ingress.forward': 'http://127.0.0.1:8081',
    trustDomain: 'folio.test',
    'limits.headMs': 77,
    'policy.grants': [],
    'egress.modules.address': { 'mod-a': 'https://a:1' },
  })
})

test('a variable of white space alone is an empty one', (t) => {
  const { settings, problems } = read({
    SIDECAR_MODULE: ' \n',
    MODULE_NAME: '\n',
    MODULE_URL: '\n',
  })
  t.deepEqual(settings, [])
  t.deepEqual(
    problems.map(({ message }) => message),
    ['the variable SIDECAR_MODULE is empty and sets nothing'],
  )
})

test('a table of addresses may be JSON', (t) => {
  const { settings } = read({
    SIDECAR_EGRESS_MODULES_ADDRESS: '{"mod-a":"https://a:1"}',
  })
  t.deepEqual(settings[0]?.value, { 'mod-a': 'https://a:1' })
})

test('text where JSON belongs is an error, not a value', (t) => {
  const { settings, problems } = read({ SIDECAR_LIMITS_HEAD_MS: '10s' })
  t.deepEqual(settings, [])
  t.is(problems[0]?.severity, 'error')
  t.is(problems[0]?.where?.file, 'SIDECAR_LIMITS_HEAD_MS')
})

test('an empty variable sets nothing and says so', (t) => {
  const env = { SIDECAR_ALLOW_PLAIN_BEYOND_LOOPBACK: '' }
  t.deepEqual(read(env).settings, [])
  t.is(messages(env).length, 1)
})

test('unknown variables are warned of, with the nearest name', (t) => {
  t.deepEqual(messages({ SIDECAR_CREDENTIALS: '/certs' }), [
    'the variable SIDECAR_CREDENTIALS is not a setting of the sidecar | did you mean SIDECAR_CREDENTIALS_DIRECTORY?',
  ])
  t.deepEqual(messages({ SIDECAR_LIMITS_HEAD: '1', SIDECARS: '1', SIDECAR_LOG_LEVL: 'debug' }), [
    'the variable SIDECAR_LIMITS_HEAD is not a setting of the sidecar | did you mean SIDECAR_LIMITS_HEAD_MS?',
    'the variable SIDECAR_LOG_LEVL is not a setting of the sidecar | did you mean SIDECAR_LOG_LEVEL?',
  ])
})

test('variables that Kubernetes makes for a Service named sidecar are no settings', (t) => {
  const links = {
    SIDECAR_PORT: 'tcp://10.0.0.1:8443',
    SIDECAR_PORT_8443_TCP: 'tcp://10.0.0.1:8443',
    SIDECAR_PORT_8443_TCP_PROTO: 'tcp',
    SIDECAR_PORT_8443_TCP_ADDR: '10.0.0.1',
    SIDECAR_SERVICE_HOST: '10.0.0.1',
    SIDECAR_SERVICE_PORT: '8443',
    SIDECAR_ADMIN_SERVICE_PORT_HTTPS: '8443',
    SIDECAR_SOMETHING: 'udp://10.0.0.1:1',
  }
  t.deepEqual(read(links), { settings: [], problems: [] })
})

test('a real setting is never taken for a service link', (t) => {
  for (const { variable } of KEYS) t.notRegex(variable, /_SERVICE_|_PORT(_|$)/)
})

test('the names that FOLIO’s other sidecars use', (t) => {
  const { settings, problems } = read({
    MODULE_NAME: 'mod-users',
    MODULE_VERSION: '19.7.0',
    MODULE_URL: 'http://127.0.0.1:8081',
    SIDECAR_URL: 'http://localhost:9130',
    MODULE_HEALTH_PATH: '/health',
  })
  t.deepEqual(problems, [])
  t.deepEqual(
    settings.map(({ path, value }) => [path.join('.'), value]),
    [
      ['module', 'mod-users-19.7.0'],
      ['ingress.forward', 'http://127.0.0.1:8081'],
      ['egress.url', 'http://localhost:9130'],
      ['admin.healthPath', '/health'],
    ],
  )
})

test('a name without a version sets nothing and says so', (t) => {
  t.is(messages({ MODULE_NAME: 'mod-users' }).length, 1)
  t.is(messages({ MODULE_VERSION: '1.0.0' }).length, 1)
  t.deepEqual(read({ MODULE_NAME: 'mod-users' }).settings, [])
})
