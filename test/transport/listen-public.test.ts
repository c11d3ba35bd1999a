import { once } from 'node:events'
import { connect } from 'node:tls'
import test from 'ava'
import { CoarseClock } from '../../src/transport/clock.ts'
import { listenPublic } from '../../src/transport/listen.ts'
import { Authority } from './authority.ts'
import { LIMITS, readAll } from './peers.ts'

const root = new Authority('root')
const pair = root.issue('okapi.example.org')

function open(material: typeof pair) {
  const clock = new CoarseClock(10)
  const address = { host: '127.0.0.1', port: 0 }
  return listenPublic({ address, limits: LIMITS, clock, pair: material }, (socket) => {
    socket.on('error', () => {})
    socket.on('end', () => socket.end('late answer'))
    socket.resume()
  })
}

test('every client is served, none is asked for a certificate, and the pair can be replaced', async (t) => {
  const listener = await open(pair)
  const port = Number(listener.address.split(':')[1])
  const visit = async () => {
    const socket = connect({
      port,
      ca: root.cert,
      servername: 'localhost',
      ...{ allowHalfOpen: true },
    })
    await once(socket, 'secureConnect')
    const { subject } = socket.getPeerCertificate()
    const own = socket.getCertificate()
    socket.end()
    return { name: subject.CN, own, text: await readAll(socket) }
  }
  t.like(await visit(), { name: 'okapi.example.org', text: 'late answer' })
  listener.setPair(root.issue('okapi2.example.org'))
  t.like(await visit(), { name: 'okapi2.example.org', text: 'late answer' })
  t.throws(() => listener.setPair({ key: '', cert: pair.cert }), { message: /key/ })
  t.like(await visit(), { name: 'okapi2.example.org' })
  const old = connect({ port, ca: root.cert, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })
  await t.throwsAsync(once(old, 'secureConnect'))
  await listener.close()
})

test('without a key or certificate there is no listener', async (t) => {
  await t.throwsAsync(open({ ...pair, key: '' }), { message: /key and a certificate/ })
  await t.throwsAsync(open({ ...pair, cert: '' }), { message: /key and a certificate/ })
})
