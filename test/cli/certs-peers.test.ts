import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer as createPlainServer } from 'node:net'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { createAuthority } from '../../src/pki/ca.ts'
import { certs, everything, place } from '../pki/tools.ts'
import { MAIN } from '../support/program.ts'

/** A peer with the files of a directory, as they are now; `reload` makes it read them again. */
async function peer(t: ExecutionContext, dir: string) {
  const read = async () => ({
    cert: await readFile(join(dir, 'tls.crt')),
    key: await readFile(join(dir, 'tls.key')),
    ca: await readFile(join(dir, 'ca.crt')),
  })
  const strict = { requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' as const }
  const server: Server = createServer({ ...strict, ...(await read()) }, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'))
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const reload = async () => server.setSecureContext({ ...strict, ...(await read()) })
  return { name: `127.0.0.1:${port}`, reload }
}

async function setting(t: ExecutionContext) {
  const dir = await place(t)
  const trustDomain = 'folio.test'
  const ca = await createAuthority(join(dir, 'ca'), { trustDomain })
  const stranger = await createAuthority(join(dir, 'stranger'), { trustDomain })
  const a = await ca.issue('mod-a-1.0.0')
  const b = await ca.issue('mod-b-1.0.0')
  const foreign = await stranger.issue('mod-a-1.0.0')
  return { ca, a, b, foreign, at: ['--dir', ca.directory] }
}

test('status host:port shows what a peer presents, and whether it accepts us', async (t) => {
  const { a, b, foreign } = await setting(t)
  const { name } = await peer(t, a.dir)
  const bare = await certs('status', name)
  t.is(bare.code, 0, bare.stderr)
  t.regex(bare.stdout, /mod-a-1\.0\.0 .*P-256/)
  t.regex(bare.stdout, /TLSv1\.3/)
  t.regex(bare.stdout, /not verified: add --credentials/)
  const known = await certs('status', name, '--credentials', b.dir)
  t.is(known.code, 0, known.stdout)
  t.regex(known.stdout, /accepts our certificate/)
  const said = JSON.parse(
    (await certs('status', name, '--credentials', foreign.dir, '--json')).stdout,
  )
  t.true(said.verified)
  t.false(said.takesUs)
  t.true(said.problems.some((problem: string) => problem.startsWith('refuses us: ')))
  t.true(said.problems.includes('no root in ca.crt certifies it'))
  t.is((await certs('status', name, '--credentials', foreign.dir)).code, 1)
})

test('status of a peer that is not there, or speaks no TLS, ends with 2', async (t) => {
  const plain = createPlainServer((socket) => {
    socket.on('error', () => undefined)
    socket.resume()
    socket.end('SSH-2.0-x\r\n')
  })
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.teardown(() => plain.close())
  const { port } = plain.address() as AddressInfo
  const { code, stderr } = await certs('status', `127.0.0.1:${port}`)
  t.is(code, 2)
  t.regex(stderr, /127\.0\.0\.1:\d+: [\s\S]*is this its TLS port/)
  plain.close()
  await once(plain, 'close')
  const gone = await certs('status', `127.0.0.1:${port}`)
  t.is(gone.code, 2)
  t.regex(gone.stderr, /ECONNREFUSED/)
})

test('the refusal of a sidecar is recognized', async (t) => {
  const { a, b } = await setting(t)
  const read = (file: string) => readFile(join(a.dir, file))
  const server = createServer(
    {
      cert: await read('tls.crt'),
      key: await read('tls.key'),
      requestCert: true,
      rejectUnauthorized: false,
    },
    (socket) => {
      socket.on('error', () => undefined)
      const head = 'HTTP/1.1 403 Forbidden\r\nX-Sidecar-Refused: revoked-certificate\r\n'
      socket.end(`${head}Content-Length: 0\r\nConnection: close\r\n\r\n`)
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { code, stdout } = await certs('status', `127.0.0.1:${port}`, '--credentials', b.dir)
  t.is(code, 1)
  t.regex(stdout, /refuses us: revoked-certificate/)
})

test('rehearse lists the peers that would break with credentials that are not in use yet', async (t) => {
  const { a, b, foreign } = await setting(t)
  const good = await peer(t, a.dir)
  const bad = await peer(t, foreign.dir)
  const url = `https://${good.name}/`
  const fine = await certs('rehearse', '--next', b.dir, '--peers', url, '--dir', b.dir)
  t.is(fine.code, 0, fine.stderr)
  t.regex(fine.stdout, /mod-a-1\.0\.0 +accepts us +is accepted\n\nno peer would break/)
  const list = `${good.name},${bad.name},127.0.0.1:1`
  const mixed = await certs('rehearse', '--next', b.dir, '--peers', list)
  t.is(mixed.code, 1)
  t.regex(mixed.stdout, new RegExp(`${bad.name} .*refuses us +is refused`))
  t.regex(mixed.stdout, /^127\.0\.0\.1:1 .*\n {4}not reached: ECONNREFUSED$/m)
  t.true(
    mixed.stdout.split('\n').every((line) => line.length <= 80),
    mixed.stdout,
  )
  t.regex(mixed.stdout, /2 of 3 would break/)
  for (const argv of [
    [],
    ['--next', b.dir],
    ['--peers', good.name],
    ['--next', b.dir, '--peers', 'x'],
  ]) {
    t.is((await certs('rehearse', ...argv)).code, 2)
  }
})

test('a rollover goes on only when every live peer can follow', async (t) => {
  const { ca, a, b, at } = await setting(t)
  const [one, two] = [await peer(t, a.dir), await peer(t, b.dir)]
  const peers = ['--peers', `${one.name},${two.name}`]
  t.is((await certs('rollover', 'status', ...at)).code, 0)
  t.is((await certs('rollover', 'start', ...at)).code, 0)

  // The files are there, but only one of the two has read them.
  await one.reload()
  const early = await certs('rollover', 'leaves', ...at, ...peers)
  t.is(early.code, 2)
  t.regex(
    early.stderr,
    new RegExp(`${two.name} \\(mod-b-1\\.0\\.0\\) does not trust the new root yet`),
  )
  t.is((await certs('rollover', 'status', ...at, ...peers)).code, 1)
  await two.reload()
  t.is((await certs('rollover', 'status', ...at, ...peers)).code, 0)
  t.is((await certs('rollover', 'leaves', ...at, ...peers)).code, 0)

  await one.reload()
  const before = await everything(ca.directory)
  const soon = await certs('rollover', 'finish', ...at, ...peers)
  t.is(soon.code, 2)
  t.regex(soon.stderr, new RegExp(`${two.name} .* still has a certificate of the old root`))
  t.deepEqual(await everything(ca.directory), before)
  const status = JSON.parse((await certs('rollover', 'status', ...at, ...peers, '--json')).stdout)
  t.is(status.phase, 'leaves')
  t.deepEqual(
    status.peers.map(({ needsOld }: { needsOld: boolean }) => needsOld),
    [false, true],
  )
  const lost = await certs('rollover', 'finish', ...at, '--peers', '127.0.0.1:1')
  t.is(lost.code, 2)
  t.regex(lost.stderr, /127\.0\.0\.1:1 was not reached/)

  await two.reload()
  const done = await certs('rollover', 'finish', ...at, ...peers)
  t.is(done.code, 0, done.stderr)
  t.regex(done.stdout, /No rollover is under way/)
  await Promise.all([one.reload(), two.reload()])
  t.is((await certs('rehearse', '--next', a.dir, ...peers)).code, 0)
})

test('rollover: a step that asks no peer says so', async (t) => {
  const { at } = await setting(t)
  t.is((await certs('rollover', 'start', ...at)).stderr, '')
  for (const step of ['leaves', 'finish']) {
    const { code, stderr } = await certs('rollover', step, ...at)
    t.is(code, 0)
    t.regex(stderr, /^okapi-sidecar: warning: without --peers no peer is asked/)
  }
})

test('rollover: unknown steps end with 2', async (t) => {
  const { at } = await setting(t)
  for (const [argv, message] of [
    [[], /start, leaves, status or finish is missing/],
    [['stop'], /no step `stop`/],
    [['finish'], /no rollover is under way/],
    [['status', '--peers', 'nowhere'], /`nowhere` is not a peer/],
  ] as const) {
    const { code, stderr } = await certs('rollover', ...argv, ...at)
    t.is(code, 2)
    t.regex(stderr, message)
  }
})

test('agent: renews what is due, and ends on a signal', async (t) => {
  const { ca, at } = await setting(t)
  const { dir, certPem } = await ca.issue('mod-c-1.0.0', { validForMs: 2000 })
  // Backdated by a minute: two thirds of that life are over already.
  const once1 = await certs('agent', '--for', 'mod-c-1.0.0', '--once', ...at)
  t.is(once1.code, 0, once1.stderr)
  t.regex(once1.stdout, /^renewed mod-c-1\.0\.0, until /)
  t.not(await readFile(join(dir, 'tls.crt'), 'utf8'), certPem)
  t.true((await everything(dir)).includes('..data'))
  const missing = await certs('agent', '--for', 'mod-z-1.0.0', ...at)
  t.is(missing.code, 2)
  t.regex(missing.stderr, /certs issue mod-z-1\.0\.0 --dir/)
  t.is((await certs('agent', ...at)).code, 2)

  const argv = [MAIN, 'certs', 'agent', '--for', 'mod-c-1.0.0', '--json', ...at]
  const running = spawn('node_modules/.bin/node', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(running.stdout, 'data')
  running.kill('SIGTERM')
  const [code] = await once(running, 'exit')
  t.is(code, 0)
})

test('agent --all: every certificate in the folder of the CA, also a later one, none that was revoked', async (t) => {
  const { ca, at } = await setting(t)
  const short = { validForMs: 2000 }
  for (const name of ['mod-a-1.0.0', 'mod-b-1.0.0']) await ca.issue(name, short)
  await ca.issue('operator/anna', { ...short, powerful: true })
  const renewed = async () => {
    const { code, stdout, stderr } = await certs('agent', '--all', '--once', ...at)
    t.is(code, 0, stderr)
    const names = [...stdout.matchAll(/^renewed (mod-[a-d]|operator)/gm)].map(([, name]) => name)
    return names.sort()
  }
  t.deepEqual(await renewed(), ['mod-a', 'mod-b', 'operator'])
  await certs('revoke', 'mod-b-1.0.0', ...at)
  await ca.issue('mod-d-1.0.0', short)
  t.deepEqual(await renewed(), ['mod-a', 'mod-d', 'operator'])
  const both = await certs('agent', '--all', '--for', 'mod-a-1.0.0', ...at)
  t.is(both.code, 2)
  t.regex(both.stderr, /either --for or --all/)
})

test('agent: a failed renewal is reported, and ends a single round with 1', async (t) => {
  const { ca, at } = await setting(t)
  const { dir } = await ca.issue('mod-c-1.0.0')
  await writeFile(join(dir, 'tls.crt'), 'broken')
  const { code, stderr } = await certs('agent', '--for', 'mod-c-1.0.0', '--once', ...at)
  t.is(code, 1)
  t.regex(stderr, /mod-c-1\.0\.0 was not renewed: .*there is no certificate in it/)
})
