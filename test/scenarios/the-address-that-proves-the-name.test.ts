import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  ask,
  get,
  ID,
  Place,
  Player,
  request,
  type Sidecar,
  silence,
  verdictOf,
} from '../support/scenario.ts'

// Two versions of a module run side by side during an upgrade, behind one name: which of them answers
// is proven by its certificate.

const NEW = 'mod-users-19.8.0'

let place: Place
const players = new Map<string, Player>()
const sidecars = new Map<string, Sidecar>()

test.before(async () => {
  place = await Place.make([
    {
      id: NEW,
      provides: [
        {
          id: 'users',
          version: '16.6',
          handlers: [{ methods: ['GET'], pathPattern: '/users', permissionsRequired: [] }],
        },
        {
          id: '_tenant',
          version: '2.0',
          interfaceType: 'system',
          handlers: [{ methods: ['POST'], pathPattern: '/_/tenant' }],
        },
      ],
    } as { id: string },
  ])
  const ids = [ID.users, NEW, ID.tags]
  await Promise.all(
    ids.map(async (id) => {
      const player = await Player.start()
      players.set(id, player)
      const forward = `http://127.0.0.1:${player.port}`
      sidecars.set(id, await place.sidecar(id, { ingress: { listen: '127.0.0.1:0', forward } }))
    }),
  )
})
test.beforeEach(() => {
  for (const player of players.values()) player.forget()
})
test.after.always(async () => {
  await Promise.all([...sidecars.values()].map((sidecar) => sidecar.stop()))
  await Promise.all([...players.values()].map((player) => player.close()))
  await place?.close()
})

const T = 'X-Okapi-Tenant: diku'

function addressOf(id: string): string {
  return `https://127.0.0.1:${sidecars.get(id)!.port('ingress')}`
}

/** Okapi's sidecar, which finds mod-users at these. */
async function okapiWith(
  t: { teardown(done: () => unknown): void },
  addresses: readonly string[],
  more: Record<string, unknown> = {},
): Promise<Sidecar> {
  const address = { 'mod-users': addresses }
  const okapi = await place.sidecar(ID.okapi, {
    egress: { modules: { listen: '127.0.0.1:0', address } },
    ...more,
  })
  t.teardown(() => okapi.stop())
  return okapi
}

function arrivals(): Record<string, number> {
  return Object.fromEntries([...players].map(([id, { requests }]) => [id, requests.length]))
}

test.serial('of two addresses the one that proves the id is taken, for each version', async (t) => {
  const okapi = await okapiWith(t, [addressOf(ID.users), addressOf(NEW)])
  for (let i = 0; i < 3; i++) {
    for (const id of [NEW, ID.users]) {
      t.is(verdictOf(await ask(okapi.port('modules'), get(`/${id}/users`, T))), '200')
    }
  }
  t.deepEqual(arrivals(), { [NEW]: 3, [ID.users]: 3, [ID.tags]: 0 })
})

test.serial('when none proves it the peer is wrong, and nothing is sent', async (t) => {
  const okapi = await okapiWith(t, [addressOf(NEW), addressOf(ID.tags)])
  const refused = await ask(okapi.port('modules'), get(`/${ID.users}/users`, T))
  t.is(verdictOf(refused), '403 wrong-peer')
  t.regex(refused.body, /mod-users-19\.8\.0/)
  t.is(verdictOf(await ask(okapi.port('modules'), get(`/${NEW}/users`, T))), '200')
  t.deepEqual(arrivals(), { [NEW]: 1, [ID.users]: 0, [ID.tags]: 0 })
})

test.serial('an address that is not there is passed over', async (t) => {
  const nowhere = 'https://127.0.0.1:1'
  const okapi = await okapiWith(t, [nowhere, addressOf(ID.users)])
  t.is(verdictOf(await ask(okapi.port('modules'), get(`/${ID.users}/users`, T))), '200')
})

test.serial('pinned to the product, either version will do, and no other product', async (t) => {
  const pins = { peers: { 'mod-users': 'product' } }
  const either = await okapiWith(t, [addressOf(ID.tags), addressOf(NEW)], { pins })
  // The far end decides by its own descriptor: both declare this route.
  t.is(verdictOf(await ask(either.port('modules'), get(`/${ID.users}/users`, T))), '200')
  t.deepEqual(arrivals(), { [NEW]: 1, [ID.users]: 0, [ID.tags]: 0 })
  const neither = await okapiWith(t, [addressOf(ID.tags)], { pins })
  t.is(
    verdictOf(await ask(neither.port('modules'), get(`/${ID.users}/users`, T))),
    '403 wrong-peer',
  )
})

test.serial('a module’s egress takes only Okapi for Okapi', async (t) => {
  const gateway = addressOf(ID.tags)
  const notes = await place.sidecar(ID.notes, { egress: { listen: '127.0.0.1:0', gateway } })
  t.teardown(() => notes.stop())
  t.is(verdictOf(await ask(notes.port('egress'), get('/users', T))), '403 wrong-peer')
  t.is(players.get(ID.tags)!.bytes, '')
})

test.serial('an upstream under a foreign CA is not trusted, whatever its name', async (t) => {
  const foreign = await Place.make()
  const player = await Player.start()
  const impostor = await foreign.sidecar(ID.users, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${player.port}` },
  })
  t.teardown(async () => {
    await impostor.stop()
    await player.close()
    await foreign.close()
  })
  const okapi = await okapiWith(t, [`https://127.0.0.1:${impostor.port('ingress')}`])
  const answered = await ask(okapi.port('modules'), get(`/${ID.users}/users`, T))
  t.is(verdictOf(answered), '502 upstream-untrusted')
  t.is(player.bytes, '')
})

// Okapi repeats `_tenant` calls for 40 s, but only those that end without an answer (OkapiClient
// setClosedRetry): the new version may be a moment behind the install.
test.serial('the install of a version that is not there yet is left to be repeated', async (t) => {
  const okapi = await okapiWith(t, [addressOf(ID.users)])
  const install = request(`POST /${NEW}/_/tenant`, [T], '{"module_to":"mod-users-19.8.0"}')
  t.is(await silence(okapi.port('modules'), install), '')
  const missing = await ask(okapi.port('modules'), get(`/${NEW}/users`, T))
  t.is(verdictOf(missing), '503 module-unavailable')
  t.regex(missing.body, /only mod-users-19\.7\.0 answers there/)
  t.deepEqual(arrivals(), { [NEW]: 0, [ID.users]: 0, [ID.tags]: 0 })
})

// Both stand behind one name, and for a moment the name leads to the other one only.
test.serial('users who call a version that is being restarted wait for it', async (t) => {
  const [port] = await freePorts(1)
  const player = await Player.start()
  const listen = `127.0.0.1:${port}`
  const ingress = { listen, forward: `http://127.0.0.1:${player.port}` }
  t.teardown(() => player.close())
  const addresses = [addressOf(ID.users), `https://${listen}`]
  const okapi = await okapiWith(t, addresses, { limits: { connectWaitMs: 50_000 } })
  const before = await place.sidecar(NEW, { ingress })
  t.is(verdictOf(await ask(okapi.port('modules'), get(`/${NEW}/users`, T))), '200')
  t.is(await before.stop(), 0)
  const callers = Array.from({ length: 20 }, () =>
    ask(okapi.port('modules'), get(`/${NEW}/users`, T)),
  )
  const verdicts = Promise.all(callers).then((answers) => answers.map(verdictOf))
  // The other version was asked, and has said that it is another.
  t.is(verdictOf(await ask(okapi.port('modules'), get(`/${ID.users}/users`, T))), '200')
  await until(async () => (await metric(okapi, 'sidecar_buffered_bytes')) > 0)
  const after = await place.sidecar(NEW, { ingress })
  t.teardown(() => after.stop())
  t.deepEqual(new Set(await verdicts), new Set(['200']))
  t.deepEqual(arrivals(), { [NEW]: 0, [ID.users]: 1, [ID.tags]: 0 })
  t.is(player.requests.length, 21)
})
