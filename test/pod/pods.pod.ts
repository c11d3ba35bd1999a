import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NOTE_ID, TENANT } from '../../src/demo/members.ts'
import { PLACE as CHARTS } from '../helm/render.ts'
import { BASE, buildImage, buildPlain, IMAGE, whyNoPods } from './images.ts'
import { credentialsOf, operator, Pod, startInstallation } from './installation.ts'
import { cleanUp, PLACE, PREFIX, podman, run, type Said } from './podman.ts'

// Real pods: what the chart renders, run by podman, one call from end to end and all that is tried
// against it.
const MODULES = ['mod-users-19.7.0', 'mod-notes-8.1.0'] as const
const ROOT = new URL('../..', import.meta.url).pathname
const LOAD_MS = 12_000
const PACKAGE = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))

const why = await whyNoPods()
if (why !== undefined) console.log(`skipped: real pods: ${why}`)
const real = why === undefined ? {} : { skip: why }

let okapi: Pod
let users: Pod
let notes: Pod
let rogue: Pod

before(async () => {
  if (why !== undefined) return
  await buildImage()
  await startInstallation()
  const grants = [
    { caller: 'operator/anna', at: 'okapi', admin: ['read', 'discovery'], why: 'sets it up' },
  ]
  okapi = await Pod.make('okapi-7.2.0', { config: { policy: { grants } } })
  users = await Pod.make(MODULES[0], { workload: { image: IMAGE, readOnlyRootFilesystem: true } })
  notes = await Pod.make(MODULES[1])
  rogue = await Pod.make('mod-tags-3.1.0')
})

after(async () => {
  if (why !== undefined) return
  await cleanUp()
  for (const place of [PLACE, CHARTS]) rmSync(place, { recursive: true, force: true })
})

test('the image: an unprivileged user, its labels, and its size', real, async () => {
  const [image] = JSON.parse(await podman('image', 'inspect', IMAGE))
  const [bare] = JSON.parse(await podman('image', 'inspect', BASE))
  assert.equal(image.Config.User, '65532:65532')
  const label = (name: string) => image.Config.Labels[`org.opencontainers.image.${name}`]
  assert.equal(label('title'), 'okapi-sidecar')
  assert.equal(label('licenses'), 'Apache-2.0')
  assert.equal(label('version'), PACKAGE.version)
  assert.equal(label('base.name'), BASE)
  assert.equal(label('revision'), 'unknown')
  assert.deepEqual(image.HealthCheck?.Test ?? image.Healthcheck?.Test, [
    'CMD',
    'node',
    '/app/main.js',
    'health',
  ])
  // What the Dockerfile says of Node, nothing here says again.
  const [, entry = ''] = /^ENTRYPOINT (.*)$/m.exec(readFileSync(`${ROOT}Dockerfile`, 'utf8')) ?? []
  assert.deepEqual(image.Config.Entrypoint, JSON.parse(entry))
  const own = (image.Size - bare.Size) / 2 ** 20
  const whole = (image.Size / 2 ** 20).toFixed(0)
  console.log(`measured: the image has ${whole} MiB and adds ${own.toFixed(1)} MiB to its base`)
  assert.ok(own < 12, `${own} MiB`)
})

test('the image: nothing in it can be started but Node', real, async () => {
  for (const program of ['/bin/sh', '/bin/ls', '/usr/bin/env', '/usr/local/bin/npm']) {
    const args = ['run', '--rm', '--pull=never', '--network=none', '--entrypoint', program, IMAGE]
    const { code } = await run('podman', args)
    assert.equal(code, 127, program)
  }
})

test('the image: who does not run a sidecar is not healthy', real, async () => {
  const name = `${PREFIX}-idle`
  const flags = ['--pull=never', '--network=none', '--health-interval=disable', '--name', name]
  const idle = ['-e', 'setTimeout(() => {}, 60_000)']
  await podman('run', '-d', '--rm', ...flags, '--entrypoint', 'node', IMAGE, ...idle)
  const { code, out } = await run('podman', ['healthcheck', 'run', name])
  await podman('rm', '-f', '-t', '0', name)
  assert.equal(code, 1)
  assert.match(out, /unhealthy/)
})

test('the image: says what is in it, and no tool of ours is', real, async () => {
  const text = await inImage("process.stdout.write(fs.readFileSync('/app/sbom.cdx.json'))")
  const { components }: { components: { name: string; version: string }[] } = JSON.parse(text)
  const found = new Map(components.map(({ name, version }) => [name, version]))
  for (const [name, version] of Object.entries(PACKAGE.dependencies)) {
    assert.equal(found.get(name), version, name)
  }
  for (const name of Object.keys(PACKAGE.devDependencies)) assert.ok(!found.has(name), name)
  const files = JSON.parse(
    await inImage("console.log(JSON.stringify(fs.readdirSync('/app', { recursive: true })))"),
  )
  assert.ok(files.includes('main.js'))
  assert.deepEqual(
    files.filter((name: string) => /node_modules|\.ts$|esbuild|\.key$/.test(name)),
    [],
  )
})

test('the image: the same sources give the same layers', real, async () => {
  const layers = []
  for (const how of ['again', 'anew'] as const) {
    const tag = `${IMAGE}-${how}`
    await buildPlain(tag, how)
    const [{ RootFS }] = JSON.parse(await podman('image', 'inspect', tag))
    layers.push(RootFS.Layers)
    await podman('image', 'rm', tag)
  }
  assert.ok(layers[0].length > 1)
  assert.deepEqual(layers[0], layers[1])
})

/** Runs a script in a container of the image that has nothing else. */
function inImage(script: string): Promise<string> {
  const fixed = ['--rm', '--pull=never', '--network=none', '--read-only', '--entrypoint', 'node']
  return podman('run', ...fixed, IMAGE, '-e', script)
}

const COMMAND_LINE = "require('fs').readFileSync('/proc/1/cmdline', 'utf8').replaceAll('\\0', ' ')"

test('sidecars start before their modules, and are ready without them', real, async () => {
  for (const pod of [okapi, users, notes]) {
    await pod.startSidecar()
    console.log(`measured: the sidecar of ${pod.id} was ready after ${await pod.startedIn()} ms`)
  }
  const { out: started } = await users.inSidecar('node', '-p', COMMAND_LINE)
  assert.match(started, /^node --expose-gc --max-semi-space-size=\d+ \/app\/main\.js run -c /)
  const gone = await users.inSidecar(
    'node',
    '/app/main.js',
    'health',
    'http://127.0.0.1:9901/app/health',
  )
  assert.equal(gone.code, 1)
  assert.match(gone.err, /503/)
  await okapi.startApp('okapi-stand-in', { port: 9130, tenants: [TENANT] })
  await users.startApp('mod-users', { port: 8081 })
  await notes.startApp('mod-notes', { port: 8081 })
  await until('mod-users is well', async () => {
    const { v4 } = await users.addresses()
    const answer = await fetch(`http://${v4}:9901/app/health`)
    return answer.status === 200
  })
})

test('a sidecar has no privileges, no capabilities and no writable file system', real, async () => {
  const script = `
    const fs = await import('node:fs')
    const status = fs.readFileSync('/proc/self/status', 'utf8')
    const tries = ['/app/x', '/x', '/etc/sidecar/x', '/certs/x', '/tmp/x', '/dev/shm/../x'].map((file) => {
      try { fs.writeFileSync(file, ''); return 'written' } catch (error) { return error.code }
    })
    console.log(JSON.stringify({
      uid: process.getuid(),
      capabilities: /CapEff:\\s+(\\w+)/.exec(status)[1],
      noNewPrivileges: /NoNewPrivs:\\s+(\\d)/.exec(status)[1],
      tries,
    }))`
  const { out, err } = await users.inSidecar('node', '--input-type=module', '-e', script)
  const found = JSON.parse(out || `{"err":${JSON.stringify(err)}}`)
  assert.equal(found.uid, 65532)
  assert.equal(found.capabilities, '0000000000000000')
  assert.equal(found.noNewPrivileges, '1')
  for (const code of found.tries) assert.match(code, /^(EROFS|EACCES)$/)
  const memory = await podman('inspect', '-f', '{{.HostConfig.Memory}}', `${users.name}-sidecar`)
  assert.equal(Number(memory), 128 * 2 ** 20)
})

test('an operator registers the modules through Okapi’s sidecar', real, async () => {
  const { v4 } = await okapi.addresses()
  const said = await operator(
    'discovery',
    '--okapi',
    `https://${v4}:8443`,
    '--credentials',
    credentialsOf('operator/anna'),
    '--descriptors',
    `${ROOT}src/demo/descriptors`,
    '--apply',
    '--verify',
  )
  assert.equal(said.code, 0, said.err + said.out)
  for (const id of MODULES) {
    const script = `
      const answer = await fetch('http://127.0.0.1:9130/_/proxy/tenants/${TENANT}/modules', {
        method: 'POST', body: JSON.stringify({ id: '${id}' }),
      })
      console.log(answer.status, await answer.text())`
    const { out } = await okapi.inApp(script)
    assert.match(out, /^201 /, out)
  }
})

const CALL = `
  const call = async () => {
    const headers = { 'X-Okapi-Tenant': '${TENANT}' }
    const answer = await fetch('http://127.0.0.1:9130/notes/${NOTE_ID}', { headers })
    return { status: answer.status, text: await answer.text() }
  }`

test('a call crosses: Okapi, mod-notes, Okapi, mod-users, and back', real, async () => {
  const { out, err } = await okapi.inApp(`${CALL}; console.log(JSON.stringify(await call()))`)
  const { status, text } = JSON.parse(out || `{"text":${JSON.stringify(err)}}`)
  assert.equal(status, 200, text)
  assert.equal(JSON.parse(text).creator.name, 'Anna Lind')
  for (const pod of [okapi, users, notes]) assert.match(await pod.log(), /"msg":"exchange"/)
})

/** Eight callers in Okapi's pod, for a while. */
function callsRun(): Promise<Said> {
  return okapi.inApp(`${CALL}
    const end = Date.now() + ${LOAD_MS}
    let calls = 0
    const wrong = []
    const worker = async () => {
      while (Date.now() < end) {
        calls++
        const { status, text } = await call().catch((error) => ({ status: 0, text: String(error.cause ?? error) }))
        if (status !== 200) wrong.push(status + ' ' + text.slice(0, 200))
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    console.log(JSON.stringify({ calls, wrong }))`)
}

async function noneIsWrong(load: Promise<Said>): Promise<void> {
  const { out, err } = await load
  const { calls, wrong } = JSON.parse(out || `{"wrong":${JSON.stringify(err)}}`)
  console.log(
    `measured: ${calls} calls in ${LOAD_MS / 1000} s, each through six sidecars' listeners`,
  )
  assert.deepEqual(wrong, [])
  // How many there are is up to the machine: each caller made some.
  assert.ok(calls > 24)
}

test('certificates are swapped under load, and no call is lost', real, async () => {
  const load = callsRun()
  await sleep(1000)
  for (const pod of [users, okapi, notes]) {
    await pod.renewCertificates()
    await sleep(300)
  }
  await noneIsWrong(load)
  for (const pod of [okapi, users, notes]) {
    await until(`${pod.id} uses its new certificate`, async () => {
      return (await pod.metric('sidecar_credentials_generation')) === 2
    })
  }
})

test('128 MiB are enough', real, async () => {
  for (const pod of [okapi, users, notes]) {
    const { out } = await pod.inSidecar(
      'node',
      '-p',
      "/VmRSS:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/1/status', 'utf8'))[1]",
    )
    const resident = Number(out) / 1024
    console.log(`measured: the sidecar of ${pod.id} has ${resident.toFixed(0)} MiB resident`)
    assert.ok(resident > 0 && resident < 128)
    const killed = await podman('inspect', '-f', '{{.State.OOMKilled}}', `${pod.name}-sidecar`)
    assert.equal(killed, 'false')
  }
})

// What a module with a listener on every address (RMB) would be, beside the one of the demo.
const LEAK = `
  const { createServer } = await import('node:http')
  createServer((_, response) => response.end('leaked')).listen(8082, '::')`

/**
 * Tries an address from the rogue's pod: `open`, or why not. What is silent is asked once more: a machine that is
 * only busy answers then.
 */
async function reach(
  from: Pod,
  address: string,
  port: number,
  flags = ['--user', '1000:1000', '--cap-drop=all'],
) {
  const found = await connection(from, address, port, flags)
  return found === 'silent' ? connection(from, address, port, flags) : found
}

async function connection(from: Pod, address: string, port: number, flags: readonly string[]) {
  const script = `
    const socket = (await import('node:net')).connect(${port}, '${address}')
    socket.setTimeout(1500, () => { console.log('silent'); process.exit() })
    socket.on('connect', () => { console.log('open'); process.exit() })
    socket.on('error', (error) => { console.log(error.code); process.exit() })`
  const { out, err } = await from.once(flags, 'node', '--input-type=module', '-e', script)
  return out.trim() || err
}

test(
  'the module’s own port is open to the network without rules, and closed with them',
  real,
  async () => {
    await users.run('leak', ['--user', '1000:1000'], ['node', '--input-type=module', '-e', LEAK])
    const { v4, v6 } = await users.addresses()
    assert.ok(v6.includes(':'), 'the network has IPv6')
    await until('it leaks', async () => (await reach(rogue, v4, 8082)) === 'open')
    assert.equal(await reach(rogue, v6, 8082), 'open')
    await users.applyRules()
    for (const address of [v4, v6]) {
      assert.equal(await reach(rogue, address, 8082), 'silent', address)
      assert.equal(await reach(rogue, address, 8443), 'open', address)
      assert.equal(await reach(rogue, address, 9901), 'open', address)
      assert.equal(await reach(rogue, address, 9130), 'silent', address)
    }
    assert.equal(await reach(users, '127.0.0.1', 8082), 'open', 'loopback stays')
  },
)

test('from inside only the sidecar gets out', real, async () => {
  const { v4, v6 } = await okapi.addresses()
  for (const address of [v4, v6]) {
    assert.equal(await reach(users, address, 8443), 'ECONNREFUSED', address)
    assert.equal(
      await reach(users, address, 8443, ['--user', '65532:65532', '--cap-drop=all']),
      'open',
    )
  }
  const { out } = await okapi.inApp(`${CALL}; console.log((await call()).status)`)
  assert.equal(out.trim(), '200')
})

test(
  'a root module becomes the sidecar’s user with SETUID, and not as the chart has it',
  real,
  async () => {
    const { v4 } = await okapi.addresses()
    const script = `
    try { process.setuid(65532) } catch (error) { console.log(error.code); process.exit() }
    const socket = (await import('node:net')).connect(8443, '${v4}')
    socket.on('connect', () => { console.log('open'); process.exit() })
    socket.on('error', (error) => { console.log(error.code); process.exit() })`
    const as = async (...flags: string[]) => {
      const { out } = await users.once(flags, 'node', '--input-type=module', '-e', script)
      return out.trim()
    }
    assert.equal(
      await as('--user', '0:0', '--cap-drop=all', '--cap-add=setuid'),
      'open',
      'why it is dropped',
    )
    assert.equal(
      await as('--user', '0:0', '--cap-drop=all', '--security-opt=no-new-privileges'),
      'EPERM',
    )
    assert.equal(await as('--user', '1000:1000', '--cap-drop=all'), 'EPERM')
  },
)

test('a rogue pod gets nothing through', real, async () => {
  // What `helm test` says, and the report to read.
  const args = [...users.probe, '--json']
  const trust = ['-v', `${credentialsOf('operator/anna')}/ca.crt:/trust/ca.crt:ro`]
  const guard = ['--user', '65532:65532', '--read-only', '--cap-drop=all']
  const said = await rogue.once([...guard, ...trust], 'node', '/app/main.js', ...args)
  judged('an outsider', said)
  const hijacked = ['-v', `${rogue.directory}/sidecar-certs:/stolen:ro`]
  const stolen = await rogue.once(
    [...guard, ...trust, ...hijacked],
    'node',
    '/app/main.js',
    ...args,
    '--credentials',
    '/stolen',
  )
  judged('a hijacked module', stolen)
})

function judged(who: string, { code, out, err }: Said): void {
  const { attacks }: { attacks: { id: string; outcome: string; because: string }[] } = JSON.parse(
    out || `{"attacks":[{"id":"none","outcome":"${err.replaceAll(/[^ -~]|["\\\\]/g, ' ')}"}]}`,
  )
  const count = (wanted: string) => attacks.filter(({ outcome }) => outcome === wanted)
  console.log(`measured: ${who} tried ${attacks.length}, ${count('blocked').length} were blocked`)
  for (const { id, because } of count('inconclusive'))
    console.log(`inconclusive: ${id}: ${because}`)
  assert.deepEqual(count('got-through'), [])
  assert.ok(count('blocked').length > 10)
  assert.equal(code, 0)
}

test('one of two pods is stopped while calls run, and none is lost', real, async () => {
  const other = await Pod.make(MODULES[0], {}, '-2')
  await other.startSidecar()
  await other.startApp('mod-users', { port: 8081 })
  const load = callsRun()
  await sleep(1000)
  assert.equal(await users.stop(), '0')
  await noneIsWrong(load)
  assert.match(await users.log(), /"msg":"leaving"/)
  assert.match(await users.log(), /"drained":true,"msg":"stopped"/)
  assert.equal(await other.stop(), '0')
  const { out } = await okapi.inApp(`${CALL}; console.log((await call()).status)`)
  assert.equal(out.trim(), '502', 'mod-notes is told, and says so')
})

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`not within 30 s: ${what}`)
    await sleep(100)
  }
}
