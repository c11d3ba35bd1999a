import { join } from 'node:path'
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
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// Kubernetes ends a module before its sidecar: calls come in for a moment that cannot be served there.
// None of them has reached a module, so none is lost: the caller's sidecar takes it to another address.

const T = 'X-Okapi-Tenant: diku'

interface Setting {
  /** Its module is gone. */
  readonly dying: Sidecar
  readonly okapi: Sidecar
  readonly place: Place
  /** Another sidecar of the same module comes up, whose module is there. */
  replacement(): Promise<Player>
}

async function open(
  t: { teardown(done: () => unknown): void },
  limits: Readonly<Record<string, number>> = { connectWaitMs: 50_000 },
): Promise<Setting> {
  const place = await Place.make()
  const [port] = await freePorts(1)
  const closing: (() => unknown)[] = []
  const forward = `unix:${join(place.directory, 'gone.sock')}`
  const dying = await place.sidecar(ID.users, {
    ingress: { listen: '127.0.0.1:0', forward },
    limits: { connectWaitMs: 3_600_000 },
  })
  const address = {
    'mod-users': [`https://127.0.0.1:${dying.port('ingress')}`, `https://127.0.0.1:${port}`],
  }
  const okapi = await place.sidecar(ID.okapi, {
    egress: { modules: { listen: '127.0.0.1:0', address } },
    limits,
  })
  t.teardown(async () => {
    await Promise.all([dying, okapi].map((sidecar) => sidecar.stop()))
    for (const close of closing) await close()
    await place.close()
  })
  const replacement = async () => {
    const player = await Player.start()
    const sidecar = await place.sidecar(ID.users, {
      ingress: { listen: `127.0.0.1:${port}`, forward: `http://127.0.0.1:${player.port}` },
    })
    closing.push(
      () => sidecar.stop(),
      () => player.close(),
    )
    return player
  }
  return { dying, okapi, place, replacement }
}

/** Calls with and without a body; half of the bodies are not whole before they are given back. */
function calls(okapi: Sidecar, count: number): { readonly talk: Talk; readonly rest: string }[] {
  return Array.from({ length: count }, (_, i) => {
    const talk = new Talk(okapi.port('modules'))
    if (i % 3 === 0) return { talk: talk.send(get(`/${ID.users}/users/${i}`, T)), rest: '' }
    const whole = request(`POST /${ID.users}/users`, [T], `{"username":"${i}"}`)
    const at = i % 3 === 1 ? whole.length : whole.length - 5
    return { talk: talk.send(whole.slice(0, at)), rest: whole.slice(at) }
  })
}

function exchangesOf(sidecar: Sidecar): Promise<number> {
  return metric(sidecar, 'sidecar_exchanges_open')
}

test.serial(
  'calls that wait for a module that is gone are served elsewhere, each once',
  async (t) => {
    const { dying, okapi, replacement } = await open(t)
    const all = calls(okapi, 30)
    await until(async () => (await metric(dying, 'sidecar_buffered_bytes')) > 0)
    await until(async () => (await exchangesOf(dying)) === all.length)
    dying.signal('SIGTERM')
    t.is(await dying.ended, 0)
    t.deepEqual(
      new Set(dying.lines.filter(({ msg }) => msg === 'exchange').map(({ reason }) => reason)),
      new Set(['draining']),
    )
    const player = await replacement()
    for (const { talk, rest } of all) talk.send(rest)
    const verdicts = await Promise.all(all.map(({ talk }) => talk.next().then(verdictOf)))
    t.deepEqual(new Set(verdicts), new Set(['200']))
    t.deepEqual(
      player.requests.map(({ first, body }) => `${first} ${body}`).sort(),
      all
        .map((_, i) =>
          i % 3 === 0 ? `GET /users/${i} HTTP/1.1 ` : `POST /users HTTP/1.1 {"username":"${i}"}`,
        )
        .sort(),
    )
    for (const { talk } of all) talk.close()
  },
)

test.serial('where no other takes them, they are 503 when the wait is over', async (t) => {
  const { dying, okapi } = await open(t, { connectWaitMs: 300 })
  const all = calls(okapi, 6)
  await until(async () => (await exchangesOf(dying)) === all.length)
  dying.signal('SIGTERM')
  const verdicts = await Promise.all(all.map(({ talk }) => talk.next().then(verdictOf)))
  t.deepEqual(new Set(verdicts), new Set(['503 module-unavailable']))
  t.is(await dying.ended, 0)
  for (const { talk } of all) talk.close()
})

test.serial('Okapi’s own questions go elsewhere too: health, and system calls', async (t) => {
  const { dying, okapi, replacement } = await open(t)
  const install = new Talk(okapi.port('modules'))
  install.send(request(`POST /${ID.users}/_/tenant`, [T], '{"module_to":"mod-users-19.7.0"}'))
  await until(async () => (await exchangesOf(dying)) === 1)
  dying.signal('SIGTERM')
  t.is(await dying.ended, 0)
  const player = await replacement()
  t.is(verdictOf(await install.next()), '200')
  t.is(verdictOf(await ask(okapi.port('modules'), get(`/${ID.users}`))), '200')
  t.is(player.requests.length, 1)
  install.close()
})

test.serial('over HTTP/1.1 they are told that they are draining', async (t) => {
  const { dying, place } = await open(t)
  const where = { port: dying.port('ingress'), certificate: await place.certificate(ID.okapi) }
  const waiting = new Talk(where).send(get('/users/1', T))
  await until(async () => (await exchangesOf(dying)) === 1)
  dying.signal('SIGTERM')
  t.is(verdictOf(await waiting.next()), '503 draining')
  t.is(await waiting.end(), '')
  t.is(await dying.ended, 0)
})
