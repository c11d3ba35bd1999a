import test from 'ava'
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
// so, there is only silence. The calls that are there already share its fate; the next go elsewhere.

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
  t.is(await call(), '200')
  const [used, other] =
    cables[0]!.bytes === '' ? [cables[1]!, cables[0]!] : [cables[0]!, cables[1]!]
  t.is(other.bytes, '')
  used.cut()
  const stuck = Array.from({ length: 3 }, () =>
    new Talk(modules).send(get(`/${ID.users}/users`, T)),
  )
  await okapi!.say(({ msg, peer }) => msg === 'link does not answer' && peer === ID.users)
  t.is(await call(), '200')
  t.true(other.bytes !== '')
  // The first is enough: on a busy machine more of them take as long as until the link is given up.
  t.false(okapi!.lines.some(({ msg }) => msg === 'link ended'))
  t.true(stuck.every(({ received, ended }) => received === '' && !ended))
  for (let i = 0; i < 20; i++) t.is(await call(), '200')
  // They may have been acted on: they are not sent again, and end with the link.
  const arrived = module.requests.length
  for (const talk of stuck) {
    t.is(verdictOf(await talk.next()), '502 upstream-unreachable')
    talk.close()
  }
  await okapi!.say(({ msg, ending }) => msg === 'link ended' && ending === 'silent')
  t.is(module.requests.length, arrived)
  t.is(await call(), '200')
})
