import net from 'node:net'
import test from 'ava'
import { limitHits, metric, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Installation,
  OK,
  type Sidecar,
  silence,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// How many there may be of everything, and that a caller that takes too much takes it from no other.

const OF_OKAPI = { exchangesPerCallee: 4, connectionsPerPeer: 3, handshakeMs: 2000 }
const OF_NOTES = { exchanges: 3, connections: 10 }
const T = 'X-Okapi-Tenant: diku'

let installation: Installation
let okapi: Sidecar
let notes: Sidecar

test.before(async () => {
  const more = { [ID.okapi]: { limits: OF_OKAPI }, [ID.notes]: { limits: OF_NOTES } }
  installation = await Installation.open({ modules: [ID.users, ID.tags, ID.notes], more })
  okapi = installation.sidecar(ID.okapi)
  notes = installation.sidecar(ID.notes)
})
test.beforeEach(() => {
  installation.okapi.forget()
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

test.serial('exchangesPerCallee: a hung module fills its own places and no others', async (t) => {
  const users = installation.module(ID.users)
  const release = Promise.withResolvers<void>()
  users.reply = async () => {
    await release.promise
    return answer('200 OK', [], 'at last')
  }
  const { exchangesPerCallee: most } = OF_OKAPI
  const callers = Array.from({ length: 40 }, () => new Talk(installation.modules))
  for (const caller of callers) caller.send(get(`/${ID.users}/users`, T))
  await until(() => callers.filter(({ received }) => received !== '').length === 40 - most)
  const waiting = callers.filter(({ received }) => received === '')
  const refused = callers.filter(({ received }) => received !== '')
  for (const caller of refused) {
    const told = await caller.next()
    t.is(verdictOf(told), '503 overloaded')
    t.truthy(field(told, 'Retry-After'))
  }
  t.is(await limitHits(okapi, 'exchangesPerCallee'), 40 - most)
  // The other module is called as ever, many at once, and every one of them is through before the
  // first of the hung ones is.
  for (let round = 0; round < 20; round++) {
    const others = Array.from({ length: most }, () =>
      ask(installation.modules, get(`/${ID.tags}/tags`, T)),
    )
    t.deepEqual((await Promise.all(others)).map(verdictOf), Array(most).fill('200'))
  }
  t.true(waiting.every(({ received, ended }) => received === '' && !ended))
  // What Okapi wants to know about the module is answered, and not by a place that was kept for it.
  for (let round = 0; round < 3; round++) {
    t.is(verdictOf(await ask(installation.modules, get(`/${ID.users}`))), '200')
    t.is(verdictOf(await ask(installation.modules, get(`/${ID.users}/users`, T))), '503 overloaded')
  }
  release.resolve()
  for (const caller of waiting) t.is((await caller.next()).body, 'at last')
  users.reply = OK
  t.is(verdictOf(await ask(installation.modules, get(`/${ID.users}/users`, T))), '200')
  for (const caller of callers) caller.close()
})

test.serial('exchanges: more than that are 503, and their places are given back', async (t) => {
  const release = Promise.withResolvers<void>()
  installation.okapi.reply = async () => {
    await release.promise
    return answer('200 OK', [], 'at last')
  }
  const { exchanges: most } = OF_NOTES
  const callers = Array.from({ length: most }, (_, i) =>
    new Talk(installation.egress(ID.notes)).send(get(`/users/${i}`, T)),
  )
  await until(() => installation.okapi.requests.length === most)
  const one = new Talk(installation.egress(ID.notes))
  for (let i = 0; i < 5; i++) {
    const told = await one.send(get('/users', T)).next()
    t.is(verdictOf(told), '503 overloaded')
    t.truthy(field(told, 'Retry-After'))
  }
  t.is(await limitHits(notes, 'exchanges'), 5)
  release.resolve()
  for (const caller of callers) t.is((await caller.next()).body, 'at last')
  // On the same connection as the refusals: a refusal for want of room closes nothing.
  t.is(verdictOf(await one.send(get('/users', T)).next()), '200')
  for (const caller of [one, ...callers]) caller.close()
})

test.serial('connections: more than that are told 503, closed and counted', async (t) => {
  const port = installation.egress(ID.notes)
  const { connections: most } = OF_NOTES
  await until(async () => (await metric(notes, open('egress'))) === 0)
  const held = Array.from({ length: most }, () => new Talk(port))
  for (const talk of held) t.is(verdictOf(await talk.send(get('/users', T)).next()), '200')
  const flood = Array.from({ length: 30 }, () => silence(port, get('/users', T)))
  for (const told of await Promise.all(flood)) {
    t.regex(told, /^HTTP\/1\.1 503 [\s\S]*\r\nX-Sidecar-Refused: overloaded\r\n/)
    t.regex(told, /\r\nConnection: close\r\n/)
  }
  t.is(await limitHits(notes, 'connections'), 30)
  await until(async () => (await metric(notes, open('egress'))) === most)
  // Those who were there before notice nothing, and a caller that leaves makes room.
  for (const talk of held) t.is(verdictOf(await talk.send(get('/users', T)).next()), '200')
  held.shift()?.close()
  await until(async () => (await metric(notes, open('egress'))) === most - 1)
  t.is(verdictOf(await ask(port, get('/users', T))), '200')
  for (const talk of held) talk.close()
})

function open(direction: string): string {
  return `sidecar_connections_open{direction="${direction}"}`
}

test.serial(
  'connectionsPerPeer: 429 before anything is read; other peers are served',
  async (t) => {
    const asUsers = await installation.ingress(ID.okapi, ID.users)
    const asTags = await installation.ingress(ID.okapi, ID.tags)
    const own = await limitHits(okapi, 'connectionsPerPeer')
    const held = Array.from({ length: OF_OKAPI.connectionsPerPeer }, () => new Talk(asUsers))
    for (const talk of held) t.is(verdictOf(await talk.send(get('/users', T)).next()), '200')
    installation.okapi.forget()
    for (let i = 0; i < 4; i++) {
      t.is(verdictOf(await ask(asUsers, get('/users', T))), '429 too-many')
    }
    t.is(installation.okapi.bytes, '')
    t.is(await limitHits(okapi, 'connectionsPerPeer'), own + 4)
    t.is(verdictOf(await ask(asTags, get('/tags', T))), '200')
    for (const talk of held) t.is(verdictOf(await talk.send(get('/users', T)).next()), '200')
    held.shift()?.close()
    await until(async () => verdictOf(await ask(asUsers, get('/users', T))) === '200')
    for (const talk of held) talk.close()
  },
)

test.serial(
  'handshakeMs: many who say nothing, or too little, cost the others nothing',
  async (t) => {
    const where = await installation.ingress(ID.okapi, ID.tags)
    const before = await limitHits(okapi, 'handshakeMs')
    const stallers = Array.from({ length: 100 }, (_, i) => {
      const socket = net.connect(where.port, '127.0.0.1')
      // The head of a record of 512 bytes, of which nothing more comes.
      if (i % 2 === 0) socket.write(Buffer.from('1603010200010001fc0303', 'hex'))
      return socket.resume().on('error', () => {})
    })
    const ends = stallers.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    for (let i = 0; i < 10; i++) t.is(verdictOf(await ask(where, get('/tags', T))), '200')
    await Promise.all(ends)
    t.is(await limitHits(okapi, 'handshakeMs'), before + stallers.length)
    t.is(verdictOf(await ask(where, get('/tags', T))), '200')
  },
)

test.serial('more connections than open files: a warning at the start', async (t) => {
  const egress = { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${installation.cable.port}` }
  const start = async (connections: number) => {
    const sidecar = await installation.place.sidecar(ID.notes, { egress, limits: { connections } })
    await sidecar.stop()
    return sidecar.lines.filter(({ msg }) => msg === 'open files')
  }
  const [{ level, problem } = {}, ...more] = await start(1_000_000_000)
  t.is(level, 'warn')
  t.regex(String(problem), /limits\.connections \(1000000000\)/)
  t.deepEqual(more, [])
  t.deepEqual(await start(1), [])
})
