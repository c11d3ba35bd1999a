import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { parse, parseAllDocuments } from 'yaml'
import { MAIN } from '../support/program.ts'

const SET = join(import.meta.dirname, '../fixtures/descriptors')

function sidecar(cwd: string, ...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], {
    cwd,
    encoding: 'utf8',
    env: { NO_COLOR: '1' },
    input: '',
  })
  return { status, stdout, stderr }
}

/** A folder with descriptors of its own, gone after the test. */
function place(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sidecar-init-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  chmodSync(path, 0o755)
  cpSync(SET, join(path, 'descriptors'), { recursive: true })
  return path
}

const init = (cwd: string, platform: string, ...more: string[]) =>
  sidecar(
    cwd,
    ...['init', '--descriptors', 'descriptors', '--operator', 'anna', '--for', platform],
    ...['--out', 'out', ...more],
  )

test('start says that the program is not there, and when no sidecar runs any more', (t) => {
  const cwd = place(t)
  t.is(init(cwd, 'loopback', '--yes').status, 0)
  const start = (program: string) =>
    spawnSync(join(cwd, 'out/start'), [], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', OKAPI_SIDECAR: program },
    })
  const absent = start('no-such-program')
  t.is(absent.status, 2)
  t.is(absent.stderr, 'there is no no-such-program in PATH: add its folder, or set OKAPI_SIDECAR\n')
  const ended = start('false')
  t.is(ended.status, 1)
  t.regex(
    ended.stdout,
    /^\d+ sidecars started; each has a log: sidecars\/.*\.yaml\.log and so on\n$/,
  )
  t.is(ended.stderr, 'every sidecar has ended: the logs say why\n')
})

/** Every file with its mode and content. */
function tree(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return Object.fromEntries(
    names
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => {
        const bytes = readFileSync(join(folder, name))
        const mode = (statSync(join(folder, name)).mode & 0o777).toString(8)
        return [name, `${mode} ${createHash('sha256').update(bytes).digest('hex')}`]
      }),
  )
}

const ID = 'mod-users-19.7.0'

test('it shows what it would write, and without a yes it writes nothing', (t) => {
  const cwd = place(t)
  const { status, stdout, stderr } = init(cwd, 'compose')
  t.is(status, 1)
  t.regex(stdout, /\+ sidecars\/mod-users-19\.7\.0\.yaml\n/)
  t.regex(stdout, /\+ ca\/operator\/anna\n/)
  t.regex(stderr, /nothing was written\n.*hint: look at it, and add --yes/)
  t.deepEqual(readdirSync(cwd), ['descriptors'])
})

test('one folder that check takes as a whole; a second run changes nothing', (t) => {
  const cwd = place(t)
  const first = init(cwd, 'compose', '--yes')
  t.is(first.status, 0, first.stderr)
  t.regex(first.stdout, /\n {4}okapi-sidecar check out\n {4}cd out\n {4}\.\/start\n/)
  t.regex(first.stdout, /Left to you:/)
  const files = tree(join(cwd, 'out'))
  for (const [name, state] of Object.entries(files)) {
    if (name.endsWith('.key')) t.regex(state, /^[46]00 /, name)
    else t.regex(state, /^[67][045][045] /, name)
  }
  for (const id of [ID, 'okapi-7.2.0', 'mod-login-7.14.0']) {
    t.truthy(files[`ca/${id}/tls.key`], id)
    t.truthy(files[`policy/${id}.json`], id)
    t.truthy(files[`sidecars/${id}.yaml`], id)
  }
  const login = parse(readFileSync(join(cwd, 'out/sidecars/mod-login-7.14.0.yaml'), 'utf8'))
  t.deepEqual(login.policy.knownGrants, ['supertenant'])
  const checked = sidecar(cwd, 'check', 'out')
  t.is(checked.status, 0, checked.stderr)
  // Two snapshots of different days, as it happens.
  t.regex(
    checked.stderr,
    /^.*warning: mod-inventory-22\.1\.0 lists as optional `tags` 2\.0, and only 1\.0 of .*\n.*hint: .*\n$/,
  )
  t.regex(checked.stdout, /okapi-7\.2\.0 +6 days +10 +2 \+ \d known +fine\n/)
  t.regex(checked.stdout, /10 sidecars: fine, with 1 warning\.\n$/)
  const again = init(cwd, 'compose')
  t.is(again.status, 0, again.stderr)
  t.is(again.stdout, 'out: nothing to change\n')
  t.deepEqual(tree(join(cwd, 'out')), files)
})

test('an upgrade: both versions side by side, then what is left of the old one is listed', (t) => {
  const cwd = place(t)
  t.is(init(cwd, 'loopback', '--yes').status, 0)
  const old = join(cwd, `descriptors/${ID}.json`)
  const text = readFileSync(old, 'utf8').replaceAll('19.7.0', '19.8.0')
  writeFileSync(join(cwd, 'descriptors/mod-users-19.8.0.json'), text, { mode: 0o644 })
  const both = init(cwd, 'loopback', '--yes')
  t.is(both.status, 0, both.stderr)
  t.regex(both.stdout, /\+ sidecars\/mod-users-19\.8\.0\.yaml\n/)
  t.notRegex(both.stdout, /take these away/)
  t.notRegex(both.stdout, /"format"/, 'a packed policy is no text for people')
  t.is(sidecar(cwd, 'check', 'out').status, 0)
  rmSync(old)
  const { stdout } = init(cwd, 'loopback', '--yes')
  const left = ['descriptors', 'policy'].map((part) => `${part}/${ID}.json`)
  const listed = [...left, `sidecars/${ID}.yaml`]
  t.true(
    stdout.endsWith(`take these away:\n\n${listed.map((path) => `    ${path}\n`).join('')}`),
    stdout,
  )
  t.regex(sidecar(cwd, 'check', 'out').stderr, /lacks mod-users-19\.7\.0\n.*take its files away/)
  for (const path of listed) rmSync(join(cwd, 'out', path))
  const checked = sidecar(cwd, 'check', 'out')
  t.is(checked.status, 0, checked.stderr)
  t.is(init(cwd, 'loopback').stdout, 'out: nothing to change\n')
})

test('one module more: its files, Okapi’s part, and nothing else; keys and grants stay', (t) => {
  const cwd = place(t)
  rmSync(join(cwd, 'descriptors/mod-tags-3.1.0.json'))
  t.is(init(cwd, 'loopback', '--yes').status, 0)
  const grants = join(cwd, 'out/grants.yaml')
  const mine = `${readFileSync(grants, 'utf8')}# mine\n`
  writeFileSync(grants, mine)
  const before = tree(join(cwd, 'out'))
  cpSync(join(SET, 'mod-tags-3.1.0.json'), join(cwd, 'descriptors/mod-tags-3.1.0.json'))
  const { status, stdout } = init(cwd, 'loopback', '--yes')
  t.is(status, 0)
  t.regex(stdout, /~ sidecars\/okapi-7\.2\.0\.yaml\n {4}\+ +mod-tags-3\.1\.0: https/)
  t.is(readFileSync(grants, 'utf8'), mine)
  const after = tree(join(cwd, 'out'))
  const changed = Object.keys(after).filter((name) => after[name] !== before[name])
  t.deepEqual(
    changed.filter((name) => !name.includes('mod-tags-3.1.0')),
    [
      'ca/index.json',
      'discovery.json',
      // Its auth filter hears of every call.
      'policy/mod-authtoken-2.18.0.json',
      'policy/mod-inventory-22.1.0.json',
      'policy/okapi-7.2.0.json',
      'sidecars/okapi-7.2.0.yaml',
      'start',
    ],
  )
  t.is(sidecar(cwd, 'check', 'out').status, 0)
})

test('check says what does not belong together', (t) => {
  const cwd = place(t)
  t.is(init(cwd, 'loopback', '--yes').status, 0)
  rmSync(join(cwd, 'out/sidecars/mod-tags-3.1.0.yaml'))
  const users = join(cwd, `out/sidecars/${ID}.yaml`)
  const notes = parse(readFileSync(join(cwd, 'out/sidecars/mod-notes-8.1.0.yaml'), 'utf8'))
  const text = readFileSync(users, 'utf8')
  const port = parse(text).ingress.listen
  writeFileSync(users, text.replace(port, notes.ingress.listen).replace('folio.internal', 'other'))
  const discovery = join(cwd, 'out/discovery.json')
  writeFileSync(
    discovery,
    readFileSync(discovery, 'utf8').replace('/mod-notes-8.1.0"', '/mod-x-1"'),
  )
  const { status, stderr } = sidecar(cwd, 'check', 'out')
  t.is(status, 2)
  t.regex(stderr, /no sidecar for mod-tags-3\.1\.0/)
  t.regex(stderr, /several trust domains: /)
  t.regex(stderr, /mod-notes-8\.1\.0 and mod-users-19\.7\.0 listen at 127\.0\.0\.1:\d+/)
  t.regex(stderr, /\/mod-x-1 does not lead to mod-notes-8\.1\.0/)
  t.is(sidecar(cwd, 'check', 'descriptors').status, 2)
  const json = JSON.parse(sidecar(cwd, 'check', 'out', '--json').stdout)
  t.is(json.ok, false)
  t.is(json.sidecars.length, 9)
})

test('every platform gets what starts it', (t) => {
  const cwd = place(t)
  const files = (platform: string) => {
    rmSync(join(cwd, 'out'), { recursive: true, force: true })
    const { status, stderr } = init(cwd, platform, '--yes')
    t.is(status, 0, stderr)
    const checked = sidecar(cwd, 'check', 'out')
    t.is(checked.status, 0, checked.stderr)
    t.is(statSync(join(cwd, 'out/start')).mode & 0o777, 0o755)
    return (name: string) => readFileSync(join(cwd, 'out', name), 'utf8')
  }
  const compose = parse(files('compose')('compose.yaml'))
  t.is(Object.keys(compose.services).length, 20)
  t.deepEqual(compose.services['mod-users-sidecar'].networks.folio.aliases, ['mod-users'])
  t.is(compose.services['mod-users'].network_mode, 'service:mod-users-sidecar')
  const systemd = files('systemd')
  t.is(systemd('okapi-7.2.0/netns.env'), 'ADDRESS=10.200.0.10/24\nGATEWAY=10.200.0.1/24\n')
  t.regex(systemd('start'), /systemctl enable --now okapi-sidecar@mod-users-19\.7\.0\n/)
  t.regex(systemd(`${ID}/sidecar.yaml`), /gateway: https:\/\/10\.200\.0\.10:8443/)
  const helm = files('helm')
  t.is(parseAllDocuments(helm('cert-manager.yaml')).length, 3)
  t.regex(helm('start'), /helm upgrade --install mod-users .* -f values\/mod-users-19\.7\.0\.yaml/)
  t.is(parse(helm(`values/${ID}.yaml`)).config.policy.grants[0].profile, 'bootstrap')
  t.throws(() => helm('ca/ca.crt'))
})

test('an install.json selects modules; missing and double ones are errors', (t) => {
  const cwd = place(t)
  const list = [
    { id: ID, action: 'enable' },
    { id: 'mod-tags-3.1.0', action: 'disable' },
  ]
  writeFileSync(join(cwd, 'install.json'), JSON.stringify(list))
  t.is(init(cwd, 'compose', '--install', 'install.json', '--yes').status, 0)
  t.deepEqual(readdirSync(join(cwd, 'out/sidecars')).sort(), [`${ID}.yaml`, 'okapi-7.2.0.yaml'])
  writeFileSync(join(cwd, 'install.json'), '[{"id": "mod-absent-1.0.0"}]')
  const absent = init(cwd, 'compose', '--install', 'install.json')
  t.is(absent.status, 2)
  t.regex(absent.stderr, /no descriptor of mod-absent-1\.0\.0 is in descriptors/)
  const domain = init(cwd, 'compose', '--trust-domain', 'folio.other')
  t.is(domain.status, 2)
  t.regex(domain.stderr, /is a CA of the trust domain folio\.internal, not of folio\.other/)
  writeFileSync(join(cwd, 'descriptors/okapi-7.3.0.json'), '{"id": "okapi-7.3.0"}')
  t.regex(init(cwd, 'compose').stderr, /two versions of Okapi: okapi-7\.2\.0, okapi-7\.3\.0/)
  t.is(sidecar(cwd, 'init', '--out', 'x', '--for', 'docker', '--operator', 'a').status, 2)
  rmSync(join(cwd, 'descriptors/okapi-7.3.0.json'))
  rmSync(join(cwd, 'out'), { recursive: true })
  const refused = (...argv: string[]) => {
    const { status, stderr } = init(cwd, 'compose', '--yes', ...argv)
    t.is(status, 2, stderr)
    t.false(readdirSync(cwd).includes('out'))
    return stderr
  }
  t.regex(refused('--operator', '../bo'), /--operator \.\.\/bo: letters, digits/)
  t.regex(refused('--trust-domain', 'folio/x'), /folio\/x/)
  t.regex(refused('--okapi-module', 'mod-x-1.0.0'), /mod-x-1\.0\.0 is not a module id of Okapi/)
  writeFileSync(join(cwd, 'descriptors/evil.json'), '{"id": "mod/../../x;touch y-1.0.0"}')
  t.regex(refused(), /evil\.json|not the name of a module/)
})

test('from a running Okapi: what is enabled for a tenant, and Okapi’s own version', async (t) => {
  const cwd = place(t)
  const okapi = createServer(({ url = '' }, response) => {
    const [, id] = /^\/_\/proxy\/modules\/([^/]+)$/.exec(url) ?? []
    const modules = [{ id: ID }, { id: 'mod-tags-3.1.0' }]
    response.setHeader('Content-Type', 'application/json')
    if (url === '/_/version') response.end('7.0.3')
    else if (url === '/_/proxy/tenants/diku/modules') response.end(JSON.stringify(modules))
    else response.end(readFileSync(join(SET, `${id}.json`)))
  })
  await new Promise<void>((resolve) => {
    okapi.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    okapi.closeAllConnections()
    okapi.close()
  })
  const url = `http://127.0.0.1:${(okapi.address() as AddressInfo).port}`
  const argv = [
    'init',
    '--okapi',
    url,
    '--tenant',
    'diku',
    '--operator',
    'anna',
    '--for',
    'compose',
  ]
  const child = spawn(process.execPath, [MAIN, ...argv, '--out', 'out', '--yes'], { cwd })
  const [code] = await once(child, 'exit')
  t.is(code, 0)
  t.deepEqual(readdirSync(join(cwd, 'out/sidecars')).sort(), [
    'mod-tags-3.1.0.yaml',
    `${ID}.yaml`,
    'okapi-7.0.3.yaml',
  ])
  t.is(sidecar(cwd, 'check', 'out').status, 0)
})

const { DESCRIPTORS_DIR: real } = process.env

test('the descriptors of a whole installation pass', (t) => {
  if (real === undefined) {
    console.log('skipped: DESCRIPTORS_DIR is not set, no real descriptors were read')
    t.pass()
    return
  }
  const cwd = place(t)
  const argv = ['--operator', 'anna', '--for', 'compose', '--out', 'out', '--yes']
  const made = sidecar(cwd, 'init', '--descriptors', real, ...argv)
  t.is(made.status, 0, made.stderr)
  const { status, stdout, stderr } = sidecar(cwd, 'check', 'out')
  t.is(status, 0, stderr)
  t.notRegex(stderr, /error|supertenant/)
  t.regex(stdout, /\d\d sidecars: fine/)
})
