import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createAuthority } from '../../src/pki/ca.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  ask,
  get,
  ID,
  Place,
  Player,
  type Sidecar,
  Talk,
  verdictOf,
  type Where,
} from '../support/scenario.ts'

// A caller that only holds connections takes no place from those that ask: at every listener, with many more
// than it has places, all from one address, and each of them open for as long as it is let.

const LIMITS = {
  connections: 16,
  pendingConnections: 8,
  handshakeMs: 600_000,
  headMs: 600_000,
  idleMs: 600_000,
}
const PLACES = LIMITS.connections + LIMITS.pendingConnections
const FLOOD = 100
const T = 'X-Okapi-Tenant: diku'
const HALF_HEAD = 'GET /users HTTP/1.1\r\nX-Okapi-'
// The head of a record of 512 bytes, of which nothing more comes.
const HALF_HELLO = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'

let place: Place
let directory: string
let player: Player
let okapi: Sidecar
let users: Sidecar
let where: Record<'ingress' | 'public' | 'modules' | 'egress', Where>

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'silent-'))
  const authority = await createAuthority(directory, { trustDomain: 'folio.test' })
  const browsers = (
    await authority.issue('client/browsers', { ips: ['127.0.0.1'], powerful: true })
  ).dir
  place = await Place.make()
  player = await Player.start()
  const forward = `http://127.0.0.1:${player.port}`
  const listen = '127.0.0.1:0'
  const limits = LIMITS
  users = await place.sidecar(ID.users, { ingress: { listen, forward }, limits })
  const address = { [ID.users]: `https://127.0.0.1:${users.port('ingress')}` }
  okapi = await place.sidecar(ID.okapi, {
    ingress: { listen, forward },
    egress: { modules: { listen, address } },
    public: { listen, credentials: { directory: browsers } },
    limits,
  })
  const gateway = `https://127.0.0.1:${okapi.port('ingress')}`
  const notes = await place.sidecar(ID.notes, { egress: { listen, gateway }, limits })
  where = {
    ingress: { port: okapi.port('ingress'), certificate: await place.certificate(ID.users) },
    public: { port: okapi.port('public'), certificate: browsers, shown: false },
    modules: okapi.port('modules'),
    egress: notes.port('egress'),
  }
  sidecars.push(okapi, users, notes)
})
const sidecars: Sidecar[] = []
test.after.always(async () => {
  await Promise.all(sidecars.map((sidecar) => sidecar.stop()))
  await player?.close()
  await place?.close()
  await rm(directory, { recursive: true, force: true })
})

/** Says this much and nothing more. Resolves when it has been accepted. */
async function hold(to: Where, text: string): Promise<Talk> {
  const talk = new Talk(to)
  const isTls = typeof to !== 'number'
  await new Promise((resolve) => talk.socket.once(isTls ? 'secureConnect' : 'connect', resolve))
  return talk.send(text)
}

const portOf = (to: Where) => (typeof to === 'number' ? to : to.port)

for (const [listener, path, floods] of [
  ['ingress', '/users', { silence: '', 'half a handshake': HALF_HELLO }],
  ['public', '/users', { silence: '', 'half a handshake': HALF_HELLO, 'half a head': HALF_HEAD }],
  ['modules', `/${ID.users}/users`, { silence: '', 'half a head': HALF_HEAD }],
  ['egress', '/users', { silence: '', 'half a head': HALF_HEAD }],
] as const) {
  for (const [kind, text] of Object.entries(floods)) {
    test.serial(`${listener}: ${FLOOD} times ${kind} cost no call`, async (t) => {
      const to = where[listener]
      const behindTls = kind === 'half a head' ? to : portOf(to)
      // One that has asked before keeps its place.
      const old = await hold(to, '')
      t.is(verdictOf(await old.send(get(path, T)).next()), '200')
      const flood: Talk[] = []
      for (let i = 0; i < FLOOD; i++) flood.push(await hold(behindTls, text))
      await until(() => flood.filter(({ ended }) => !ended).length < PLACES)
      for (let i = 0; i < 8; i++) {
        t.is(verdictOf(await ask(to, get(path, T))), '200')
        flood.push(await hold(behindTls, text))
      }
      t.is(verdictOf(await old.send(get(path, T)).next()), '200')
      // They were not closed but for newer ones: the places are taken all the time.
      t.true(flood.filter(({ ended }) => !ended).length >= LIMITS.pendingConnections)
      for (const talk of [old, ...flood]) talk.close()
    })
  }
}

test.serial('connections closed for newer ones are counted', async (t) => {
  t.true((await metric(okapi, 'sidecar_limits_hit_total{limit="pendingConnections"}')) >= FLOOD)
})

for (const [listener, path, words] of [
  ['admin', '/live', '{"live":true}'],
  ['admin', '/ready', '{"ready":true}'],
  ['admin', '/metrics', 'sidecar_requests_total'],
  ['admin', '/app/health', 'ok'],
  ['status', '/status.json', '"mod-users-19.7.0"'],
] as const) {
  test.serial(`${listener} ${path}: answers at once beside 400 half heads`, async (t) => {
    const port = users.port(listener)
    const head = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`
    // One that waits with its connection open between two questions, as Prometheus does.
    const scraper = new Talk(port)
    t.is(verdictOf(await scraper.send(`${head}\r\n`).next()), '200')
    const flood: net.Socket[] = []
    let ended = 0
    const more = () => {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {})
      socket.on('close', () => ended++).resume()
      socket.write(head)
      flood.push(socket)
    }
    for (let i = 0; i < 400; i++) more()
    for (let i = 0; i < 8; i++) {
      const told = await ask(port, `${head}\r\n`)
      t.is(verdictOf(told), '200')
      t.true(told.body.includes(words), told.body)
      for (let j = 0; j < 10; j++) more()
    }
    t.true(ended > 300)
    for (const socket of flood) socket.destroy()
    scraper.close()
  })
}
