import test from 'ava'
import { type Refusal, refuse } from '../../../src/refusal/refusal.ts'
import type { RefusedRequest, UpstreamStream } from '../../../src/wire/face.ts'
import { RefusalPace } from '../../../src/wire/h1/refusal-pace.ts'
import { until } from '../../support/patience.ts'

const NO = refuse('admin-route', 'no')

/** A request that says when it is refused. */
class Asked implements RefusedRequest {
  readonly judgedAt: number
  upstream: UpstreamStream | null = null
  readonly #name: string
  readonly #said: string[]
  #then: () => void

  constructor(name: string, said: string[], judgedAt = 0, then = () => {}) {
    this.#name = name
    this.#said = said
    this.judgedAt = judgedAt
    this.#then = then
  }

  refuse({ reason }: Refusal): void {
    this.#said.push(`${this.#name} ${reason} at once`)
  }

  fail({ reason }: Refusal): void {
    this.#said.push(`${this.#name} ${reason}`)
    this.#then()
  }
}

/** Ten a second, so one at once; time stands until the test moves it. */
function setting() {
  const said: string[] = []
  const clock = { now: 0 }
  let waited = 0
  const pace = new RefusalPace(
    10,
    () => waited++,
    () => clock.now,
  )
  const ask = (name: string, then?: () => void) => {
    const asked = new Asked(name, said, clock.now, then)
    if (!pace.waits(asked, NO)) asked.refuse(NO)
    return asked
  }
  return { said, clock, ask, waited: () => waited }
}

test('so many at once, each further one in its turn, the oldest first', async (t) => {
  const { said, clock, ask, waited } = setting()
  for (const name of ['a', 'b', 'c']) ask(name)
  t.deepEqual(said, ['a admin-route at once'])
  t.is(waited(), 2)
  clock.now = 100
  await until(() => said.length === 2)
  clock.now = 200
  await until(() => said.length === 3)
  t.deepEqual(said.slice(1), ['b admin-route', 'c admin-route'])
})

test('one whose caller is gone is not said, and takes no turn', async (t) => {
  const { said, clock, ask } = setting()
  ask('a')
  const gone = ask('gone')
  ask('c')
  gone.upstream?.cancel()
  clock.now = 100
  await until(() => said.length === 2)
  t.deepEqual(said, ['a admin-route at once', 'c admin-route'])
})

test('what a refusal brings behind it waits behind all others', async (t) => {
  const { said, clock, ask } = setting()
  ask('a')
  ask('b', () => void ask('behind b'))
  ask('c')
  for (let turn = 1; said.length < 4; turn++) {
    clock.now = turn * 100
    const before = said.length
    await until(() => said.length > before)
  }
  t.deepEqual(
    said.map((each) => each.replace(' admin-route', '')),
    ['a at once', 'b', 'c', 'behind b'],
  )
})

test('0: none waits', (t) => {
  const pace = new RefusalPace(0, () => t.fail())
  for (let i = 0; i < 1000; i++) t.false(pace.waits(new Asked(`${i}`, []), NO))
})
