import { once } from 'node:events'
import { connect as netConnect } from 'node:net'
import { connect } from 'node:tls'
import test from 'ava'
import { Dialer } from '../../src/transport/dial.ts'
import { contextOptions, dialContext } from '../../src/transport/tls-options.ts'
import { Authority, materialOf } from './authority.ts'
import { Client, Folder } from './openssl.ts'
import {
  dialerTo,
  dialOnce,
  judgeById,
  liveById,
  only,
  openRecorder,
  openTestListener,
  readAll,
} from './peers.ts'

const root = new Authority('root')
const users = root.issue('mod-users-19.7.0', { rsaBits: 2048 })
const notes = root.issue('mod-notes-7.0.0')
const shown = new Folder().shown(notes)

/** s_client shows our peer's certificate, and offers whatever it is told to, however weak. */
function offer(port: number, ...offered: readonly string[]): Client {
  return new Client(['-connect', `127.0.0.1:${port}`, ...shown, ...offered])
}

const WEAK: readonly (readonly string[])[] = [
  ['-tls1', '-cipher', 'DEFAULT@SECLEVEL=0'],
  ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'],
  ['-tls1_2', '-cipher', 'AES128-GCM-SHA256'],
  ['-tls1_2', '-cipher', 'AES128-SHA'],
  ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA'],
  ['-tls1_2', '-cipher', 'ECDHE-RSA-AES256-SHA384'],
  ['-tls1_2', '-cipher', 'DHE-RSA-AES128-GCM-SHA256'],
  ['-tls1_2', '-cipher', 'aNULL@SECLEVEL=0'],
  ['-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_SHA256'],
  ['-tls1_2', '-sigalgs', 'RSA+SHA1', '-cipher', 'DEFAULT@SECLEVEL=0'],
]

for (const offered of WEAK) {
  test(`a client is not spoken to that offers only ${offered.join(' ')}`, async (t) => {
    const ingress = await openTestListener({ material: materialOf(users, [root]) })
    const output = await offer(ingress.port, ...offered).end()
    t.regex(output, /alert (handshake failure|protocol version)/)
    await ingress.close()
    t.is(ingress.events.length, 1)
    t.regex(ingress.events[0] ?? '', /^handshake ERR_SSL_/)
    t.is(ingress.peers.length, 0)
  })
}

const STRONG: readonly (readonly string[])[] = [
  ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['-tls1_2', '-cipher', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256'],
]

for (const offered of STRONG) {
  test(`a client is served that offers ${offered.join(' ')}`, async (t) => {
    const ingress = await openTestListener({ material: materialOf(users, [root]) })
    const client = offer(ingress.port, ...offered)
    await client.says(/hello mod-notes-7\.0\.0/)
    await client.end()
    t.deepEqual(ingress.events, [])
    await ingress.close()
  })
}

test('the server chooses, AES-128-GCM first', async (t) => {
  const ingress = await openTestListener({ material: materialOf(users, [root]) })
  const suites = 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256'
  const client = offer(ingress.port, '-tls1_3', '-ciphersuites', suites)
  await client.says(/hello/)
  t.regex(await client.end(), /Cipher is TLS_AES_128_GCM_SHA256/)
  await ingress.close()
})

for (const weak of [
  { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
  { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
  { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA' },
] as const) {
  test(`we do not speak to a server of ${weak.maxVersion} with ${weak.ciphers}`, async (t) => {
    const { key, cert } = users
    const server = await openRecorder({ key, cert, ca: root.cert, ...weak })
    const own = materialOf(notes, [root])
    const fits = only('mod-users-19.7.0')
    const dialer = new Dialer(
      dialerTo([server.port], {
        material: () => own,
        authenticator: judgeById,
        fits,
        live: liveById(),
      }),
    )
    const { refusal } = await dialOnce(dialer)
    t.is(refusal?.reason, 'upstream-untrusted')
    t.regex(refusal?.because ?? '', /ERR_SSL_/)
    t.is(server.handshakes, 0)
    await server.close()
  })
}

test('ALPN: the dearest in common, http/1.1 alone by default, nothing for others', async (t) => {
  const material = materialOf(users, [root])
  const link = await openTestListener({ material, alpn: ['okapi-sidecar/1', 'http/1.1'] })
  const plain = await openTestListener({ material })
  const { key, cert } = notes
  const agreed = async (port: number, ALPNProtocols?: string[]) => {
    const offered = ALPNProtocols === undefined ? {} : { ALPNProtocols }
    const socket = connect({ port, key, cert, ca: root.cert, ...offered })
    const failed = once(socket, 'error')
    const [outcome] = await Promise.race([once(socket, 'secureConnect'), failed])
    socket.on('error', () => {})
    const protocol = outcome === undefined ? socket.alpnProtocol : String(outcome.code)
    socket.destroy()
    return protocol
  }
  t.is(await agreed(link.port, ['http/1.1', 'okapi-sidecar/1']), 'okapi-sidecar/1')
  t.is(await agreed(link.port, ['http/1.1']), 'http/1.1')
  t.is(await agreed(plain.port, ['okapi-sidecar/1', 'http/1.1']), 'http/1.1')
  t.is(await agreed(plain.port), false)
  t.is(await agreed(plain.port, ['h2']), 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
  await link.close()
  await plain.close()
})

const GARBAGE: readonly (readonly [string, Buffer])[] = [
  ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: okapi\r\n\r\n')],
  ['an HTTP/2 preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ['zeros', Buffer.alloc(4096)],
  ['a record with no end', Buffer.concat([Buffer.from('160301ffff', 'hex'), Buffer.alloc(70_000)])],
  [
    'a ClientHello of 16 MiB',
    Buffer.concat([Buffer.from('160301400001ffffff0303', 'hex'), Buffer.alloc(200_000, 1)]),
  ],
  ['empty records', Buffer.from('1603010000'.repeat(200), 'hex')],
  ['an alert', Buffer.from('15030100020228', 'hex')],
]

for (const [what, bytes] of GARBAGE) {
  test(`not TLS: ${what} fails, and others are served`, async (t) => {
    const ingress = await openTestListener({ material: materialOf(users, [root]) })
    const socket = netConnect(ingress.port, '127.0.0.1')
    socket.write(bytes)
    const answer = await readAll(socket)
    t.notRegex(answer, /HTTP|hello/)
    t.is(ingress.peers.length, 0)
    const client = offer(ingress.port)
    await client.says(/hello mod-notes-7\.0\.0/)
    await client.end()
    await ingress.close()
    t.is(ingress.events.length, 1)
    t.regex(ingress.events[0] ?? '', /^handshake (ERR_SSL_|ECONNRESET)/)
  })
}

test('new material counts for the next handshake, and every other option stays', async (t) => {
  const good = materialOf(root.issue('mod-users-19.7.0'), [root])
  const ingress = await openTestListener({ material: good })
  const other = new Authority('other')
  const { key, cert } = other.issue('mod-notes-7.0.0')
  const base = { port: ingress.port, key, cert, rejectUnauthorized: false }
  const stranger = connect(base)
  stranger.write('x')
  t.regex(await readAll(stranger), /X-Sidecar-Refused: untrusted-certificate/)

  ingress.listener.setMaterial({ ...good, ca: [root.cert, other.cert] })
  const socket = connect(base)
  t.is(String((await once(socket, 'data'))[0]), 'hello mod-notes-7.0.0\n')
  socket.destroy()
  t.throws(() => ingress.listener.setMaterial({ ...good, ca: [] }))
  t.throws(() => ingress.listener.setMaterial({ ...good, key: 'garbage' }))
  t.throws(() => ingress.listener.setMaterial({ ...good, key: notes.key }))
  const still = connect(base)
  t.is(String((await once(still, 'data'))[0]), 'hello mod-notes-7.0.0\n')
  still.destroy()
  for (const offered of WEAK.slice(0, 3)) {
    t.regex(await offer(ingress.port, ...offered).end(), /alert/)
  }
  await ingress.close()
})

test('no trust bundle is an error, on both sides, never the public roots', (t) => {
  const good = materialOf(users, [root])
  t.notThrows(() => contextOptions(good))
  for (const ca of [undefined, null, [], [''], [root.cert, ''], '', [' \n'], [undefined]]) {
    const material = JSON.parse(JSON.stringify({ ...good, ca }))
    t.throws(() => contextOptions(material), { message: /trust bundle/ })
    t.throws(() => dialContext(material), { message: /trust bundle/ })
  }
  t.throws(() => contextOptions({ ...good, key: '' }), { message: /key/ })
  t.throws(() => contextOptions({ ...good, crl: [''] }), { message: /crl/ })
})
