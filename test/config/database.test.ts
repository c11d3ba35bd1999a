import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadConfig } from '../../src/config/load.ts'
import { Fault, sentence } from '../../src/fault.ts'

const HEAD = 'module: mod-users-bl-7.9.0\ntrustDomain: folio.test\n'
const ENTRY = { listen: '127.0.0.1:0', server: 'db.example.org', databases: ['folio'] }

/** The configuration with this `postgres`, or what is wrong with it. */
function loaded(t: ExecutionContext, postgres: unknown, more = '') {
  const directory = mkdtempSync(join(tmpdir(), 'pg-config-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'sidecar.yaml')
  writeFileSync(file, `${HEAD}${more}postgres: ${JSON.stringify(postgres)}\n`, { mode: 0o600 })
  try {
    return { directory, config: loadConfig(file, {}).config, wrong: '' }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { directory, config: undefined, wrong: error.problems.map(sentence).join('\n') }
  }
}

test('one entry has its defaults, and the roles of this module only', (t) => {
  const { config, wrong } = loaded(t, ENTRY)
  t.is(wrong, '')
  t.deepEqual(config?.postgres, [
    {
      listen: { host: '127.0.0.1', port: 0 },
      servers: [{ host: 'db.example.org', port: 5432 }],
      serverName: undefined,
      sslNegotiation: 'postgres',
      trust: undefined,
      clientCertificate: 'own',
      databases: ['folio'],
      roles: ['{tenant}_mod_users_bl'],
      parameters: [],
      authentication: ['scram-sha-256'],
      superuser: 'refuse',
      mode: 'enforce',
    },
  ])
})

test('a list of them, each with several servers; trust is relative to the file', (t) => {
  const reader = {
    ...ENTRY,
    server: ['db1:6432', '[::1]:5432'],
    trust: 'db.crt',
    parameters: ['Search_Path'],
  }
  const { config, directory } = loaded(t, [ENTRY, reader])
  t.like(config?.postgres[1], {
    servers: [
      { host: 'db1', port: 6432 },
      { host: '::1', port: 5432 },
    ],
    trust: join(directory, 'db.crt'),
    parameters: ['search_path'],
  })
})

for (const [name, change, expected] of [
  [
    'beyond loopback',
    { listen: '0.0.0.0:5432' },
    /`postgres\.listen` is plain and must stay on loopback/,
  ],
  ['no database', { databases: [] }, /databases` must not be empty/],
  ['the role of any module', { roles: ['{tenant}'] }, /would be the role of any module/],
  ['two tenants', { roles: ['{tenant}_{tenant}'] }, /may have `\{tenant\}` once/],
  ['a star', { roles: ['*_mod_users'] }, /may only have the placeholder `\{tenant\}`/],
  ['a name that PostgreSQL would cut', { databases: ['a'.repeat(64)] }, /1 to 63 bytes/],
  [
    'cert without a certificate',
    { authentication: ['cert'], clientCertificate: 'none' },
    /needs `clientCertificate: own`/,
  ],
  ['a method that is not known', { authentication: ['trust'] }, /authentication/],
  ['a server by its socket', { server: 'unix:/run/pg' }, /HOST:PORT/],
  ['port 0', { server: 'db:0' }, /needs one port, not 0/],
  ['an unknown key', { role: 'a' }, /unknown key `role`/],
] as const) {
  test(`refused: ${name}`, (t) => {
    t.regex(loaded(t, { ...ENTRY, ...change }).wrong, expected)
    t.regex(loaded(t, [{ ...ENTRY, ...change }]).wrong, expected)
  })
}

test('plain beyond loopback with a reason, and two listeners with one port', (t) => {
  const wide = { ...ENTRY, listen: '10.0.0.1:5432' }
  t.is(loaded(t, wide, 'allowPlainBeyondLoopback: a network of its own\n').wrong, '')
  const same = { ...ENTRY, listen: '127.0.0.1:5432' }
  t.regex(loaded(t, [same, same]).wrong, /same port \(5432\)/)
})
