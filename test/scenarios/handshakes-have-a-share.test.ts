import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import test from 'ava'
import { limitHits, until } from '../support/scenario/metrics.ts'
import { ask, get, ID, Installation, OK, Talk, verdictOf } from '../support/scenario.ts'

// A module that connects and closes in a loop costs others nothing but what it may: its own budget.

const T = 'X-Okapi-Tenant: diku'
const LOOPS = 16

let installation: Installation

test.before(async () => {
  const limits = { handshakesPerSecond: 2 }
  installation = await Installation.open({
    modules: [ID.users, ID.notes, ID.tags],
    more: { [ID.okapi]: { limits } },
  })
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

test('mod-tags with its key alone connects in a loop: told too-many; others call and connect', async (t) => {
  const okapi = installation.sidecar(ID.okapi)
  const folder = await installation.place.certificate(ID.tags)
  const [key, cert, ca] = ['tls.key', 'tls.crt', 'ca.crt'].map((name) =>
    readFileSync(join(folder, name)),
  )
  t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users/1', T))), '200')
  let over = false
  // Some leave before the other end has seen their certificate.
  const loop = async (leave: 'destroy' | 'end') => {
    while (!over) {
      const options = { port: okapi.port('ingress'), key, cert, ca }
      const socket = connect({ ...options, checkServerIdentity: () => undefined })
      socket.resume()
      const closed = once(socket, 'close').catch(() => {})
      socket.on('error', () => {})
      socket.on('secureConnect', () => socket[leave]())
      await closed
    }
  }
  const loops = Array.from({ length: LOOPS }, (_, i) => loop(i % 4 === 0 ? 'destroy' : 'end'))
  await until(async () => (await limitHits(okapi, 'handshakesPerSecond')) > 20)
  for (let i = 0; i < 20; i++) {
    t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users/1', T))), '200')
  }
  const late = new Talk(await installation.ingress(ID.okapi, ID.users))
  t.is(verdictOf(await late.send(get('/users/1', T)).next()), '200')
  late.close()
  over = true
  await Promise.all(loops)
  const [line] = await okapi.say(
    ({ msg, reason }) => msg === 'peer refused' && reason === 'too-many',
  )
  t.is(line?.caller, ID.tags)
  t.regex(String(line?.because), /more than 2 connections per second/)
})
