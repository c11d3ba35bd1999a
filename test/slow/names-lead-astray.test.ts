import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { whyNoEtc, withEtc } from '../support/faults/etc.ts'
import { NameServer } from '../support/name-server.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import { ask, get, ID, Place, Player, Sidecar, unless, verdictOf } from '../support/scenario.ts'

// A module finds Okapi by a name. The name is not there, its server is broken, it leads to another machine,
// or to a peer that cannot prove to be Okapi: what the caller is told, and that it gets through as soon as
// the name is right again, however long the wrong answer was to be believed.

const T = 'X-Okapi-Tenant: diku'
const NAME = 'okapi.test'
const HERE = '127.0.0.1'
const ELSEWHERE = '127.0.0.2'
const ANOTHER = '127.0.0.3'
/** Seconds: longer than anything here. */
const TTL = 300

const scenario = unless(whyNoEtc())

let place: Place
let okapi: Player
let another: Player
let names: NameServer
let port: number
const running: Sidecar[] = []

test.before(async () => {
  place = await Place.make()
  okapi = await Player.start()
  another = await Player.start()
  names = await NameServer.start()
  port = (await freePorts(1))[0]!
})
test.beforeEach(() => {
  okapi.forget()
  names.zones.clear()
})
test.afterEach.always(async () => {
  await Promise.all(running.splice(0).map((sidecar) => sidecar.over || sidecar.stop()))
})
test.after.always(async () => {
  await Promise.all([okapi, another, names].map((each) => each?.close()))
  await place?.close()
})

/** One behind the name, at this address: its port is the same everywhere. */
async function at(
  address: string,
  id: string = ID.okapi,
  how: 'sidecar' | 'process' = 'sidecar',
): Promise<Sidecar> {
  const forward = `http://127.0.0.1:${(id === ID.okapi ? okapi : another).port}`
  const sidecar = await place[how](id, { ingress: { listen: `${address}:${port}`, forward } })
  running.push(sidecar)
  return sidecar
}

async function notes(connectWaitMs = 100): Promise<Sidecar> {
  const egress = { listen: '127.0.0.1:0', gateway: `https://${NAME}.:${port}` }
  const content = await place.configuration(ID.notes, { egress, limits: { connectWaitMs } })
  const file = await place.file(`notes-${crypto.randomUUID()}.json`, content)
  const sidecar = await Sidecar.process(
    ID.notes,
    file,
    {},
    withEtc(place.directory, { port: names.port }),
  )
  running.push(sidecar)
  return sidecar
}

const call = (caller: Sidecar) => ask(caller.port('egress'), get('/users/1', T))
const leadsTo = (...a: string[]) => names.zones.set(NAME, { a, ttl: TTL })
const served = async (caller: Sidecar) => verdictOf(await call(caller)) === '200'

scenario('the name is not there, then it is', async (t) => {
  await at(HERE)
  const caller = await notes()
  const refused = await call(caller)
  t.is(verdictOf(refused), '502 upstream-unreachable')
  t.regex(refused.body, /okapi\.test\. does not resolve \(ENOTFOUND\)/)
  leadsTo(HERE)
  await until(() => served(caller))
  await until(async () => (await metric(caller, 'sidecar_exchanges_open')) === 0)
})

scenario('a call that waits for it is served when it comes', async (t) => {
  await at(HERE)
  const caller = await notes(50_000)
  const answered = call(caller)
  await until(() => names.count(`A ${NAME}`) >= 2)
  leadsTo(HERE)
  t.is(verdictOf(await answered), '200')
  t.is(okapi.requests.length, 1)
})

scenario('its server is broken: what it has said last is used', async (t) => {
  names.zones.set(NAME, { a: [HERE], ttl: 0 })
  const first = await at(HERE)
  const caller = await notes(50_000)
  t.is(verdictOf(await call(caller)), '200')
  names.zones.set(NAME, 'servfail')
  await first.stop()
  await at(HERE)
  t.is(verdictOf(await call(caller)), '200')
  const [told] = await caller.say(
    ({ msg, result }) => msg === 'name lookup failed' && result === 'stale',
  )
  t.is(told?.['code'], 'ESERVFAIL')
})

scenario('the name goes: links that are there are used, new ones are not made', async (t) => {
  names.zones.set(NAME, { a: [HERE], ttl: 0 })
  const first = await at(HERE)
  const caller = await notes()
  t.is(verdictOf(await call(caller)), '200')
  names.zones.clear()
  await until(async () => {
    t.is(verdictOf(await call(caller)), '200')
    return (await metric(caller, 'sidecar_name_lookups_total{result="none"}')) > 0
  })
  await first.stop()
  await at(HERE)
  const refused = await call(caller)
  t.is(verdictOf(refused), '502 upstream-unreachable')
  t.regex(refused.body, /does not resolve/)
  leadsTo(HERE)
  await until(() => served(caller))
})

scenario('it leads elsewhere, long before the answer of before is old', async (t) => {
  leadsTo(HERE)
  const first = await at(HERE)
  const caller = await notes(50_000)
  t.is(verdictOf(await call(caller)), '200')
  await first.stop()
  await at(ELSEWHERE)
  leadsTo(ELSEWHERE)
  t.is(verdictOf(await call(caller)), '200')
  t.is(okapi.requests.length, 2)
})

scenario(
  'it leads to a peer that is not Okapi, which gets nothing; then it is right',
  async (t) => {
    leadsTo(ANOTHER)
    await at(HERE)
    await at(ANOTHER, ID.tags)
    const caller = await notes()
    const refused = await call(caller)
    t.is(verdictOf(refused), '403 wrong-peer')
    t.regex(refused.body, /127[.\d]+:\d+: called .*, but the peer proved to be mod-tags-3\.1\.0/)
    leadsTo(HERE)
    await until(() => served(caller))
    t.is(another.bytes, '')
    t.is(okapi.requests.length, 1)
  },
)

// The address of a pod that is gone is soon given to another one; its name leads elsewhere by then.
scenario('the address is given to another module: the call itself gets through', async (t) => {
  leadsTo(HERE)
  const first = await at(HERE, ID.okapi, 'process')
  const caller = await notes()
  t.is(verdictOf(await call(caller)), '200')
  first.signal('SIGKILL')
  await first.ended
  await at(HERE, ID.tags)
  await at(ELSEWHERE)
  leadsTo(ELSEWHERE)
  // Servers are asked no more than once a second.
  const asked = performance.now()
  await until(() => performance.now() - asked > 1500)
  t.is(verdictOf(await call(caller)), '200')
  t.is(another.bytes, '')
})
