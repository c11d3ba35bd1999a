import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { TimeOfDay, whyNoTimeOfDay } from '../support/faults/time-of-day.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  get,
  ID,
  type Line,
  Place,
  Player,
  type Sidecar,
  Talk,
  unless,
  verdictOf,
} from '../support/scenario.ts'

// The time of day steps, forwards and back, under two sidecars that run (NTP after hours without, a machine
// that was suspended, a wrong date). Deadlines do not notice, for they are measured by another clock.
// Certificates do: what has ended by the clock, or has not begun, is refused, and is good again when the
// clock is. Certificates here live for a day.

const T = 'X-Okapi-Tenant: diku'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const scenario = unless(whyNoTimeOfDay())

interface Setting {
  readonly place: Place
  readonly time: { readonly notes: TimeOfDay; readonly okapi: TimeOfDay }
  readonly notes: Sidecar
  readonly okapi: Sidecar
  readonly player: Player
}

/** mod-notes and Okapi, each with a time of its own, which is so many milliseconds off. */
async function setting(t: ExecutionContext, ms = 0): Promise<Setting> {
  const place = await Place.make()
  const player = await Player.start()
  const timeOf = async (name: string) => {
    const time = await TimeOfDay.make(join(place.directory, name))
    await time.off(ms)
    return time
  }
  const time = { notes: await timeOf('notes.time'), okapi: await timeOf('okapi.time') }
  const listen = '127.0.0.1:0'
  const ingress = { listen, forward: `http://127.0.0.1:${player.port}` }
  const okapi = await place.process(ID.okapi, { ingress }, time.okapi.env)
  const egress = { listen, gateway: `https://127.0.0.1:${okapi.port('ingress')}` }
  const notes = await place.process(ID.notes, { egress }, time.notes.env)
  t.teardown(async () => {
    await Promise.all([notes.stop(), okapi.stop()])
    await player.close()
    await place.close()
  })
  return { place, time, notes, okapi, player }
}

const call = ({ notes }: Setting) => ask(notes.port('egress'), get('/users/1', T))
const verdict = (all: Setting) => call(all).then(verdictOf)
const cut = ({ msg, reason }: Line) => msg === 'peer cut off' && reason === 'expired-certificate'

async function ready(sidecar: Sidecar): Promise<string> {
  const page = await fetch(`http://127.0.0.1:${sidecar.port('admin')}/ready`)
  return page.text()
}

/** A call that Okapi has, and answers when it is told to. */
async function callInHand({ notes, player }: Setting) {
  const go = Promise.withResolvers<void>()
  const before = player.requests.length
  player.reply = async ({ first }) => {
    if (first.includes('/users/slow')) await go.promise
    return answer('200 OK')
  }
  const talk = new Talk(notes.port('egress')).send(get('/users/slow', T))
  await until(() => player.requests.length > before)
  return { talk, go: () => go.resolve() }
}

scenario(
  'within the life of certificates nothing notices: no deadline, no connection',
  async (t) => {
    const all = await setting(t, 12 * HOUR_MS)
    const { time, notes, okapi } = all
    const idle = new Talk(notes.port('egress'))
    t.is(verdictOf(await idle.send(get('/users/1', T)).next()), '200')
    const { talk, go } = await callInHand(all)
    // Each is longer than any limit: idle, an old connection, a peer that does not answer.
    for (const ms of [0, 22 * HOUR_MS, 12 * HOUR_MS]) {
      await time.notes.off(ms)
      await time.okapi.off(ms)
      await pause(1000)
    }
    go()
    t.is(verdictOf(await talk.next()), '200')
    t.is(verdictOf(await idle.send(get('/users/2', T)).next()), '200')
    await until(async () => (await metric(notes, 'sidecar_exchanges_open')) === 0)
    for (const sidecar of [notes, okapi]) {
      t.deepEqual(
        sidecar.lines.filter(({ msg }) => /link|cut/.test(msg ?? '')),
        [],
      )
      t.notRegex(await ready(sidecar), /ended on/)
    }
    for (const each of [talk, idle]) each.close()
  },
)

scenario('the callee believes that all certificates have ended', async (t) => {
  const all = await setting(t)
  const { time, okapi, player } = all
  const { talk } = await callInHand(all)
  await time.okapi.off(2 * DAY_MS)
  const [told] = await okapi.say(cut)
  t.is(told?.caller, ID.notes)
  // It may have been acted on.
  t.is(verdictOf(await talk.next()), '502 upstream-unreachable')
  talk.close()
  await until(async () => /our certificate, or one above it, ended on/.test(await ready(okapi)))
  const arrived = player.requests.length
  const refused = await call(all)
  t.is(verdictOf(refused), '403 expired-certificate')
  t.is(player.requests.length, arrived)
  await time.okapi.off(0)
  await until(async () => (await verdict(all)) === '200')
  await until(async () => !/ended on/.test(await ready(okapi)))
})

scenario('the caller believes that all certificates have ended', async (t) => {
  const all = await setting(t)
  const { time, notes, player } = all
  const { talk } = await callInHand(all)
  await time.notes.off(2 * DAY_MS)
  const [told] = await notes.say(cut)
  t.is(told?.caller, ID.okapi)
  t.is(verdictOf(await talk.next()), '502 upstream-unreachable')
  talk.close()
  const arrived = player.requests.length
  const refused = await call(all)
  t.is(verdictOf(refused), '502 upstream-untrusted')
  t.regex(refused.body, /expired-certificate/)
  t.is(player.requests.length, arrived)
  await time.notes.off(0)
  await until(async () => (await verdict(all)) === '200')
})

scenario('the callee believes that no certificate has begun, a new one included', async (t) => {
  const all = await setting(t)
  const { place, time, okapi } = all
  t.is(await verdict(all), '200')
  await time.okapi.off(-2 * DAY_MS)
  // What is there was judged when the clock was right, and stays; what is new is not taken.
  t.is(await verdict(all), '200')
  await until(async () => /is the clock here wrong\?/.test(await ready(okapi)))
  await place.certificate(ID.okapi)
  const [failed] = await okapi.say(({ msg }) => msg === 'new credentials refused')
  t.regex(failed?.problems?.join() ?? '', /not valid before/)
  t.is(await verdict(all), '200')
  await time.okapi.off(0)
  // Files are looked at again twice a minute.
  await okapi.say(({ msg, generation }) => msg === 'credentials loaded' && generation === 2)
  t.is(await verdict(all), '200')
  t.notRegex(await ready(okapi), /clock here/)
})
