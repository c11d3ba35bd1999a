import test from 'ava'
import { ALPN_LINK } from '../../src/wire/link/frames.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  get,
  ID,
  Installation,
  OK,
  request,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// Two sidecars that both know the link speak it; other peers are served as before.

const T = 'X-Okapi-Tenant: diku'
const OFF = { link: false }

/** Connections that Okapi's sidecar has accepted from the module's. */
const connections = (installation: Installation) =>
  metric(installation.sidecar(ID.okapi), 'sidecar_connections_open{direction="ingress"}')

async function installationWith(more: Readonly<Record<string, Readonly<Record<string, unknown>>>>) {
  const installation = await Installation.open({ modules: [ID.notes], more })
  installation.okapi.reply = OK
  return installation
}

/** Twenty calls, of which each is answered only when all have come. */
async function together(installation: Installation): Promise<string[]> {
  const all = Promise.withResolvers<void>()
  let waiting = 0
  installation.okapi.reply = async ({ first }) => {
    if (++waiting === 20) all.resolve()
    await all.promise
    return answer('200 OK', [], first.split(' ')[1])
  }
  const calls = Array.from({ length: 20 }, (_, i) =>
    ask(installation.egress(ID.notes), get(`/users/${i}`, T)),
  )
  return (await Promise.all(calls)).map(({ body }) => body)
}

const TARGETS = Array.from({ length: 20 }, (_, i) => `/users/${i}`)

test('calls that run at the same time share one connection, each gets its own answer', async (t) => {
  const installation = await installationWith({})
  t.teardown(() => installation.close())
  t.deepEqual(await together(installation), TARGETS)
  t.is(await connections(installation), 1)
  t.true(installation.cable.bytes.includes(ALPN_LINK))
})

for (const [who, more] of [
  ['the caller’s', { [ID.notes]: OFF }],
  ['Okapi’s', { [ID.okapi]: OFF }],
  ['each', { [ID.notes]: OFF, [ID.okapi]: OFF }],
] as const) {
  test(`switched off at ${who} sidecar: HTTP/1.1, and the same answers`, async (t) => {
    const installation = await installationWith(more)
    t.teardown(() => installation.close())
    t.deepEqual(await together(installation), TARGETS)
    t.is(await connections(installation), 20)
  })
}

test('a large body has a connection of its own, and a small call does not wait for it', async (t) => {
  const installation = await installationWith({})
  t.teardown(() => installation.close())
  t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users/1', T))), '200')
  const large = new Talk(installation.egress(ID.notes))
  large.send(`POST /users HTTP/1.1\r\nHost: x\r\n${T}\r\nContent-Length: 1000000\r\n\r\nbegun`)
  await until(async () => (await connections(installation)) === 2)
  t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users/1', T))), '200')
  large.close()
})

test('a gate that refuses a link says why, and the caller reads it', async (t) => {
  const installation = await installationWith({ [ID.okapi]: { limits: { connectionsPerPeer: 1 } } })
  t.teardown(() => installation.close())
  t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users/1', T))), '200')
  // A large one needs a second connection, and this peer may have one.
  const body = 'x'.repeat(70_000)
  const large = await ask(installation.egress(ID.notes), request('POST /users', [T], body))
  t.is(verdictOf(large), '429 too-many')
  const [line] = await installation.sidecar(ID.notes).say(({ msg }) => msg === 'link ended')
  t.is(line?.['ending'], 'turned-away')
  t.is(line?.['detail'], 'too-many')
  t.is(
    await metric(installation.sidecar(ID.notes), 'sidecar_links_ended_total{ending="turned-away"}'),
    1,
  )
  t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users/1', T))), '200')
})
