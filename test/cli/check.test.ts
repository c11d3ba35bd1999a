import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { MAIN } from '../support/program.ts'
import { typed } from '../support/typed.ts'

const ID = 'mod-users-19.7.0'
const DESCRIPTOR = `{
  "id": "${ID}",
  "provides": [
    {
      "id": "users",
      "version": "16.5",
      "handlers": [
        { "methods": ["GET"], "pathPattern": "/users/{id}", "permissionsRequired": [] }
      ]
    }
  ]
}
`

function sidecar(cwd: string, ...argv: string[]) {
  return sidecarWith({}, cwd, ...argv)
}

/** Types it as in this folder: the name of the folder is added, and taken off what is said. */
async function sidecarWith(env: Record<string, string>, cwd: string, ...argv: string[]) {
  const here = argv.map((word, i) =>
    ['-c', '--dir'].includes(argv[i - 1] ?? '') ? join(cwd, word) : word,
  )
  const file = argv[0] === 'check' && !argv.includes('-c') ? ['-c', join(cwd, 'sidecar.yaml')] : []
  const { code, stdout, stderr } = await typed([...here, ...file], { env })
  const bare = (text: string) => text.replaceAll(`${cwd}/`, '')
  return { status: code, stdout: bare(stdout), stderr: bare(stderr) }
}

const CREDENTIALS = mkdtempSync(join(tmpdir(), 'sidecar-check-ca-'))

test.before('a development CA with two modules', async (t) => {
  const init = ['certs', 'init', '--dir', 'ca', '--trust-domain', 'folio.test']
  t.is((await sidecar(CREDENTIALS, ...init)).status, 0)
  for (const id of [ID, 'mod-notes-5.0.0']) {
    t.is(
      (await sidecar(CREDENTIALS, 'certs', 'issue', id, '--dir', 'ca', '--valid-for', '24h'))
        .status,
      0,
    )
  }
})

/** A folder with a configuration that holds: credentials of two modules, one descriptor. */
function installation(more = ''): string {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-check-'))
  cpSync(CREDENTIALS, directory, { recursive: true })
  chmodSync(directory, 0o700)
  mkdirSync(join(directory, 'set'), { mode: 0o755 })
  write(directory, 'set/mod-users.json', DESCRIPTOR)
  write(
    directory,
    'sidecar.yaml',
    `module: ${ID}
trustDomain: folio.test
credentials: { directory: ca/${ID} }
ingress: { listen: 127.0.0.1:0, forward: http://127.0.0.1:8081 }
policy: { descriptors: set }
${more}`,
  )
  return directory
}

function write(directory: string, name: string, text: string): void {
  writeFileSync(join(directory, name), text, { mode: 0o644 })
}

test('a sound configuration: a few lines, exit 0', async (t) => {
  const options = { cwd: installation(), encoding: 'utf8', env: { NO_COLOR: '1' } } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'check'], options)
  t.is(stderr, '')
  t.is(status, 0)
  t.regex(stdout, /^module +mod-users-19\.7\.0 in folio\.test\n/)
  t.regex(stdout, /\ningress +127\.0\.0\.1:0 -> http:\/\/127\.0\.0\.1:8081\n/)
  t.regex(stdout, /\ncredentials .*until \d{4}-\d\d-\d\d .*, 1 root\n/)
  t.regex(stdout, /\npolicy .*0 grants, enforce, [0-9a-f]{12}\n/)
  t.true(stdout.endsWith('\nFine.\n'))
})

test('a Kafka leg: where it leads and by how many rules, a warning for none, errors with their lines', async (t) => {
  const kafka = 'kafka:\n  bootstrap: [kafka-0, kafka-1:9094]\n'
  const known = await sidecar(installation(`${kafka}  knownRules: true\n`), 'check')
  t.is(known.status, 0, known.stderr)
  t.regex(known.stdout, /\nkafka +127\.0\.0\.1:9092 -> kafka-0:9093, kafka-1:9094, 1 rule\n/)
  const none = await sidecar(installation(`${kafka}  mode: report\n`), 'check')
  t.is(none.status, 0)
  t.regex(none.stdout, /\nkafka .*, 0 rules, REPORT ONLY\n/)
  t.regex(
    none.stderr,
    /warning: kafka: no rule is for mod-users-19\.7\.0, so every topic and group/,
  )
  const rule = "    - {caller: mod-users, topics: {produce: ['{x}.a']}, why: test}\n"
  const wrong = await sidecar(installation(`${kafka}  rules:\n${rule}`), 'check')
  t.is(wrong.status, 2)
  t.regex(wrong.stderr, /sidecar\.yaml:\d+:\d+: \{x\}\.a may only have the placeholder/)
})

test('a Kafka rule that has ended, or opens everything, is reported with its line', async (t) => {
  const kafka = 'kafka:\n  bootstrap: kafka-0\n  rules:\n'
  const rules = [
    "{caller: mod-users, topics: {produce: ['a.*', __consumer_offsets], consume: ['*']}, groups: ['*'], why: test}",
    '{caller: mod-users, admin: [DescribeAcls, CreateAcls], why: test}',
    '{caller: mod-users, groups: [a], until: 2020-01-01, why: test}',
    "{caller: mod-notes, groups: ['*'], why: test}",
  ]
  const lines = rules.map((rule) => `    - ${rule}\n`).join('')
  const { status, stderr } = await sidecar(installation(kafka + lines), 'check')
  t.is(status, 0)
  const told = stderr.match(/warning: .*/g)?.map((line) => line.replace(/\d+:\d+/, 'L:C'))
  t.deepEqual(told, [
    'warning: sidecar.yaml:L:C: `*` is every topic, of every module and tenant',
    'warning: sidecar.yaml:L:C: `__consumer_offsets` is of Kafka itself, with the state of all modules',
    'warning: sidecar.yaml:L:C: `*` is every group, of every module',
    'warning: sidecar.yaml:L:C: CreateAcls makes the module an administrator: it decides about the ACLs of all',
    'warning: sidecar.yaml:L:C: this rule has ended: remove it',
  ])
})

test('every room is looked at although the one before has errors', async (t) => {
  const directory = installation()
  rmSync(join(directory, 'ca', ID, 'ca.crt'))
  write(directory, 'set/mod-users.json', DESCRIPTOR.replace('"/users/{id}"', '7'))
  write(directory, 'set/broken.json', '{\n  "id":\n')
  const { status, stderr } = await sidecar(directory, 'check', '-c', 'sidecar.yaml')
  t.is(status, 2)
  t.regex(stderr, /ca\.crt/)
  t.regex(stderr, /broken\.json:\d+:\d+: this is not JSON/)
  t.regex(stderr, /\n\d+ errors, 0 warnings\n$/)
})

test('an error inside a descriptor has a line and a column', async (t) => {
  const directory = installation()
  write(directory, 'set/mod-users.json', DESCRIPTOR.replace('"/users/{id}"', '7'))
  const { status, stderr } = await sidecar(directory, 'check')
  t.is(status, 2)
  t.regex(stderr, /mod-users\.json:8:\d+: /)
})

test('a module that gets users’ tokens because of an interface that it provides is a warning, with the line', async (t) => {
  const directory = installation()
  const more = '"handlers": [] }, { "id": "authtoken-x", "version": "1.0", "handlers": ['
  write(directory, 'set/mod-users.json', DESCRIPTOR.replace('"handlers": [', more))
  const { status, stdout, stderr } = await sidecar(directory, 'check')
  t.is(status, 0)
  t.regex(stderr, /warning: \S*mod-users\.json:\d+:\d+: mod-users-19\.7\.0 is handed the access/)
  t.regex(stderr, /`authtoken-x`[\s\S]*hint: of FOLIO only mod-authtoken, mod-login/)
  t.true(stdout.endsWith('\nFine, with 2 warnings.\n'))
})

test('with an auth filter installed, what a login in the supertenant needs is missed', async (t) => {
  const directory = installation()
  for (const id of ['mod-authtoken-2.18.0', 'mod-login-7.14.0']) {
    const text = readFileSync(
      join(import.meta.dirname, `../fixtures/descriptors/${id}.json`),
      'utf8',
    )
    write(directory, `set/${id}.json`, text)
  }
  const okapi = 'okapi-7.2.0'
  await sidecar(
    directory,
    'certs',
    'issue',
    okapi,
    '--dir',
    'ca',
    '--valid-for',
    '24h',
    '--powerful',
  )
  const said = (more: string) => {
    const yaml = `module: ${okapi}
trustDomain: folio.test
credentials: { directory: ca/${okapi} }
ingress: { listen: 127.0.0.1:0, forward: http://127.0.0.1:9130 }
policy: { descriptors: set${more} }
`
    write(directory, 'okapi.yaml', yaml)
    return sidecar(directory, 'check', '-c', 'okapi.yaml')
  }
  const missing = await said('')
  t.is(missing.status, 0, missing.stderr)
  t.regex(missing.stderr, /mod-authtoken-2\.18\.0 and mod-login-7\.14\.0 may not call Okapi in the/)
  t.regex(
    missing.stderr,
    /hint: set policy\.knownGrants: \[supertenant\], here and in the sidecars of/,
  )
  const half = await said(
    ', grants: [{ caller: mod-login, at: okapi, tenants: [supertenant], why: by hand }]',
  )
  t.regex(half.stderr, /: mod-authtoken-2\.18\.0 may not call Okapi/)
  t.regex(half.stderr, /warning: no operator may administer Okapi: /)
  const anna = '{ caller: operator/anna, at: okapi, profile: daily, why: administers }'
  const { stderr, stdout } = await said(`, knownGrants: [supertenant], grants: [${anna}]`)
  t.is(stderr, '')
  t.regex(stdout, /\npolicy .*, 1 grant and 2 known, enforce,/)
  t.notRegex(stdout, /\ntenants /)

  const file = (text: string) => write(directory, 'consortia.yaml', text)
  file('consortia:\n  - central: east\n    members: [college, college]\n')
  const twice = await said(', consortia: consortia.yaml')
  t.is(twice.status, 2)
  t.regex(twice.stderr, /consortia\.yaml:3:24: tenant college is listed twice here/)
  const rule = '{ caller: mod-consortai, directions: [central-to-member], why: shares }'
  file(`consortia: [{ central: east, members: [college] }]\ncross:\n  - ${rule}\n`)
  const slip = await said(', consortia: consortia.yaml, tenants: report')
  t.is(slip.status, 0, slip.stderr)
  t.regex(slip.stderr, /consortia\.yaml:3:5: no descriptor of mod-consortai is installed/)
  t.regex(slip.stdout, /\ntenants +held against tokens, REPORT ONLY\n/)
  t.regex(slip.stdout, /\ntenants +consortium of east: college\n/)
  t.regex(slip.stdout, /\ntenants +may cross: mod-consortai: central-to-member \(shares\)\n/)
})

test('an error inside a grant has a line and a column', async (t) => {
  const directory = installation()
  write(directory, 'grants.yaml', '- caller: mod-x\n  at: okapi\n  why: w\n  path: /users\n')
  const yaml = `module: ${ID}
trustDomain: folio.test
credentials: { directory: ca/${ID} }
ingress: { forward: http://127.0.0.1:8081 }
policy: { descriptors: set, grants: grants.yaml }
`
  write(directory, 'sidecar.yaml', yaml)
  const { status, stderr } = await sidecar(directory, 'check')
  t.is(status, 2)
  t.regex(stderr, /grants\.yaml:1:3: /)
})

test('credentials of another module are no credentials', async (t) => {
  const directory = installation()
  for (const name of ['tls.crt', 'tls.key']) {
    copyFileSync(join(directory, 'ca', 'mod-notes-5.0.0', name), join(directory, 'ca', ID, name))
  }
  const { status, stdout, stderr } = await sidecar(directory, 'check')
  t.is(status, 2)
  t.regex(stdout, /\ncredentials +not usable\n/)
  t.regex(stderr, /mod-notes-5\.0\.0/)
})

test('an emptyDir: refused as it is, fine where it is mounted read-only', async (t) => {
  const directory = installation()
  const certs = join(directory, 'ca', ID)
  for (const mode of [0o777, 0o2777, 0o2770]) {
    chmodSync(certs, mode)
    const open = await sidecar(directory, 'check')
    t.is(open.status, 2)
    t.regex(open.stderr, /others may write this \(folder with mode [02]77\d\)/)
    t.regex(open.stderr, /in a pod mount it with readOnly: true/)
    const mount = `mount --bind ${certs} ${certs} && mount -o remount,bind,ro ${certs}`
    const command = `${mount} && exec ${process.execPath} ${MAIN} check`
    const env = { ...process.env, NO_COLOR: '1' }
    const options = { cwd: directory, encoding: 'utf8', env } as const
    const mounted = spawnSync('unshare', ['--mount', 'sh', '-c', command], options)
    if (/^(?:unshare|mount): /m.test(mounted.stderr)) {
      t.log(`skipped: no mounts can be made here: ${mounted.stderr.trim()}`)
      return
    }
    t.is(mounted.status, 0, mounted.stderr)
  }
  chmodSync(certs, 0o700)
  t.is((await sidecar(directory, 'check')).status, 0)
})

test('the certificate of `public` is looked at too', async (t) => {
  const directory = installation(
    'public: { listen: 127.0.0.1:0, credentials: { directory: web } }\n',
  )
  mkdirSync(join(directory, 'web'), { mode: 0o755 })
  const absent = await sidecar(directory, 'check')
  t.is(absent.status, 2)
  t.regex(absent.stderr, /web\/tls\.crt: cannot be read/)
  copyFileSync(join(directory, 'ca', ID, 'tls.crt'), join(directory, 'web', 'tls.crt'))
  copyFileSync(
    join(directory, 'ca', 'mod-notes-5.0.0', 'tls.key'),
    join(directory, 'web', 'tls.key'),
  )
  t.regex((await sidecar(directory, 'check')).stderr, /web\/tls\.key: does not belong to tls\.crt/)
  copyFileSync(join(directory, 'ca', ID, 'tls.key'), join(directory, 'web', 'tls.key'))
  t.is((await sidecar(directory, 'check')).status, 0)
})

test('with `postgres` the limit of sessions is shown, and what a server takes by default if that is less', async (t) => {
  const database = 'postgres: { listen: 127.0.0.1:5432, server: "db:5432", databases: [folio] }\n'
  const { stdout } = await sidecar(installation(database), 'check')
  t.regex(
    stdout,
    /\nsessions +at most 512 at once \(limits\.databaseSessions\); PostgreSQL takes 100 in all by default\n/,
  )
  const few = installation(`${database}limits: { databaseSessions: 40 }\n`)
  t.regex(
    (await sidecar(few, 'check')).stdout,
    /\nsessions +at most 40 at once \(limits\.databaseSessions\)\n/,
  )
})

test('in 80 columns what is longer goes on below itself', async (t) => {
  const directory = installation(`migration:
  listen: 127.0.0.1:0
  from: [10.1.2.0/24, 10.1.3.0/24, 10.1.4.0/24]
  until: ${new Date(Date.now() + 30 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10)}
  why: the others move later
`)
  const { status, stdout } = await sidecarWith({ COLUMNS: '80' }, directory, 'check')
  t.is(status, 0)
  const lines = stdout.split('\n')
  for (const line of lines) t.true(line.length <= 80, line)
  const plain = lines.findIndex((line) => line.startsWith('plain '))
  t.regex(
    `${lines[plain]} ${lines[plain + 1]}`,
    /^plain +127.*, without\s+proof\s+of\s+identity,\s+until /,
  )
  const credentials =
    /\ncredentials {2}[^\n]*,\s+until\s+\d{4}-\d\d-\d\d\s+\(\d+\s+(hours|days)\),\s+1\s+root\n/
  t.regex(stdout, credentials)
})

test('a file that two listeners read is missing once', async (t) => {
  const directory = installation(
    `public: { listen: 127.0.0.1:0, credentials: { directory: ca/${ID} } }\n`,
  )
  for (const name of ['tls.crt', 'tls.key']) rmSync(join(directory, 'ca', ID, name))
  const { status, stderr } = await sidecar(directory, 'check')
  t.is(status, 2)
  for (const name of ['tls.crt', 'tls.key']) {
    const told = stderr.split('\n').filter((line) => line.includes(`/${name}: `))
    t.deepEqual(
      told.map((line) => line.slice(line.indexOf(`/${name}`))),
      [`/${name}: cannot be read: there is no such file`],
    )
  }
  t.regex(stderr, /\n2 errors, /)
  rmSync(join(directory, 'ca', ID), { recursive: true })
  const gone = await sidecar(directory, 'check')
  t.is(gone.stderr.split('there is no directory').length, 2, gone.stderr)
})

test('a missing folder is reported with the place of the key that names it', async (t) => {
  const directory = installation()
  rmSync(join(directory, 'ca', ID), { recursive: true })
  rmSync(join(directory, 'set'), { recursive: true })
  const { status, stderr } = await sidecar(directory, 'check')
  t.is(status, 2)
  t.true(stderr.includes(`error: sidecar.yaml:3:27: there is no directory ca/${ID}\n`), stderr)
  t.true(stderr.includes('error: sidecar.yaml:5:24: there is no set\n'), stderr)
  const env = { SIDECAR_POLICY_DESCRIPTORS: join(directory, 'elsewhere') }
  const ofEnvironment = await sidecarWith(env, directory, 'check')
  t.regex(ofEnvironment.stderr, /error: SIDECAR_POLICY_DESCRIPTORS: there is no elsewhere\n/)
})

test('credentials that may not be read: the folder, and the user who may not', (t) => {
  const directory = installation()
  const uid = process.getuid?.() === 0 ? 65_534 : process.getuid?.()
  chmodSync(directory, 0o755)
  chmodSync(join(directory, 'ca'), 0)
  const options = { cwd: directory, encoding: 'utf8', env: { NO_COLOR: '1' } } as const
  const { error, stderr } = spawnSync(process.execPath, [MAIN, 'check'], { ...options, uid })
  chmodSync(join(directory, 'ca'), 0o755)
  if (error !== undefined || stderr.includes('Cannot find module')) {
    t.log('skipped: another user may not read this project')
    t.pass()
    return
  }
  const at = join(directory, 'ca', ID)
  t.true(stderr.includes(`error: ${at}: cannot be read: permission denied\n`), stderr)
  t.true(stderr.includes(`hint: it must be readable for the user of the sidecar, here ${uid}\n`))
})

test('no configuration at all: that is told, not each key that is missing', (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'sidecar-check-'))
  for (const verb of ['check', 'run']) {
    const options = {
      cwd,
      encoding: 'utf8',
      env: { NO_COLOR: '1', SIDECAR_LOG_LEVLE: 'info' },
    } as const
    const { status, stderr } = spawnSync(process.execPath, [MAIN, verb], options)
    t.is(status, 2)
    t.regex(stderr, /^okapi-sidecar: warning: the variable SIDECAR_LOG_LEVLE is not a setting/)
    t.regex(
      stderr,
      /error: there is no configuration: no sidecar\.yaml in this folder\n.*hint: name it with -c/,
    )
    t.notRegex(stderr, /is missing/)
  }
})

test('files without a certificate or a key are reported', async (t) => {
  const directory = installation(
    'public: { listen: 127.0.0.1:0, credentials: { directory: web } }\n',
  )
  mkdirSync(join(directory, 'web'), { mode: 0o755 })
  for (const name of ['tls.crt', 'tls.key']) writeFileSync(join(directory, 'web', name), 'none')
  const { status, stderr } = await sidecar(directory, 'check')
  t.is(status, 2)
  t.regex(stderr, /web\/tls\.key: there is no private key in it that can be read: line 1 /)
  t.regex(stderr, /web\/tls\.crt: there is no certificate in it that can be read: line 1 /)
})

test('--print shows each value and its origin, aligned', async (t) => {
  const { status, stdout } = await sidecar(
    installation('limits: { headMs: 7 }\n'),
    'check',
    '--print',
  )
  t.is(status, 0)
  const lines = stdout.split('\n')
  const line = (key: string) => lines.find((text) => text.startsWith(`${key} `))
  t.regex(line('limits.headMs') ?? '', / 7 +sidecar\.yaml:6:19$/)
  t.regex(line('limits.idleMs') ?? '', / 75000 +default$/)
  const settings = lines.filter((text) => text.endsWith(' default'))
  t.is(new Set(settings.map((text) => text.lastIndexOf(' default'))).size, 1)
})

test('--json says the same to a program', async (t) => {
  const directory = installation()
  const fine = JSON.parse((await sidecar(directory, 'check', '--json')).stdout)
  t.true(fine.ok)
  t.deepEqual(fine.problems, [])
  t.is(fine.credentials.identity, `spiffe://folio.test/module/${ID}`)
  t.deepEqual(fine.settings[0], {
    key: 'module',
    value: ID,
    origin: { kind: 'file', where: { file: 'sidecar.yaml', line: 1, column: 9 } },
  })

  write(directory, 'sidecar.yaml', 'module: mod-users\n')
  const { status, stdout, stderr } = await sidecar(directory, 'check', '--json')
  t.is(status, 2)
  t.is(stderr, '')
  const { ok, problems, policy } = JSON.parse(stdout)
  t.false(ok)
  t.is(policy, null)
  t.deepEqual(problems.find(({ line }: { line: number }) => line === 1)?.severity, 'error')
})

test('--schema needs no configuration', async (t) => {
  const { status, stdout } = await sidecar(tmpdir(), 'check', '--schema')
  t.is(status, 0)
  t.is(JSON.parse(stdout).title, 'okapi-sidecar')
})

test('wrong usage is an error with 2', async (t) => {
  const { status, stderr } = await sidecar(tmpdir(), 'check', '--pint')
  t.is(status, 2)
  t.regex(stderr, /check has no option --pint\n.*did you mean --print\?/)
  t.is((await sidecar(tmpdir(), 'check', '-c', 'absent.yaml')).status, 2)
})

test('check says that a limit follows the latency of the module', async (t) => {
  const adaptive = 'limits: { adaptive: { tolerance: 3, min: 8 } }\n'
  const { status, stdout } = await sidecar(installation(adaptive), 'check')
  t.is(status, 0)
  t.regex(
    stdout,
    /adaptive +no more calls than the module answers in 3 times its usual time, but 8 /,
  )
  t.notRegex((await sidecar(installation(''), 'check')).stdout, /adaptive/)
})

test('check says that calls are refused when the CPU is at its end', async (t) => {
  const { status, stdout } = await sidecar(installation('limits: { turnMs: 2.5 }\n'), 'check')
  t.is(status, 0)
  t.regex(stdout, /turnMs +no more calls in a turn than take 2\.5 ms, when there is no CPU left/)
  t.notRegex((await sidecar(installation(''), 'check')).stdout, /turnMs/)
})

test('several threads are told, and more than there are CPUs are warned of, at their line', async (t) => {
  const one = await sidecar(installation(), 'check')
  t.notRegex(one.stdout, /threads/)
  const { status, stdout, stderr } = await sidecar(installation('workers: 64\n'), 'check')
  t.is(status, 0)
  t.regex(stdout, /workers +64 threads on the same ports/)
  if (process.platform !== 'linux') return void t.regex(stderr, /threads need Linux/)
  if (availableParallelism() >= 64) return void t.is(stderr, '')
  t.regex(stderr, /sidecar\.yaml:6:\d+: `workers`: 64, but there (are|is) \d+ CPU/)
})

test('an absurd number of threads is an error', async (t) => {
  const { status, stderr } = await sidecar(installation('workers: 65\n'), 'check')
  t.is(status, 2)
  t.regex(stderr, /workers/)
})
