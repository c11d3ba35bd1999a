import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { earlierVersion, whyNoEarlierVersion } from '../support/faults/earlier-version.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  get,
  ID,
  Place,
  Player,
  request,
  Sidecar,
  Talk,
  unless,
  verdictOf,
} from '../support/scenario.ts'

// Sidecars are upgraded one after the other. So the first version that spoke `okapi-sidecar/1` and the one
// of today call each other, in both directions; and a peer that speaks a later link as well, or instead, is
// called in what both know.

const T = 'X-Okapi-Tenant: diku'
const beside = unless(whyNoEarlierVersion())
const BODY = 'x'.repeat(300_000)

let place: Place
let earlier: readonly string[]

test.before(async () => {
  place = await Place.make()
  if (whyNoEarlierVersion() === undefined) earlier = earlierVersion(place.directory)
})
test.after.always(() => place?.close())

/** What either version understands. */
async function start(
  t: ExecutionContext,
  id: string,
  sections: object,
  under: readonly string[] = [],
): Promise<Sidecar> {
  const content = {
    module: id,
    trustDomain: 'folio.test',
    credentials: { directory: await place.certificate(id) },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
    policy: { descriptors: place.descriptors },
    limits: { connectWaitMs: 50_000, drainTimeoutMs: 5000 },
    ...sections,
  }
  const file = await place.file(`${crypto.randomUUID()}.json`, content)
  const sidecar = await Sidecar.process(id, file, {}, under)
  t.teardown(() => sidecar.over || sidecar.stop())
  return sidecar
}

const listen = '127.0.0.1:0'

/** Okapi's sidecar and that of mod-users, which Okapi calls, each in one of the versions. */
async function pair(t: ExecutionContext, ways: { caller?: 'earlier'; callee?: 'earlier' }) {
  const under = (way?: 'earlier') => (way === undefined ? [] : earlier)
  const users = await Player.start()
  t.teardown(() => users.close())
  const forward = `http://127.0.0.1:${users.port}`
  // Not any port: another sidecar is to listen there later.
  const [port] = await freePorts(1)
  const ingress = { listen: `127.0.0.1:${port}`, forward }
  const callee = await start(t, ID.users, { ingress }, under(ways.callee))
  const address = { [ID.users]: `https://127.0.0.1:${callee.port('ingress')}` }
  const okapi = { ingress: { listen, forward }, egress: { modules: { listen, address } } }
  const caller = await start(t, ID.okapi, okapi, under(ways.caller))
  return { users, caller, callee }
}

const target = `/${ID.users}/users`

for (const ways of [{ caller: 'earlier' }, { callee: 'earlier' }] as const) {
  const title = 'caller' in ways ? 'an earlier caller, a callee of today' : 'the other way round'

  beside(`${title}: one link, bodies in both directions, calls given up`, async (t) => {
    const { users, caller, callee } = await pair(t, ways)
    const modules = caller.port('modules')
    const gone = Promise.withResolvers<void>()
    const all = Promise.withResolvers<void>()
    const together = 20
    users.reply = async ({ first, body }, socket) => {
      if (first.includes('/users/slow')) {
        socket.on('close', gone.resolve)
        return null
      }
      if (users.requests.length === together) all.resolve()
      await all.promise
      return answer('200 OK', [], body)
    }
    const calls = Array.from({ length: together }, () => ask(modules, get(target, T)))
    t.deepEqual(new Set((await Promise.all(calls)).map(verdictOf)), new Set(['200']))
    t.is(await metric(callee, 'sidecar_connections_open{direction="ingress"}'), 1)
    const echoed = await ask(modules, request(`POST ${target}`, [T], BODY))
    t.is(verdictOf(echoed), '200')
    t.true(echoed.body === BODY)
    const given = new Talk(modules).send(get(`${target}/slow`, T))
    await until(() => users.last.first.includes('/users/slow'))
    given.socket.resetAndDestroy()
    await gone.promise
    // The earlier version does not count them.
    const today = 'caller' in ways ? callee : caller
    await until(async () => (await metric(today, 'sidecar_exchanges_open')) === 0)
    t.is(verdictOf(await ask(modules, get(target, T))), '200')
  })

  beside(`${title}: the callee is stopped under calls, and another takes its place`, async (t) => {
    const { users, caller, callee } = await pair(t, ways)
    const modules = caller.port('modules')
    const answered: string[] = []
    let over = false
    const calling = Array.from({ length: 4 }, async () => {
      while (!over) answered.push(verdictOf(await ask(modules, get(target, T))))
    })
    await until(() => answered.length > 40)
    const at = `127.0.0.1:${callee.port('ingress')}`
    await callee.stop()
    // From the earlier version to that of today, or back.
    const under = 'callee' in ways ? [] : earlier
    const forward = `http://127.0.0.1:${users.port}`
    await start(t, ID.users, { ingress: { listen: at, forward } }, under)
    const before = answered.length
    await until(() => answered.length > before + 40)
    over = true
    await Promise.all(calling)
    // RESET 5, which gives back what was not acted on, came after the earlier version: it is taken for any other
    // RESET there, and not sent. So calls may be lost while the callee ends; each caller is told at once.
    const lost = answered.filter((each) => each !== '200')
    t.deepEqual(
      lost.filter((each) => each !== '502 upstream-unreachable'),
      [],
    )
    t.deepEqual(new Set(answered.slice(-20)), new Set(['200']))
  })
}

const file = (certificate: string, name: string) => readFileSync(join(certificate, name))

/** Key, chain and trust of a peer that is no sidecar of this version. */
async function shown(id: string) {
  const certificate = await place.certificate(id)
  const [key, cert, ca] = ['tls.key', 'tls.crt', 'ca.crt'].map((name) => file(certificate, name))
  return { key, cert, ca, checkServerIdentity: () => undefined }
}

test.serial('a callee that speaks a later link, and HTTP/1.1: it is called in that', async (t) => {
  const ALPNProtocols = ['okapi-sidecar/2', 'http/1.1']
  const material = { ...(await shown(ID.okapi)), requestCert: true, ALPNProtocols }
  let spoken: unknown
  const later = createServer(material, ({ socket }, response) => {
    spoken = (socket as tls.TLSSocket).alpnProtocol
    response.end('ok')
  })
  await new Promise<void>((resolve) => later.listen(0, '127.0.0.1', resolve))
  t.teardown(() => later.close())
  const gateway = `https://127.0.0.1:${(later.address() as AddressInfo).port}`
  const policy = { descriptors: place.descriptors, withoutToken: 'any' }
  const notes = await start(t, ID.notes, { egress: { listen, gateway }, policy })
  t.is(verdictOf(await ask(notes.port('egress'), get('/users/1', T))), '200')
  t.is(spoken, 'http/1.1')
})

test.serial('a callee that speaks nothing but a later link: 502, and why', async (t) => {
  const later = tls.createServer({ ...(await shown(ID.okapi)), ALPNProtocols: ['okapi-sidecar/2'] })
  later.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => later.listen(0, '127.0.0.1', resolve))
  t.teardown(() => later.close())
  const gateway = `https://127.0.0.1:${(later.address() as AddressInfo).port}`
  const policy = { descriptors: place.descriptors, withoutToken: 'any' }
  const notes = await start(t, ID.notes, { egress: { listen, gateway }, policy })
  const refused = await ask(notes.port('egress'), get('/users/1', T))
  t.is(verdictOf(refused), '502 upstream-untrusted')
  t.regex(refused.body, /NO_APPLICATION_PROTOCOL/)
})

test.serial('a caller that speaks a later link gets what both know', async (t) => {
  const users = await Player.start()
  t.teardown(() => users.close())
  const forward = `http://127.0.0.1:${users.port}`
  const callee = await start(t, ID.users, { ingress: { listen, forward } })
  const material = await shown(ID.okapi)
  const agreed = (ALPNProtocols: string[]) =>
    new Promise<string | false | null>((resolve) => {
      const port = callee.port('ingress')
      const socket = tls.connect({ host: '127.0.0.1', port, ...material, ALPNProtocols }, () => {
        resolve(socket.alpnProtocol)
        socket.destroy()
      })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  t.is(await agreed(['okapi-sidecar/2', 'okapi-sidecar/1', 'http/1.1']), 'okapi-sidecar/1')
  t.is(await agreed(['okapi-sidecar/2', 'http/1.1']), 'http/1.1')
  t.is(await agreed(['okapi-sidecar/2']), 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
})
