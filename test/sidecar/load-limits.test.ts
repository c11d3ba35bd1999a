import { Writable } from 'node:stream'
import test from 'ava'
import type { Config } from '../../src/config/config.ts'
import { createLog } from '../../src/observe/log.ts'
import type { Metrics } from '../../src/observe/metrics.ts'
import { TurnLimit } from '../../src/proxy/turn-limit.ts'
import { type TurnLimitTold, turnLimitOf } from '../../src/sidecar/load-limits.ts'
import type { CoarseClock } from '../../src/transport/clock.ts'

function told() {
  const watched: unknown[] = []
  const clock = { now: 0, watch: (thing: unknown) => void watched.push(thing) }
  const destination = new Writable({ write: (_, __, done) => done() })
  const all: TurnLimitTold = {
    clock: clock as unknown as CoarseClock,
    metrics: {} as Metrics,
    log: createLog({ level: 'info', destination: destination as never }).log,
  }
  return { all, watched }
}

const withTurns = (turnMs: number) => ({ limits: { turnMs } }) as Config

test('there is no limit of a turn by default: limits.turnMs is 0', (t) => {
  const { all, watched } = told()
  t.is(turnLimitOf(withTurns(0), all), undefined)
  t.deepEqual(watched, [])
})

test('one that is wanted is asked by the clock', (t) => {
  const { all, watched } = told()
  const limit = turnLimitOf(withTurns(2), all)
  t.true(limit instanceof TurnLimit)
  t.deepEqual(watched, [limit])
})
