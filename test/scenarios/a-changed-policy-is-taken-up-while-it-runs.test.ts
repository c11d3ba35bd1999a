import { mkdtempSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ask, get, ID, Talk, Town, verdictOf } from '../support/scenario.ts'

// mod-tags requires nothing; Okapi's sidecar and its own both read the same folder.

let town: Town
let grants: string

test.before(async () => {
  grants = join(mkdtempSync(join(tmpdir(), 'grants-')), 'grants.yaml')
  writeFileSync(grants, '[]\n', { mode: 0o600 })
  const policy = { grants }
  const more = { [ID.tags]: { policy }, [ID.okapi]: { policy } }
  town = await Town.open({ modules: [ID.tags], more })
})
test.beforeEach(() => town.okapi.forget())
test.after.always(() => town?.close())

const USERS = get('/users/1', 'X-Okapi-Tenant: diku')

/** Writes and waits until both sidecars have told of it. */
async function change(file: string, text: string, msg: 'policy' | 'new policy refused') {
  const both = [town.sidecar(ID.tags), town.sidecar(ID.okapi)]
  const before = both.map(({ lines }) => lines.filter((line) => line.msg === msg).length)
  writeFileSync(file, text, { mode: 0o600 })
  await Promise.all(both.map((one, i) => one.say((line) => line.msg === msg, before[i]! + 1)))
}

test.serial('a grant that is added opens, on a connection that was there before', async (t) => {
  const talk = new Talk(town.egress(ID.tags))
  t.is(verdictOf(await talk.send(USERS).next()), '403 interface-not-required')
  const why = 'a test of what is taken up'
  await change(
    grants,
    `- { caller: mod-tags, at: okapi, interface: users, why: ${why} }\n`,
    'policy',
  )
  t.is(verdictOf(await talk.send(USERS).next()), '200')
  talk.close()
})

test.serial('a broken file leaves the last good policy in force, and says so', async (t) => {
  await change(
    grants,
    '- { caller: mod-tags, at: okapi, interface: users }\n',
    'new policy refused',
  )
  t.is(verdictOf(await ask(town.egress(ID.tags), USERS)), '200')
  const admin = `127.0.0.1:${town.sidecar(ID.okapi).port('admin')}`
  const ready = await (await fetch(`http://${admin}/ready`)).json()
  t.deepEqual(ready, { ready: true, remarks: { policy: 'the last good policy stays in force' } })
  const metrics = await (await fetch(`http://${admin}/metrics`)).text()
  t.regex(metrics, /sidecar_policy_reload_total\{result="failed"\} 1/)
})

test.serial('a broken descriptor too', async (t) => {
  const file = join(town.place.descriptors, `${ID.users}.json`)
  const whole = readFileSync(file, 'utf8')
  await change(grants, '[]\n', 'policy')
  await change(file, whole.slice(0, 100), 'new policy refused')
  t.is(verdictOf(await ask(town.egress(ID.tags), USERS)), '403 interface-not-required')
  await change(file, whole, 'policy')
  const admin = `127.0.0.1:${town.sidecar(ID.okapi).port('admin')}`
  t.deepEqual(await (await fetch(`http://${admin}/ready`)).json(), { ready: true })
})

test.serial('a module whose descriptor goes loses its connections to Okapi', async (t) => {
  const file = join(town.place.descriptors, `${ID.notes}.json`)
  const whole = readFileSync(file, 'utf8')
  await town.place.certificate(ID.notes)
  const talk = new Talk(await town.ingress(ID.okapi, ID.notes))
  t.is(verdictOf(await talk.send(get('/notes', 'X-Okapi-Tenant: diku')).next()), '200')
  const okapi = town.sidecar(ID.okapi)
  const count = okapi.lines.filter(({ msg }) => msg === 'policy').length
  unlinkSync(file)
  await okapi.say(({ msg }) => msg === 'policy', count + 1)
  t.is(await talk.end(), '')
  writeFileSync(file, whole, { mode: 0o600 })
})
