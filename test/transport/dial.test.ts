import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import type { Address } from '../../src/transport/address.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import { Dialer } from '../../src/transport/dial.ts'
import { NameResolver } from '../../src/transport/name-resolver.ts'
import { NameServer } from '../support/name-server.ts'
import { materialOf } from './authority.ts'
import { dialerTo, dialOnce, openRecorder, openTestListener, readAll } from './peers.ts'
import { tempFolder } from './temp.ts'
import { NOBODY, okapi, openPlain, portOf, record, root, users, wanted } from './upstreams.ts'

const folder = tempFolder()

test('an upstream that is not up yet is tried again until it is', async (t) => {
  const [port = 0] = await freePorts(1)
  const dialer = new Dialer(dialerTo([port], wanted(), { connectWaitMs: 3_600_000 }))
  const { key, cert } = users
  const dialled = dialOnce(dialer)
  // Some rounds have found no server by now.
  await new Promise((resolve) => setTimeout(resolve, 200))
  const server = await openRecorder({ key, cert, ca: root.cert }, '', port)
  const { refusal, identity, socket } = await dialled
  t.is(refusal, null)
  t.is(identity, 'mod-users-19.7.0')
  socket?.destroy()
  await server.close()
})

for (const whenUnreachable of ['module-unavailable', 'upstream-unreachable'] as const) {
  test(`when nothing is reached in time it is ${whenUnreachable}`, async (t) => {
    const server = await NameServer.start()
    const resolvConf = join(folder, `resolv-${whenUnreachable}.conf`)
    writeFileSync(resolvConf, `nameserver 127.0.0.1:${server.port}\n`)
    const clock = new CoarseClock(10)
    const names = new NameResolver(() => clock.now, { hosts: '', resolvConf })
    const ended = async (addresses: readonly Address[]) => {
      const options = { addresses, clock, names, connectWaitMs: 1000, whenUnreachable }
      const { refusal } = await dialOnce(new Dialer(dialerTo([], null, options)))
      t.is(refusal?.reason, whenUnreachable)
      t.is(refusal?.limit, 'connectWaitMs')
      return refusal?.because ?? ''
    }
    const found = ended([{ host: '127.0.0.1', port: NOBODY }, { path: join(folder, 'none.sock') }])
    // Alone: beside addresses that are found a name is waited for no longer than a moment.
    t.regex(await ended([{ host: 'no.such.invalid', port: 1 }]), /invalid does not resolve/)
    t.regex(await found, /ECONNREFUSED.*ENOENT/)
    await server.close()
  })
}

test('a dial that is cancelled says nothing against the address that it had begun with', async (t) => {
  const servers = [await record(users, 'the first'), await record(users, 'the second')]
  const [first] = servers
  const dialer = new Dialer(
    dialerTo(
      servers.map(({ port }) => port),
      wanted(),
    ),
  )
  const cancelled = new Promise<Socket>((resolve) => first?.server.once('connection', resolve))
  const dialling = dialer.dial({}, () => t.fail('it was cancelled'))
  const closed = once(await cancelled, 'close')
  dialling.cancel()
  await closed
  const { socket } = await dialOnce(dialer)
  const [text] = await once(socket!, 'data')
  t.is(String(text), 'the first')
  socket?.destroy()
  for (const server of servers) await server.close()
})

test('a server that never answers the handshake is given up', async (t) => {
  const sockets: Socket[] = []
  const server = await openPlain((socket) => sockets.push(socket))
  const hits: string[] = []
  const limitHit = (limit: string) => hits.push(limit)
  const dialer = new Dialer(dialerTo([portOf(server)], wanted(), { handshakeMs: 100, limitHit }))
  const { refusal } = await dialOnce(dialer)
  t.is(refusal?.reason, 'upstream-unreachable')
  t.regex(refusal?.because ?? '', /handshake/)
  t.deepEqual(hits, ['handshakeMs'])
  for (const socket of sockets) socket.destroy()
  server.close()
})

test('a server that hangs up in the handshake counts as not reached', async (t) => {
  const server = await openPlain((socket) => socket.end())
  const { refusal } = await dialOnce(new Dialer(dialerTo([portOf(server)], wanted())))
  t.is(refusal?.reason, 'upstream-unreachable')
  server.close()
})

test('a server that speaks no TLS counts as not trusted', async (t) => {
  const server = await openPlain((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'))
  const { refusal } = await dialOnce(new Dialer(dialerTo([portOf(server)], wanted())))
  t.is(refusal?.reason, 'upstream-untrusted')
  t.regex(refusal?.because ?? '', /: it does not speak TLS \(ERR_SSL_WRONG_VERSION_NUMBER\)/)
  server.close()
})

test('a plain dial has no identity, over TCP and over a Unix socket', async (t) => {
  const path = join(folder, 'plain.sock')
  const tcp = await openPlain((socket) => socket.end('hello'))
  const unix = createServer((socket) => socket.end('hello')).listen(path)
  await once(unix, 'listening')
  const ports = { addresses: [{ host: 'localhost', port: portOf(tcp) }] }
  for (const options of [ports, { addresses: [{ path }] }]) {
    const { socket, identity } = await dialOnce(new Dialer(dialerTo([], null, options)))
    t.is(identity, null)
    if (socket === null) throw new Error('no socket')
    const [text] = await once(socket, 'data')
    t.is(String(text), 'hello')
    // The other side has ended, ours is still open.
    t.true(socket.writable)
    socket.destroy()
  }
  tcp.close()
  unix.close()
})

test('reads go into the buffer that the caller gives, plain and TLS', async (t) => {
  const tls = await record(users, 'hello')
  const plain = await openPlain((socket) => socket.end('hello'))
  const dialers = [
    new Dialer(dialerTo([tls.port], wanted())),
    new Dialer(dialerTo([portOf(plain)], null)),
  ]
  for (const dialer of dialers) {
    const buffer = Buffer.alloc(65_536)
    let heard: (text: string) => void = () => {}
    const text = new Promise<string>((resolve) => {
      heard = resolve
    })
    const callback = (length: number) => {
      heard(buffer.toString('latin1', 0, length))
      return true
    }
    const { socket } = await dialOnce(dialer, { onread: { buffer, callback } })
    t.is(await text, 'hello')
    socket?.destroy()
  }
  await tls.close()
  plain.close()
})

test('names go into SNI, addresses do not, and a name given goes before both', async (t) => {
  const names: (string | boolean)[] = []
  const server = await record(users)
  server.server.on('secureConnection', (socket) => names.push(socket.servername ?? ''))
  for (const [host, servername] of [
    ['localhost', undefined],
    ['127.0.0.1', undefined],
    ['127.0.0.1', 'mod-users.folio.test'],
    ['127.0.0.1', 'mod-users.folio.test.'],
  ] as const) {
    const tls = wanted(servername === undefined ? {} : { servername })
    const addresses = [{ host, port: server.port }]
    const { socket } = await dialOnce(new Dialer(dialerTo([], tls, { addresses })))
    socket?.end()
    if (socket !== null) await readAll(socket)
  }
  await server.close()
  t.deepEqual(names, ['localhost', false, 'mod-users.folio.test', 'mod-users.folio.test'])
})

test('a name whose server is silent does not hold up the other addresses of the upstream', async (t) => {
  const server = await record(users)
  const names = await NameServer.start()
  names.zones.set('silent.test', 'silence')
  names.zones.set('users.test', { a: ['127.0.0.1'] })
  const resolvConf = join(folder, 'resolv.conf')
  writeFileSync(resolvConf, `nameserver 127.0.0.1:${names.port}\n`)
  const shown: (string | boolean)[] = []
  server.server.on('secureConnection', (socket) => shown.push(socket.servername ?? ''))
  for (const host of ['127.0.0.1', 'users.test', 'users.test.']) {
    const addresses = [
      { host: 'silent.test', port: server.port },
      { host, port: server.port },
    ]
    const clock = new CoarseClock(10)
    const more = { clock, names: new NameResolver(() => clock.now, { hosts: '', resolvConf }) }
    // Were the silent one waited for it would be over.
    const dialler = new Dialer(dialerTo([], wanted(), { addresses, connectMs: 2000, ...more }))
    const { socket, refusal } = await dialOnce(dialler)
    t.is(refusal, null)
    socket?.end()
    if (socket !== null) await readAll(socket)
  }
  const clock = new CoarseClock(10)
  const more = { clock, names: new NameResolver(() => clock.now, { hosts: '', resolvConf }) }
  const addresses = [{ host: 'silent.test', port: server.port }]
  const times = { connectMs: 50, connectWaitMs: 0 }
  const silent = new Dialer(dialerTo([], wanted(), { addresses, ...times, ...more }))
  const { refusal } = await dialOnce(silent)
  t.regex(refusal?.because ?? '', /silent\.test: not resolved in time/)
  await server.close()
  await names.close()
  // A dot at the end is for resolvers: the name that is sent has none (RFC 6066 section 3).
  t.deepEqual(shown, [false, 'users.test', 'users.test'])
})

test('done is never called before dial returns', async (t) => {
  const dialer = new Dialer(dialerTo([1], wanted({ material: () => JSON.parse('null') })))
  let returned = false
  await new Promise<void>((resolve) => {
    dialer.dial({}, () => {
      t.true(returned)
      resolve()
    })
    returned = true
  })
})

test('a dial that is cancelled says nothing more and leaves nothing open', async (t) => {
  const open = new Set<Socket>()
  const silent = await openPlain((socket) => {
    open.add(socket.resume())
    socket.on('end', () => socket.destroy())
    socket.on('close', () => open.delete(socket))
  })
  const clock = new CoarseClock(10)
  const more = { clock, connectWaitMs: 3_600_000 }
  const refuse = () => t.fail('done was called')
  const handshaking = new Dialer(dialerTo([portOf(silent)], wanted(), more))
  const pausing = new Dialer(dialerTo([NOBODY], wanted(), more))
  const connected = once(silent, 'connection')
  const dials = [handshaking.dial({}, refuse), pausing.dial({}, refuse)]
  const atOnce = handshaking.dial({}, refuse)
  atOnce.cancel()
  const [accepted] = await connected
  t.is(clock.size, 2)
  const closed = once(accepted, 'close')
  for (const dial of dials) dial.cancel()
  t.is(clock.size, 0)
  await closed
  t.is(open.size, 0)
  silent.close()
})

test('cancelling a dial that is over leaves the socket alone', async (t) => {
  const ingress = await openTestListener({ material: materialOf(users, [root]) })
  const dialer = new Dialer(dialerTo([ingress.port], wanted()))
  const socket = await new Promise<Socket | null>((resolve) => {
    const dial = dialer.dial({}, (_, handed) => {
      dial.cancel()
      resolve(handed)
    })
  })
  t.is(socket?.destroyed, false)
  socket?.end()
  if (socket !== null) t.regex(await readAll(socket), /^hello/)
  await ingress.close()
})

test('there is nothing to dial without an address', (t) => {
  t.throws(() => new Dialer(dialerTo([], null)), { message: /no address/ })
})

test('out of descriptors a dial ends in overloaded: the upstream is not to blame', async (t) => {
  const server = await openPlain((socket) => socket.resume())
  const script = fileURLToPath(new URL('out-of-descriptors-dial.ts', import.meta.url))
  const args = [process.execPath, script, String(portOf(server)), JSON.stringify(okapi)]
  const child = spawn('sh', ['-c', 'ulimit -n 60; exec "$0" "$@"', ...args])
  let text = ''
  child.stdout.on('data', (bytes) => {
    text += String(bytes)
  })
  const [code] = await once(child, 'close')
  t.is(code, 0)
  t.is(text, '["overloaded","overloaded"]')
  server.close()
})
