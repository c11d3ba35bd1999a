import { chmodSync, chownSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { loadConfig } from '../../src/config/load.ts'
import { Fault, sentence } from '../../src/fault.ts'

const MODULE = `module: mod-users-19.7.0
trustDomain: folio.test
ingress: { listen: '[::1]:0', forward: http://127.0.0.1:8081 }
egress: { gateway: https://okapi:8443 }
`

const OKAPI = `module: okapi-7.2.0
trustDomain: folio.test
ingress: { forward: http://127.0.0.1:9130 }
egress:
  modules: { listen: 127.0.0.1:20000-20009 }
`

/** The folder of a configuration, safe against others whatever the umask. */
function folder(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-config-'))
  chmodSync(directory, 0o700)
  return directory
}

function written(text: string, directory = folder()): string {
  const file = join(directory, 'sidecar.yaml')
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

/** Problems as `line:column: message`, or `VARIABLE: message`. */
function problemsOf(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  const file = written(text)
  try {
    loadConfig(file, env)
    return []
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.problems.map((problem) => sentence(problem).replace(`${file}:`, ''))
  }
}

function hintsOf(text: string): (string | undefined)[] {
  try {
    loadConfig(written(text), {})
    return []
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.problems.map(({ hint }) => hint)
  }
}

test('a byte order mark changes neither values nor places', (t) => {
  const { config, origins } = loadConfig(written(`\ufeff${MODULE}`), {})
  t.is(config.module.id, 'mod-users-19.7.0')
  const origin = origins.find(({ key }) => key === 'module')?.origin
  t.like(origin, { kind: 'file', where: { line: 1, column: 9 } })
  t.deepEqual(problemsOf(`\ufeffmodul: x\n${MODULE}`), ['1:1: unknown key `modul`'])
})

test('a configuration in another encoding is named', (t) => {
  const file = written('')
  writeFileSync(file, Buffer.from(MODULE, 'utf16le'))
  const error = t.throws(() => loadConfig(file, {}), { instanceOf: Fault })
  t.is(error?.message, `${file}: this is UTF-16`)
  t.is(error?.problems[0]?.hint, 'save it as UTF-8; a byte order mark is allowed')
})

test('white space that a person does not see is shown where it is wrong', (t) => {
  const withModule = (yaml: string) => MODULE.replace('mod-users-19.7.0', yaml)
  const wanted = 'must be a module id with its version, as mod-users-19.7.0'
  t.deepEqual(problemsOf(withModule('"mod-users-19.7.0\\n"')), [
    `1:9: \`module\` ${wanted}; it is "mod-users-19.7.0\\n"`,
  ])
  t.deepEqual(problemsOf(withModule('"mod-users-\u200b19.7.0"')), [
    `1:9: \`module\` ${wanted}; it is "mod-users-\\u200b19.7.0"`,
  ])
  t.deepEqual(problemsOf(withModule('mod-users')), [`1:9: \`module\` ${wanted}`])
  t.deepEqual(problemsOf(`${MODULE}log: { level: "info " }\n`), [
    '5:15: `log.level` must be one of trace, debug, info, warn, error, fatal; it is "info "',
  ])
})

test('a module gets its defaults, parsed', (t) => {
  const { config, problems } = loadConfig(written(MODULE), {})
  t.deepEqual(problems, [])
  t.deepEqual(config.module, { id: 'mod-users-19.7.0', product: 'mod-users', version: '19.7.0' })
  t.deepEqual(config.ingress, {
    listen: { host: '::1', port: 0 },
    forward: { host: '127.0.0.1', port: 8081, authority: '127.0.0.1:8081' },
  })
  t.deepEqual(config.egress, {
    listen: { host: '127.0.0.1', port: 9130 },
    url: undefined,
    gateway: { host: 'okapi', port: 8443, authority: 'okapi:8443' },
    gatewayModule: { kind: 'product', product: 'okapi' },
  })
  t.is(config.modules, undefined)
  t.is(config.admin.healthPath, '/admin/health')
  t.is(config.limits.responseHeadMs, 0)
  t.is(config.limits.connectionMaxAgeMs, 3_600_000)
})

test('Okapi’s sidecar has ports for modules and no egress of its own', (t) => {
  const { config } = loadConfig(written(OKAPI), {})
  t.is(config.egress, undefined)
  t.deepEqual(config.modules, {
    listen: { host: '127.0.0.1', from: 20000, to: 20009 },
    address: { '*': ['https://{product}:8443'] },
  })
  t.is(config.admin.healthPath, '/_/proxy/health')
})

test('Okapi’s sidecar takes no egress.listen without a gateway', (t) => {
  const text = `${OKAPI}  listen: 127.0.0.1:9131\n`
  t.deepEqual(problemsOf(text), [
    '6:11: beside Okapi `egress.listen` and `egress.gateway` go together: set both or neither',
  ])
})

test('the configuration cannot be changed, at any depth', (t) => {
  const { config } = loadConfig(written(MODULE), {})
  t.throws(() => Object.assign(config.limits, { headMs: 1 }), { instanceOf: TypeError })
  t.throws(() => Object.assign(config, { module: undefined }), { instanceOf: TypeError })
  t.throws(() => Object.assign(config.policy.grants, { inline: [] }), { instanceOf: TypeError })
})

test('all problems are reported at once, in the order of the file, each with its position', (t) => {
  const text = `module: mod-users
trustDomian: folio.test
ingress: { listen: 0.0.0.0:99999, forward: http://mod-users:8081 }
egress:
  listen: 0.0.0.0:9130
  gatway: https://okapi:8443
limits: { headMs: 0 }
policy:
  mode: audit
  grants: [{ caller: mod-x, at: okapi, why: w, interfce: foo }]
admin:
`
  t.deepEqual(problemsOf(text), [
    '1:1: `trustDomain` is missing',
    '1:9: `module` must be a module id with its version, as mod-users-19.7.0',
    '2:1: unknown key `trustDomian`',
    '3:20: `ingress.listen` has a port above 65535',
    '3:44: `ingress.forward` is plain HTTP and must stay on loopback or a Unix socket',
    '5:11: `egress.listen` is plain HTTP and must stay on loopback or a Unix socket',
    '6:3: unknown key `gatway` in `egress`',
    '7:19: `limits.headMs` must be at least 1',
    '9:9: `policy.mode` must be one of enforce, report',
    '10:48: unknown key `interfce` in `policy.grants.0`',
    '11:7: `admin` is empty; write {} for a section with all its defaults, or leave it out',
  ])
})

test('an unknown key gets the nearest name, or all that are known', (t) => {
  t.deepEqual(hintsOf(`${MODULE}limts: {}\n`), ['did you mean `limits`?'])
  t.deepEqual(hintsOf(`${MODULE}drain: { zzzzzzzz: 1 }\n`), ['known here: delayMs'])
  t.deepEqual(hintsOf(`${MODULE}policy: { mode: reprot }\n`), ['did you mean `report`?'])
  t.deepEqual(hintsOf(`${MODULE}base: &b {}\nlog: { <<: *b }\n`).slice(-1), [
    'merge keys are not read: write the keys out, or give a whole section by an alias',
  ])
})

test('an address without its quotes and a duration with a unit get a hint', (t) => {
  const unquoted = MODULE.replace(`'[::1]:0'`, '[::1]:0')
  t.true(hintsOf(unquoted).includes(`write the address in quotes: '[::1]:0'`))
  t.deepEqual(hintsOf(`${MODULE}limits: { headMs: 10s }\n`), ['Milliseconds'])
})

test('a key without a blank behind its colon and a tab get a hint', (t) => {
  t.deepEqual(hintsOf(`module:mod-a-1.0.0\n${MODULE}`), ['a blank belongs behind `module:`'])
  t.true(hintsOf(`${MODULE}admin:\n\tlisten: 127.0.0.1:0\n`).includes('indent with blanks'))
})

test('keys of another object are unknown keys', (t) => {
  for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const [problem = ''] = problemsOf(`${MODULE}${key}: { a: 1 }\n`)
    t.regex(problem, /^5:1: unknown key/, key)
  }
})

test('text that is not YAML, or not a section, is reported with its position', (t) => {
  t.regex(problemsOf('module: [')[0] ?? '', /^1:\d+: /)
  t.regex(
    problemsOf('module: a\nmodule: b\n')[0] ?? '',
    /^2:1: `module` stands twice in one section/,
  )
  t.deepEqual(problemsOf('- a\n'), ['1:1: the configuration must be a section of keys'])
  t.regex(problemsOf('# a\nmodule: *unknown\n')[0] ?? '', /^2:9: unresolved alias/)
  const [second = ''] = problemsOf(`${MODULE}---\na: 1\n`)
  t.regex(second, /^\d+:1: a second document begins here, and there must be one/)
  t.deepEqual(hintsOf(`${MODULE}---\na: 1\n`), ['take the line `---` out'])
  t.deepEqual(hintsOf('module: a\nmodule: b\n'), ['put both together, or take one out'])
})

test('aliases that multiply are refused, not unfolded', (t) => {
  const levels = Array.from({ length: 9 }, (_, i) => {
    const before = i === 0 ? '1' : `*a${i - 1}`
    return `a${i}: &a${i} [${Array(9).fill(before).join(', ')}]`
  })
  t.regex(problemsOf(levels.join('\n'))[0] ?? '', /alias/)
})

test('two keys that share a section by an alias are set apart by the environment', (t) => {
  const text = `module: mod-a-1.0.0
trustDomain: folio.test
ingress: { forward: http://127.0.0.1:8081 }
admin: &same { listen: 127.0.0.1:1 }
status: *same
`
  const env = { SIDECAR_ADMIN_LISTEN: '127.0.0.1:2' }
  const { config } = loadConfig(written(text), env)
  t.deepEqual(config.admin.listen, { host: '127.0.0.1', port: 2 })
  t.deepEqual(config.status.listen, { host: '127.0.0.1', port: 1 })
})

test('plain HTTP stays on loopback unless a reason is given', (t) => {
  const at = (listen: string) =>
    `${MODULE}  `.replace('egress: {', `egress: { listen: '${listen}',`)
  for (const inside of ['127.0.0.1:1', '127.8.9.10:1', '[::1]:1', 'localhost:1', 'unix:/run/x']) {
    t.deepEqual(problemsOf(at(inside)), [], inside)
  }
  for (const outside of [
    '0.0.0.0:1',
    '[::]:1',
    '10.0.0.1:1',
    'okapi:1',
    '[fe80::1]:1',
    '128.0.0.1:1',
  ]) {
    t.regex(problemsOf(at(outside))[0] ?? '', /must stay on loopback/, outside)
  }
  const why = { SIDECAR_ALLOW_PLAIN_BEYOND_LOOPBACK: 'the pod network is encrypted' }
  t.deepEqual(problemsOf(at('0.0.0.0:1'), why), [])
  t.true(problemsOf(at('0.0.0.0:1'), { SIDECAR_ALLOW_PLAIN_BEYOND_LOOPBACK: ' ' }).length > 0)
})

test('the ports for modules are plain too', (t) => {
  t.regex(problemsOf(OKAPI.replace('127.0.0.1:20', '0.0.0.0:20'))[0] ?? '', /^5:22: .*loopback/)
})

test('a sidecar that serves nothing is refused', (t) => {
  t.regex(problemsOf('module: mod-a-1.0.0\ntrustDomain: a.b\n')[0] ?? '', /nothing to serve/)
})

test('paths are relative to the file, from the environment to the working directory', (t) => {
  const directory = folder()
  const file = written(`${MODULE}policy: { descriptors: ./set, grants: g.yaml }\n`, directory)
  const env = { SIDECAR_CREDENTIALS_DIRECTORY: 'certs' }
  const { config } = loadConfig(file, env)
  t.is(config.policy.descriptors, join(directory, 'set'))
  t.deepEqual(config.policy.grants.files, [join(directory, 'g.yaml')])
  t.is(config.credentials.directory, join(process.cwd(), 'certs'))
})

test('without a file the environment says all', (t) => {
  const env = {
    MODULE_NAME: 'mod-users',
    MODULE_VERSION: '19.7.0',
    MODULE_URL: 'http://localhost:8081',
    SIDECAR_TRUST_DOMAIN: 'folio.test',
  }
  const { config, origins } = loadConfig(undefined, env)
  t.is(config.module.id, 'mod-users-19.7.0')
  t.deepEqual(origins.find(({ key }) => key === 'ingress.forward')?.origin, {
    kind: 'environment',
    variable: 'MODULE_URL',
  })
})

test('a named file that is not there is an error', (t) => {
  const file = join(folder(), 'absent.yaml')
  t.throws(() => loadConfig(file, {}), { instanceOf: Fault, message: /ENOENT/ })
})

test('each value tells where it comes from', (t) => {
  const file = written(MODULE)
  const { origins } = loadConfig(file, { SIDECAR_LIMITS_HEAD_MS: '77' })
  const origin = (key: string) => origins.find((effective) => effective.key === key)
  t.deepEqual(origin('egress.gateway')?.origin, {
    kind: 'file',
    where: { file, line: 4, column: 20 },
  })
  t.deepEqual(origin('egress.listen'), {
    key: 'egress.listen',
    value: '127.0.0.1:9130',
    origin: { kind: 'default' },
  })
  t.deepEqual(origin('limits.headMs'), {
    key: 'limits.headMs',
    value: 77,
    origin: { kind: 'environment', variable: 'SIDECAR_LIMITS_HEAD_MS' },
  })
  t.is(origin('public.listen'), undefined)
  t.is(origin('egress.modules.listen'), undefined)
})

test('a file that others may write is refused', (t) => {
  const refused = (mode: number, ofFolder: number) => {
    const directory = folder()
    const file = written(MODULE, directory)
    chmodSync(file, mode)
    chmodSync(directory, ofFolder)
    try {
      loadConfig(file, {})
      return false
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      return error.problems.every(({ message }) => message.startsWith('others may write'))
    }
  }
  t.false(refused(0o644, 0o755))
  t.false(refused(0o644, 0o1777))
  t.true(refused(0o646, 0o755))
  t.true(refused(0o664, 0o755))
  t.true(refused(0o644, 0o777))
})

test('credentials and descriptors that others may write are refused', (t) => {
  const directory = folder()
  const file = written(
    `${MODULE}credentials: { directory: c }\npolicy: { descriptors: d }\n`,
    directory,
  )
  for (const name of ['c', 'd']) mkdirSync(join(directory, name), { mode: 0o755 })
  const descriptor = join(directory, 'd', 'mod-a.json')
  writeFileSync(descriptor, '{}', { mode: 0o644 })
  t.notThrows(() => loadConfig(file, {}))
  chmodSync(descriptor, 0o666)
  t.throws(() => loadConfig(file, {}), { message: /mod-a\.json: others may write/ })
  chmodSync(descriptor, 0o644)
  chmodSync(join(directory, 'c'), 0o777)
  t.throws(() => loadConfig(file, {}), { message: /\/c: others may write/ })
})

test('a descriptor that another user put into a folder where everyone may', (t) => {
  if (process.getuid?.() !== 0) {
    t.log('skipped: only root gives files away')
    t.pass()
    return
  }
  const directory = folder()
  const file = written(`${MODULE}policy: { descriptors: d }\n`, directory)
  mkdirSync(join(directory, 'd'))
  const descriptor = join(directory, 'd', 'mod-a.json')
  writeFileSync(descriptor, '{}', { mode: 0o644 })
  chownSync(descriptor, 4711, 4711)
  t.notThrows(() => loadConfig(file, {}))
  chmodSync(join(directory, 'd'), 0o1777)
  t.throws(() => loadConfig(file, {}), { message: /mod-a\.json: it belongs to user 4711/ })
  chownSync(descriptor, 0, 0)
  t.notThrows(() => loadConfig(file, {}))
})

const CLASHES: Readonly<Record<string, readonly [string, RegExp | undefined]>> = {
  'two of one port': [
    `${MODULE}admin: { listen: 127.0.0.1:9130 }\n`,
    /^\S+:5:18: `admin\.listen` and `egress\.listen` would listen on the same port \(9130\)$/,
  ],
  'all addresses and one of them': [
    `${MODULE}status: { listen: 127.0.0.1:9901 }\n`,
    /`status\.listen` and `admin\.listen`/,
  ],
  'a range': [`${OKAPI}status: { listen: localhost:20007 }\n`, /`egress\.modules\.listen`/],
  'for browsers': [
    `${OKAPI}public: { listen: 127.0.0.1:9901, credentials: { directory: tls } }\n`,
    /`admin\.listen` and `public\.listen` would listen on the same port \(9901\)/,
  ],
  'for peers without a sidecar': [
    `${MODULE}migration: { listen: 127.0.0.1:9130, from: [10.1.2.3], until: ${nextMonth()}, why: w }\n`,
    /`migration\.listen` and `egress\.listen` would listen on the same port \(9130\)/,
  ],
  'beside a range': [`${OKAPI}status: { listen: localhost:20010 }\n`, undefined],
  'IPv4 and IPv6': [`${MODULE}admin: { listen: '[::1]:9130' }\n`, undefined],
  'ports of the system’s choice': [
    `${MODULE}admin: { listen: 127.0.0.1:0 }\nstatus: { listen: 127.0.0.1:0 }\n`,
    undefined,
  ],
  'what is forwarded comes back': [
    MODULE.replace('127.0.0.1:8081', 'localhost:9130'),
    /`ingress\.forward` leads back to this sidecar: `egress\.listen` listens there/,
  ],
}
function nextMonth(): string {
  return new Date(Date.now() + 30 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10)
}

for (const [name, [text, says]] of Object.entries(CLASHES)) {
  test(`addresses: ${name}`, (t) => {
    if (says === undefined) t.notThrows(() => loadConfig(written(text), {}))
    else t.throws(() => loadConfig(written(text), {}), { message: says })
  })
}

test('a status page beyond loopback is a warning', (t) => {
  const { problems } = loadConfig(written(`${MODULE}status: { listen: 0.0.0.0:1 }\n`), {})
  t.deepEqual(
    problems.map(({ severity, where }) => [severity, where?.line]),
    [['warning', 5]],
  )
})

test('whatever the text, there is a configuration or a Fault', (t) => {
  const directory = folder()
  const lines = fc.constantFrom(...MODULE.split('\n'), 'limits: [', 'pins: *x', '? [a]\n: b', '"')
  const text = fc.oneof(
    fc.string(),
    fc.array(lines).map((some) => some.join('\n')),
  )
  fc.assert(
    fc.property(text, (content) => {
      try {
        loadConfig(written(content, directory), {})
      } catch (error) {
        if (!(error instanceof Fault)) throw error
      }
    }),
    { numRuns: 300 },
  )
  t.pass()
})
