import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import type { Sidecar } from '../support/scenario.ts'
import { ask, get, ID, Place, Player, token, verdictOf } from '../support/scenario.ts'

const T = 'X-Okapi-Tenant: diku'
const NOT_SEEN = '403 token-not-seen-here'
const anna = token({ user_id: 'anna', tenant: 'diku' })
const eve = token({ user_id: 'eve', tenant: 'diku' })
const ofUsers = token({ user_id: 'of-users', tenant: 'diku' })

let place: Place
let okapi: Player
let module: Player

test.before(async () => {
  place = await Place.make()
  okapi = await Player.start()
  module = await Player.start()
})
test.after.always(async () => {
  await Promise.all([okapi?.close(), module?.close()])
  await place?.close()
})

/** Okapi's sidecar and that of a module which answers everything. */
async function installation(policy: object) {
  const users = await place.sidecar(ID.users, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` },
  })
  const notes = await place.sidecar(ID.notes, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` },
  })
  const address = Object.fromEntries(
    [users, notes].map((each) => [each.id, `https://127.0.0.1:${each.port('ingress')}`]),
  )
  const sidecar = await place.sidecar(ID.okapi, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${okapi.port}` },
    egress: { modules: { listen: '127.0.0.1:0', address } },
    policy: { tokens: 'enforce', ...policy },
  })
  return { sidecar, stop: () => Promise.all([users, notes, sidecar].map((each) => each.stop())) }
}

/** Okapi sends this token to the module. */
async function reaches(sidecar: Sidecar, id: string, its: string): Promise<string> {
  const target = id === ID.notes ? '/notes' : '/users'
  const text = get(`/${id}${target}`, T, `X-Okapi-Token: ${its}`)
  return verdictOf(await ask(sidecar.port('modules'), text))
}

/** mod-notes sends it. */
async function sends(sidecar: Sidecar, its: string, id: string): Promise<string> {
  const where = { port: sidecar.port('ingress'), certificate: await place.certificate(ID.notes) }
  const lines = [T, `X-Okapi-Token: ${its}`, `X-Okapi-Request-Id: ${id}`]
  return verdictOf(await ask(where, get('/users/1', ...lines)))
}

test.serial(
  'a changed policy is taken up, and what was remembered stays; grants of tokens',
  async (t) => {
    const grants = await place.file('grants.yaml', '[]')
    const { sidecar, stop } = await installation({ tokenGraceMs: 0, grants: [grants] })
    try {
      t.is(await reaches(sidecar, ID.notes, anna), '200')
      t.is(await reaches(sidecar, ID.users, ofUsers), '200')
      t.deepEqual(
        [
          await sends(sidecar, anna, 'a'),
          await sends(sidecar, ofUsers, 'b'),
          await sends(sidecar, eve, 'c'),
        ],
        ['200', NOT_SEEN, NOT_SEEN],
      )
      const rule = { caller: 'mod-notes', at: 'okapi', tokens: ['mod-users'], why: 'by Kafka' }
      await place.file('grants.yaml', [rule])
      await sidecar.say(({ msg }) => msg === 'policy loaded')
      t.deepEqual(
        [
          await sends(sidecar, anna, 'd'),
          await sends(sidecar, ofUsers, 'e'),
          await sends(sidecar, eve, 'f'),
        ],
        ['200', '200', NOT_SEEN],
      )
      const told = await sidecar.exchange('c')
      t.is(told['reason'], 'token-not-seen-here')
      t.false(sidecar.out.includes(eve), 'no token is in the log')
    } finally {
      await stop()
    }
  },
)

test.serial('after a start nothing is known: for the grace it is told, then refused', async (t) => {
  const { sidecar, stop } = await installation({ tokenGraceMs: 3000 })
  try {
    t.is(await sends(sidecar, anna, 'in-grace'), '200')
    const told = await sidecar.exchange('in-grace')
    t.is(told['wouldDeny'], 'token-not-seen-here')
    t.is(told['reason'], undefined)
    let verdict = ''
    for (let i = 0; i < 100 && verdict !== NOT_SEEN; i++) {
      await setTimeout(100)
      verdict = await sends(sidecar, anna, `later-${i}`)
    }
    t.is(verdict, NOT_SEEN)
    t.is(await reaches(sidecar, ID.notes, anna), '200')
    t.is(await sends(sidecar, anna, 'seen'), '200')
  } finally {
    await stop()
  }
})

test.serial('report mode tells and refuses nothing; off tells nothing', async (t) => {
  for (const [tokens, wouldDeny] of [
    ['report', 'token-not-seen-here'],
    ['off', undefined],
  ] as const) {
    const { sidecar, stop } = await installation({ tokens, tokenGraceMs: 0 })
    try {
      t.is(await sends(sidecar, eve, 'x'), '200')
      t.is((await sidecar.exchange('x'))['wouldDeny'], wouldDeny)
    } finally {
      await stop()
    }
  }
})
