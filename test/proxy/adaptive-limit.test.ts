import test from 'ava'
import fc from 'fast-check'
import { AdaptiveLimit } from '../../src/proxy/adaptive-limit.ts'
import { UsualLatency } from '../../src/proxy/usual-latency.ts'
import { randomOf } from '../support/kafka-frames.ts'
import { type Outcome, quantile, SimulatedModule, type Work } from '../support/simulated-module.ts'

const [MIN, MOST, TOLERANCE] = [16, 1280, 2]

function moduleOf(seed: number, min = MIN): SimulatedModule {
  return new SimulatedModule(new AdaptiveLimit(min, MOST, TOLERANCE, 0), randomOf(seed))
}

/** How long one call takes: always the same, or by chance, as a mixture of searches and lookups. */
const KINDS: Readonly<Record<string, (ms: number) => Work['ms']>> = {
  fixed: (ms) => () => ms,
  exponential: (ms) => (random) => -Math.log(1 - random()) * ms,
  // The logarithm is spread by 1: one in a hundred takes ten times the median.
  wide: (ms) => (random) => ms * Math.exp(spread(random) - 0.5),
}

/** A normal distribution (Box and Muller). */
function spread(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

function partAnswered({ answered, refused }: Outcome): number {
  return answered / (answered + refused)
}

/** Workers, and milliseconds of a call: from a small module with slow calls to a large one. */
const MODULES = [
  [8, 100],
  [16, 20],
  [50, 40],
  [100, 10],
] as const

for (const [kind, make] of Object.entries(KINDS)) {
  for (const [workers, ms] of MODULES) {
    const capacity = (workers / ms) * 1000
    const name = `${workers} workers, ${ms} ms, ${kind}`

    test(`${name}: nothing is refused at half load, the best rate is kept beyond it, all is served again after`, (t) => {
      const module = moduleOf(workers * ms)
      const work = { workers, ms: make(ms) }
      const at = (times: number, seconds: number) =>
        module.run({ perSecond: capacity * times, seconds, work })
      at(0.5, 10)
      const calm = at(0.5, 20)
      t.true(partAnswered(calm) > 0.97, `half load: ${partAnswered(calm)}`)
      for (const times of [2, 4]) {
        at(times, 10)
        const busy = at(times, 20)
        const goodput = busy.answered / (20 * capacity)
        t.true(goodput > 0.85, `${times} times: ${goodput} of the best rate`)
        // What is admitted waits for some of the others; the least limit may be more than the workers.
        const p99 = quantile(busy.latencies, 0.99) / quantile(calm.latencies, 0.99)
        t.true(p99 < 2.5 + (2 * MIN) / workers, `${times} times: p99 ${p99} of that at half load`)
      }
      const first = at(0.5, 1)
      t.true(partAnswered(first) > 0.5, `the first second after: ${partAnswered(first)}`)
      const after = at(0.5, 20)
      t.true(partAnswered(after) > 0.97, `after: ${partAnswered(after)}`)
    })
  }
}

test('a module that gets slow, whatever is asked of it, is learned again: no lasting refusals', (t) => {
  const module = moduleOf(3)
  const perSecond = 800
  const work = (ms: number) => ({ workers: 100_000, ms: () => ms })
  t.is(module.run({ perSecond, seconds: 20, work: work(20) }).refused, 0)
  const slow = module.run({ perSecond, seconds: 20, work: work(200) })
  t.true(slow.refused > 0, 'it could not be known at first')
  t.is(Math.min(...slow.limits), MIN)
  const later = module.run({ perSecond, seconds: 20, work: work(200) })
  t.is(later.refused, 0)
  t.is(module.run({ perSecond, seconds: 20, work: work(20) }).refused, 0)
})

test('an hour of too much does not make slowness usual', (t) => {
  const module = moduleOf(5)
  const work = { workers: 16, ms: () => 20 }
  module.run({ perSecond: 400, seconds: 10, work })
  const first = module.run({ perSecond: 1600, seconds: 60, work })
  module.run({ perSecond: 1600, seconds: 3600, work })
  const last = module.run({ perSecond: 1600, seconds: 60, work })
  t.true(quantile(last.latencies, 0.5) < 1.5 * quantile(first.latencies, 0.5))
})

test('the limit does not rise where few calls are open, however many are answered', (t) => {
  const module = moduleOf(7)
  const { limits } = module.run({
    perSecond: 500,
    seconds: 60,
    work: { workers: 64, ms: () => 20 },
  })
  t.true(Math.max(...limits) <= 4 * MIN, String(Math.max(...limits)))
})

test('it rises where many are open and none is slow', (t) => {
  const module = moduleOf(9)
  const work = { workers: 1000, ms: () => 100 }
  const first = module.run({ perSecond: 2000, seconds: 2, work })
  const second = module.run({ perSecond: 2000, seconds: 20, work })
  t.true(second.limits.at(-1)! > first.limits[0]!)
  t.is(module.run({ perSecond: 2000, seconds: 10, work }).refused, 0)
})

test('whatever is measured, the limit stays between the least and the most', (t) => {
  const sample = fc.record({
    times: fc.oneof(fc.double({ min: 0, noNaN: false }), fc.constant(Number.POSITIVE_INFINITY)),
    pauseMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    opened: fc.nat(200),
  })
  fc.assert(
    fc.property(
      fc.array(sample, { maxLength: 500 }),
      fc.integer({ min: 1, max: 2000 }),
      (all, min) => {
        const limit = new AdaptiveLimit(min, MOST, TOLERANCE, 0)
        let now = 0
        for (const { times, pauseMs, opened } of all) {
          for (let i = 0; i < opened; i++) limit.began()
          now += pauseMs
          limit.answered(times, now - 1, now)
          for (let i = 0; i < opened; i++) limit.ended()
          t.true(limit.limit >= Math.min(min, MOST) && limit.limit <= MOST, String(limit.limit))
          t.is(limit.open, 0)
        }
      },
    ),
  )
})

test('calls that began before the limit fell do not count for its present value', (t) => {
  const limit = new AdaptiveLimit(MIN, MOST, TOLERANCE, 0)
  for (let i = 0; i < 64; i++) limit.began()
  for (let i = 0; i < 16; i++) limit.answered(100, 0, 1000)
  t.is(limit.limit, 32)
  for (let i = 0; i < 48; i++) limit.answered(100, 999, 3000 + i)
  t.is(limit.limit, 32)
  for (let i = 0; i < 16; i++) limit.answered(100, 1000, 4000)
  t.is(limit.limit, 16)
})

test('what is usual is known after many samples and some time, and falls at once', (t) => {
  const usual = new UsualLatency()
  for (let i = 0; i < 200; i++) t.is(usual.took(100, i), Number.NaN)
  t.true(Math.abs(usual.took(100, 1500) - 1) < 1e-9)
  t.true(Math.abs(usual.took(300, 1501) - 3) < 0.1)
  for (let i = 0; i < 1000; i++) usual.took(50, 1600 + i)
  t.true(Math.abs(usual.took(50, 3000) - 1) < 0.1)
  t.true(usual.took(100, 3001) > 1.9)
})

test('slowness becomes usual after two periods, and not after one', (t) => {
  const usual = new UsualLatency()
  const many = (ms: number) => {
    let last = Number.NaN
    for (let i = 0; i < 3000; i++) last = usual.took(ms, i)
    return last
  }
  many(20)
  t.true(many(100) > 4.9)
  usual.nextPeriod()
  t.true(many(100) > 4.9)
  usual.nextPeriod()
  t.true(many(100) < 1.1)
})

test('what is answered within five milliseconds is not slow', (t) => {
  const usual = new UsualLatency()
  for (let i = 0; i < 3000; i++) usual.took(0.3, i)
  t.true(Math.abs(usual.took(4.9, 3001) - 1) < 1e-9)
  t.true(usual.took(10, 3002) > 1.9)
})
