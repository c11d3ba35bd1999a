import test from 'ava'
import { whyNoEtc, withEtc } from '../support/faults/etc.ts'
import { NameServer } from '../support/name-server.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  ask,
  get,
  ID,
  type Line,
  Place,
  Player,
  request,
  Sidecar,
  Talk,
  unless,
  verdictOf,
} from '../support/scenario.ts'

// Okapi's sidecar finds modules by names. Those whose name server says nothing are waited for, each by
// its own callers; all others are called as ever, with new connections, under the names that they have.

const T = 'X-Okapi-Tenant: diku'
/** More than libc could look up at the same time. */
const WAITING = 12

const mayMount = whyNoEtc() === undefined
const scenario = unless(whyNoEtc())

let place: Place
let module: Player
let names: NameServer
let users: Sidecar
let okapi: Sidecar

if (mayMount) {
  test.before(async () => {
    place = await Place.make()
    module = await Player.start()
    names = await NameServer.start()
    const listen = '127.0.0.1:0'
    const ingress = { listen, forward: `http://127.0.0.1:${module.port}` }
    users = await place.process(ID.users, { ingress })
    const port = users.port('ingress')
    const address = {
      [ID.users]: `https://users.svc.test.:${port}`,
      [ID.notes]: [`https://silent-notes:${port}`],
      [ID.tags]: [`https://silent-tags:${port}`, `https://no-such:${port}`],
      [ID.login]: `https://listed:${port}`,
    }
    names.zones.set('users.svc.test', { a: ['127.0.0.1'], ttl: 0 })
    names.zones.set('silent-notes.svc.test', 'silence')
    names.zones.set('silent-tags.svc.test', 'silence')
    const egress = { modules: { listen, address } }
    const ingressOfOkapi = { listen, forward: `http://127.0.0.1:${module.port}` }
    // Connections that grow old soon: names are asked for again and again.
    const limits = { connectWaitMs: 20_000, connectionMaxAgeMs: 1000 }
    const more = { ingress: ingressOfOkapi, egress, limits, link: false }
    const file = await place.file('okapi.json', await place.configuration(ID.okapi, more))
    const etc = {
      port: names.port,
      resolv: ['search svc.test', 'options ndots:5'],
      hosts: ['127.0.0.1 listed'],
    }
    okapi = await Sidecar.process(ID.okapi, file, {}, withEtc(place.directory, etc))
  })
  test.after.always(async () => {
    await okapi?.stop()
    await users?.stop()
    await module?.close()
    await names?.close()
    await place?.close()
  })
}

scenario('calls of modules whose names are silent do not hold up those of another', async (t) => {
  const modules = okapi.port('modules')
  const stuck = [ID.notes, ID.tags].flatMap((id) => {
    const path = id === ID.notes ? 'notes' : 'tags'
    return Array.from({ length: WAITING / 2 }, () =>
      new Talk(modules).send(get(`/${id}/${path}`, T)),
    )
  })
  // Their names are being asked for.
  const underWay = () =>
    names.count('A silent-notes.svc.test') + names.count('A silent-tags.svc.test')
  while (underWay() < 2) await ask(modules, get(`/${ID.users}/users`, T))
  for (let i = 0; i < 5; i++) {
    // Several at once, each of which needs a connection of its own.
    const calls = Array.from({ length: 4 + i }, () => ask(modules, get(`/${ID.users}/users`, T)))
    t.deepEqual((await Promise.all(calls)).map(verdictOf), Array(4 + i).fill('200'))
  }
  t.true(stuck.every(({ received, ended }) => received === '' && !ended))
  t.true(names.count('A users.svc.test') > 0)
  t.is(names.count('A users.svc.test.svc.test'), 0)
  for (const talk of stuck) {
    t.is(verdictOf(await talk.next()), '502 upstream-unreachable')
    talk.close()
  }
  const [line] = await okapi.say(
    ({ at, because }) => at === ID.notes && because?.includes('silent-notes') === true,
  )
  t.regex(line?.because ?? '', /silent-notes does not resolve \(ETIMEOUT\)/)
})

scenario('a name in /etc/hosts leads there, and no server is asked for it', async (t) => {
  // Another module answers at that address: its certificate says so, whatever the name.
  const call = request(`POST /${ID.login}/authn/login`, [T, 'Content-Length: 0'])
  t.is(verdictOf(await ask(okapi.port('modules'), call)), '403 wrong-peer')
  t.is(names.asked.filter((question) => question.includes('listed')).length, 0)
})

scenario(
  'while the server is silent its last answer is used, and the log says so once',
  async (t) => {
    // Good answers by then: where the name server, which is in this process, was late before, that was told too.
    const lines = () => okapi.lines.filter(({ name }) => name === 'users.svc.test.')
    await until(async () => {
      await ask(okapi.port('modules'), get(`/${ID.users}/users`, T))
      return lines().length % 2 === 0
    })
    const before = lines().length
    names.silent = true
    for (let i = 0; i < 3; i++) {
      const calls = Array.from({ length: 12 }, () =>
        ask(okapi.port('modules'), get(`/${ID.users}/users`, T)),
      )
      t.deepEqual((await Promise.all(calls)).map(verdictOf), Array(12).fill('200'))
    }
    const lookups = (result: string) =>
      metric(okapi, `sidecar_name_lookups_total{result="${result}"}`)
    await until(async () => (await lookups('stale')) > 0)
    t.true((await lookups('found')) > 0)
    t.true((await lookups('failed')) > 0)
    const fits = ({ msg, name }: Line) => msg === 'name lookup failed' && name === 'users.svc.test.'
    const told = await okapi.say(fits, before / 2 + 1)
    t.like(told.at(-1), { level: 'warn', result: 'stale', code: 'ETIMEOUT' })
    t.is(lines().length, before + 1)
    names.silent = false
    await until(async () => {
      const again = () => ask(okapi.port('modules'), get(`/${ID.users}/users`, T))
      await Promise.all(Array.from({ length: 20 }, again))
      return lines().at(-1)?.result === 'found'
    })
  },
)
