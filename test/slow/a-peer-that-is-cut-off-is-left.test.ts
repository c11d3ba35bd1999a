import test from 'ava'
import { until } from '../support/patience.ts'
import {
  ask,
  Cable,
  get,
  ID,
  Place,
  Player,
  type Sidecar,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// A module has two addresses, and the machine behind the one that is used loses its power: no packet says
// so, there is only silence. The calls that are there end with it; the next go elsewhere.

const T = 'X-Okapi-Tenant: diku'

let place: Place
let module: Player
let cables: Cable[]
let sidecars: Sidecar[]

test.before(async () => {
  place = await Place.make()
  module = await Player.start()
  cables = await Promise.all([Cable.start(), Cable.start()])
  const listen = '127.0.0.1:0'
  const forward = `http://127.0.0.1:${module.port}`
  const users = await place.process(ID.users, { ingress: { listen, forward } })
  for (const cable of cables) cable.plugInto(users.port('ingress'))
  const address = { [ID.users]: cables.map(({ port }) => `https://127.0.0.1:${port}`) }
  const okapi = await place.process(ID.okapi, {
    ingress: { listen, forward },
    egress: { modules: { listen, address } },
    limits: { connectWaitMs: 5000 },
  })
  sidecars = [users, okapi]
})
test.after.always(async () => {
  await Promise.all((sidecars ?? []).map((sidecar) => sidecar.stop()))
  await Promise.all([module, ...(cables ?? [])].map((each) => each?.close()))
  await place?.close()
})

test('calls go to the other address long before the silent link is given up', async (t) => {
  const [, okapi] = sidecars
  const modules = okapi!.port('modules')
  const call = () => ask(modules, get(`/${ID.users}/users`, T)).then(verdictOf)
  // On a busy machine both addresses are tried, and there may be a link by each.
  const [used, other] = await lastUsed(call)
  const before = other.bytes.length
  used.cut()
  const sent = Array.from({ length: 20 }, (_, i) =>
    new Talk(modules).send(get(`/${ID.users}/users/${i}`, T)),
  )
  await okapi!.say(({ msg, peer }) => msg === 'link does not answer' && peer === ID.users)
  t.is(await call(), '200')
  t.true(other.bytes.length > before)
  // The first is enough: on a busy machine more of them take as long as until the link is given up.
  t.false(okapi!.lines.some(({ msg }) => msg === 'link ended'))
  for (let i = 0; i < 20; i++) t.is(await call(), '200')
  // They may have been acted on: they are not sent again, and end with the link.
  const verdicts = await Promise.all(sent.map((talk) => talk.next().then(verdictOf)))
  for (const talk of sent) talk.close()
  await okapi!.say(({ msg, ending }) => msg === 'link ended' && ending === 'silent')
  t.true(verdicts.includes('502 upstream-unreachable'))
  for (const [i, verdict] of verdicts.entries()) {
    const arrived = module.requests.filter(({ first }) => first === `GET /users/${i} HTTP/1.1`)
    t.is(verdict, arrived.length === 0 ? '502 upstream-unreachable' : '200')
    t.true(arrived.length <= 1)
  }
  t.is(await call(), '200')
})

/** The cable by which a call went alone, and the other one. */
async function lastUsed(call: () => Promise<string>): Promise<[Cable, Cable]> {
  const [one, two] = cables as [Cable, Cable]
  const lengths = () => [one.bytes.length, two.bytes.length] as const
  let grown: [boolean, boolean] = [false, false]
  await until(async () => {
    const before = lengths()
    await call()
    const now = lengths()
    grown = [now[0] > before[0], now[1] > before[1]]
    return grown[0] !== grown[1]
  })
  return grown[0] ? [one, two] : [two, one]
}
