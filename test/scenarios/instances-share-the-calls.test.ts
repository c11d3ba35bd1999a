import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { until } from '../support/patience.ts'
import {
  ask,
  get,
  ID,
  Place,
  Player,
  request,
  type Sidecar,
  verdictOf,
} from '../support/scenario.ts'

const T = 'X-Okapi-Tenant: diku'
const CALLS = 120

interface Instance {
  readonly port: number
  readonly player: Player
  readonly sidecar: Sidecar
}

type Setting = Awaited<ReturnType<typeof setting>>

/** Okapi's sidecar, and three instances of mod-users; `link`: what they speak. */
async function setting(link: boolean) {
  const place = await Place.make()
  const ports = await freePorts(3)
  const open: (() => unknown)[] = []
  const start = async (port: number): Promise<Instance> => {
    const player = await Player.start()
    const forward = `http://127.0.0.1:${player.port}`
    const ingress = { listen: `127.0.0.1:${port}`, forward }
    const sidecar = await place.process(ID.users, { ingress, link })
    open.push(
      () => sidecar.stop(),
      () => player.close(),
    )
    return { port, player, sidecar }
  }
  const instances = await Promise.all(ports.map(start))
  const address = { 'mod-users': ports.map((port) => `https://127.0.0.1:${port}`) }
  const okapi = await place.process(ID.okapi, {
    egress: { modules: { listen: '127.0.0.1:0', address } },
    link,
  })
  const close = async () => {
    await okapi.stop()
    for (const each of open) await each()
    await place.close()
  }
  const call = (head: string) => ask(okapi.port('modules'), head).then(verdictOf)
  const users = () => call(get(`/${ID.users}/users`, T))
  const all = async (count: number) => {
    for (const { player } of instances) player.forget()
    const verdicts = new Set<string>()
    for (let i = 0; i < count; i++) verdicts.add(await users())
    return [...verdicts]
  }
  /** Until each instance has been called. */
  const spread = () => {
    for (const { player } of instances) player.forget()
    return until(async () => {
      await users()
      return instances.every(({ player }) => player.requests.length > 0)
    })
  }
  return { instances, start, call, all, spread, close }
}

/** Four processes each: the tests of one take turns. */
const settings = new Map<boolean, Promise<Setting>>()

function settingOf(link: boolean): Promise<Setting> {
  const made = settings.get(link) ?? setting(link)
  settings.set(link, made)
  return made
}

test.after.always(async () => {
  for (const made of settings.values()) await (await made).close()
})

test.serial('all system calls of a tenant go to one instance, from the first on', async (t) => {
  const { instances, call, spread } = await settingOf(true)
  const tenants = ['diku', 'north', 'south', 'east', 'west', 'uni']
  const jobs = async () => {
    for (const tenant of tenants) {
      const header = `X-Okapi-Tenant: ${tenant}`
      const body = '{"module_to":"mod-users-19.7.0"}'
      t.is(await call(request(`POST /${ID.users}/_/tenant`, [header], body)), '200')
      t.is(await call(get(`/${ID.users}/_/tenant/1`, header)), '200')
    }
  }
  const homes = () =>
    tenants.map((tenant) =>
      instances.flatMap(({ player }, i) =>
        player.requests.some(({ lines }) => lines.includes(`X-Okapi-Tenant: ${tenant}`)) ? [i] : [],
      ),
    )
  await jobs()
  const first = homes()
  for (const home of first) t.is(home.length, 1)
  await spread()
  for (const { player } of instances) player.forget()
  for (let i = 0; i < 3; i++) await jobs()
  t.deepEqual(homes(), first)
})

for (const link of [true, false]) {
  const over = link ? 'a link' : 'HTTP/1.1'
  // By links each is drawn with a chance of a third: fewer than 15 of 120 come once in ten million runs. Over
  // HTTP/1.1 connections are drawn, and an instance may have only one of many.
  const least = link ? 15 : 1

  test.serial(`calls one after another go to all instances, over ${over}`, async (t) => {
    const { instances, all, spread } = await settingOf(link)
    await spread()
    t.deepEqual(await all(CALLS), ['200'])
    for (const { player } of instances) t.true(player.requests.length >= least)
  })

  // What it changes comes last.
  test.serial(`one that stops loses nothing, one that comes is used, over ${over}`, async (t) => {
    const { instances, start, all, spread } = await settingOf(link)
    await spread()
    const [first, ...others] = instances
    const stopped = first!.sidecar.stop()
    t.deepEqual(await all(CALLS), ['200'])
    await stopped
    t.deepEqual(await all(CALLS), ['200'])
    for (const { player } of others) t.true(player.requests.length >= least)
    const again = await start(first!.port)
    await until(async () => {
      await all(1)
      return again.player.requests.length > 0
    })
  })
}
