import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import { limitHits, until } from '../support/scenario/metrics.ts'
import { ask, field, ID, Installation, OK, type Player, verdictOf } from '../support/scenario.ts'

// A module with four workers gets twenty times as slow, while a hundred callers ask it again and again. What is
// asserted is how many calls wait in it and what callers are told, never how long anything takes.

const WORKERS = 4
const CALLERS = 100
/** Between a refusal and the next try. */
const AGAIN_MS = 50

let installation: Installation

test.before(async () => {
  const limits = { adaptive: { tolerance: 2, min: WORKERS } }
  const more = { [ID.notes]: { limits } }
  installation = await Installation.open({ modules: [ID.notes, ID.users], more, processes: true })
})
test.after.always(() => installation?.close())

/** A module with few workers: all that is beyond them waits in it. */
class Workers {
  ms = 10
  waiting = 0
  mostWaiting = 0
  served = 0
  #busy = 0
  readonly #queue: (() => void)[] = []

  constructor(player: Player) {
    player.reply = async (request, socket) => {
      this.waiting++
      this.mostWaiting = Math.max(this.mostWaiting, this.waiting)
      if (this.#busy === WORKERS) await new Promise<void>((resolve) => this.#queue.push(resolve))
      else this.#busy++
      await pause(this.ms)
      const next = this.#queue.shift()
      if (next === undefined) this.#busy--
      else next()
      this.waiting--
      this.served++
      return OK(request, socket)
    }
  }
}

/** As Okapi sends it: every request is chunked, GET too. */
function call(id: string, path: string) {
  const lines = ['Host: okapi', 'X-Okapi-Tenant: diku', 'Transfer-Encoding: chunked']
  return ask(
    installation.modules,
    [`GET /${id}${path} HTTP/1.1`, ...lines, '', '0', '', ''].join('\r\n'),
  )
}

/** So many callers ask one call after the other as long as it holds; how often each answer came. */
async function callers(count: number, id: string, path: string, holds: () => boolean) {
  const told = new Map<string, number>()
  const one = async () => {
    while (holds()) {
      const answered = await call(id, path)
      const verdict = verdictOf(answered)
      told.set(verdict, (told.get(verdict) ?? 0) + 1)
      if (verdict === '200') continue
      if (field(answered, 'Retry-After') === undefined) told.set('no Retry-After', 1)
      await pause(AGAIN_MS)
    }
  }
  await Promise.all(Array.from({ length: count }, one))
  return told
}

test.serial(
  'a slow module gets little more than it has workers for, the others are told so; then all is well again',
  async (t) => {
    const module = new Workers(installation.module(ID.notes))
    const served = (more: number) => {
      const end = module.served + more
      return () => module.served < end
    }
    const calm = await callers(3, ID.notes, '/notes/1', served(600))
    t.deepEqual([...calm.keys()], ['200'])
    module.ms = 200
    let settling = true
    const half = served(60)
    const whole = served(120)
    const slow = await callers(CALLERS, ID.notes, '/notes/1', () => {
      if (settling && !half()) {
        settling = false
        module.mostWaiting = module.waiting
      }
      return whole()
    })
    t.deepEqual([...slow.keys()].toSorted(), ['200', '503 overloaded'])
    t.true(slow.get('503 overloaded')! > 0)
    t.true((await limitHits(installation.sidecar(ID.notes), 'adaptive.tolerance')) > 0)
    t.true(module.mostWaiting <= CALLERS / 2, `${module.mostWaiting} waited in the module`)
    module.ms = 10
    const after = await callers(3, ID.notes, '/notes/1', served(200))
    t.deepEqual([...after.keys()], ['200'])
  },
)

test.serial('where it is off all of them wait in the module', async (t) => {
  const module = new Workers(installation.module(ID.users))
  module.ms = 200
  let going = true
  const calls = callers(CALLERS, ID.users, '/users/1', () => going)
  await until(() => module.waiting === CALLERS)
  going = false
  module.ms = 0
  t.deepEqual([...(await calls).keys()], ['200'])
})
