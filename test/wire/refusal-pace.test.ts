import test from 'ava'
import { refuse } from '../../src/refusal/refusal.ts'
import type { RefusedRequest, UpstreamStream } from '../../src/wire/face.ts'
import { RefusalPace } from '../../src/wire/h1/refusal-pace.ts'
import { until } from '../support/patience.ts'

const NO = refuse('admin-route', 'no')

/** Requests that are refused, and in which order that was said. */
class Requests {
  now = 0
  readonly said: string[] = []
  waited = 0
  readonly pace: RefusalPace

  constructor(perSecond: number) {
    const waits = () => this.waited++
    this.pace = new RefusalPace(perSecond, waits, () => this.now)
  }

  refuse(name: string): RefusedRequest {
    const x = {
      judgedAt: this.now,
      upstream: null as UpstreamStream | null,
      refuse: () => this.said.push(`${name} at once`),
      fail: () => this.said.push(`${name} later`),
    }
    if (!this.pace.waits(x, NO)) x.refuse()
    return x
  }
}

test('so many at once, the others in their turn as time goes on; each once', async (t) => {
  const all = new Requests(20)
  for (const name of ['a', 'b', 'c', 'd', 'e']) all.refuse(name)
  t.deepEqual(all.said, ['a at once', 'b at once'])
  t.is(all.waited, 3)
  all.now += 50
  await until(() => all.said.length === 3)
  // A new one is not said before those that wait, although there is room again.
  all.now += 100
  all.refuse('f')
  await until(() => all.said.length === 5)
  all.now += 100
  await until(() => all.said.length === 6)
  t.deepEqual(all.said.slice(2), ['c later', 'd later', 'e later', 'f later'])
  all.now += 1000
  all.refuse('g')
  t.is(all.said.at(-1), 'g at once')
})

test('one whose caller is gone is not said, and takes nothing from the others', async (t) => {
  const all = new Requests(10)
  all.refuse('a')
  const gone = all.refuse('gone')
  all.refuse('c')
  gone.upstream?.cancel()
  all.now += 100
  await until(() => all.said.length === 2)
  t.deepEqual(all.said, ['a at once', 'c later'])
})

test('what comes of the body of one that waits goes nowhere', (t) => {
  const all = new Requests(10)
  all.refuse('a')
  const { upstream } = all.refuse('b')
  t.false(upstream?.blocked)
  const piece = Buffer.alloc(65_536)
  for (let i = 0; i < 3; i++) upstream?.span(piece, 0, piece.length)
  t.false(upstream?.blocked)
  upstream?.span(piece, 0, piece.length)
  t.true(upstream?.blocked, 'more is not read')
  t.is(upstream?.bufferedBytes, 0)
})

test('without a limit none waits', (t) => {
  const all = new Requests(0)
  for (let i = 0; i < 5000; i++) all.refuse(String(i))
  t.is(all.said.length, 5000)
  t.is(all.waited, 0)
})
