import test from 'ava'
import type { Direction } from '../../src/observe/labels.ts'
import { Share, type ShareKind } from '../../src/proxy/share.ts'
import { type Holder, type ShareLimits, Shares } from '../../src/proxy/shares.ts'
import type { Refusal } from '../../src/refusal/refusal.ts'

const LIMITS = {
  exchanges: 4096,
  exchangesToModule: 1000,
  exchangesPerCallee: 512,
  brokenOffPerSecond: 10,
  bufferedBytes: 33_554_432,
}
const clock = { now: 0 }

function sharesOf(byCallee: boolean, limits: Partial<ShareLimits> = {}): Shares {
  return new Shares({ ...LIMITS, ...limits }, byCallee, clock)
}

/** A caller that opens exchanges and ends them. */
class Caller {
  readonly share: Share
  readonly #shares: Shares
  readonly #direction: Direction
  readonly #open: Holder[] = []

  constructor(shares: Shares, name: string, standing: ShareKind, direction: Direction = 'ingress') {
    this.share = shares.joined(name, standing)
    this.#shares = shares
    this.#direction = direction
  }

  get open(): number {
    return this.#open.length
  }

  /** Opens one; what was said against it, or null. */
  call(provider: string | null = 'mod-users-19.7.0'): Refusal | null {
    const holder = {
      direction: this.#direction,
      share: this.share,
      holdsPlace: false,
      callee: null,
    }
    const refusal = this.#shares.take(holder, provider)
    if (refusal === null) this.#open.push(holder)
    return refusal
  }

  /** Opens as many as it may; what was said then. */
  callAll(provider?: string | null): Refusal {
    for (;;) {
      const refusal = this.call(provider)
      if (refusal !== null) return refusal
    }
  }

  /** `brokenOff`: each of them has cost the module a connection. */
  end(brokenOff = false): void {
    for (const holder of this.#open.splice(0)) this.#shares.give(holder, brokenOff)
  }
}

const verdict = ({ status, reason, limit }: Refusal) => `${status} ${reason} ${limit}`

test('one identity that takes all it can: told too-many; all others are served, as is each callee', (t) => {
  const shares = sharesOf(true)
  const tags = new Caller(shares, 'mod-tags-3.1.0', 'proven')
  t.is(verdict(tags.callAll()), '429 too-many exchangesPerCallee')
  t.true(tags.open > 256 && tags.open < 448, String(tags.open))
  // 512 that wait for one slow module do not stop its calls of others.
  for (const provider of ['mod-notes-8.1.0', 'mod-x-1.0.0']) {
    t.is(tags.call(provider), null)
    tags.callAll(provider)
  }
  t.is(verdict(tags.callAll('mod-y-1.0.0')), '429 too-many exchangesToModule')
  for (const [name, standing] of [
    ['mod-notes-8.1.0', 'proven'],
    ['operator/anna', 'proven'],
    ['public/192.0.2.7', 'unproven'],
  ] as const) {
    const other = new Caller(shares, name, standing)
    for (const provider of ['mod-users-19.7.0', 'mod-notes-8.1.0', 'mod-x-1.0.0', null]) {
      t.is(other.call(provider), null, `${name} at ${provider}`)
    }
  }
})

test('strangers from very many addresses fill their half; modules have the other one', (t) => {
  const shares = sharesOf(true)
  const said = new Set<string>()
  for (let i = 0; i < 2000; i++) {
    const stranger = new Caller(shares, `public/192.0.${i >> 8}.${i & 255}`, 'unproven', 'public')
    const refusal = stranger.call(`mod-${i % 20}-1.0.0`)
    if (refusal !== null) said.add(verdict(refusal))
  }
  t.is(shares.open, 500)
  t.deepEqual([...said], ['503 overloaded exchangesToModule'])
  const tags = new Caller(shares, 'mod-tags-3.1.0', 'proven')
  for (let i = 0; i < 200; i++) t.is(tags.call(`mod-${i % 20}-1.0.0`), null)
})

test('strangers from very many addresses at one callee leave half of it to modules', (t) => {
  const shares = sharesOf(true)
  for (let i = 0; i < 2000; i++)
    new Caller(shares, `public/${i}`, 'unproven').call('mod-login-7.0.0')
  t.is(shares.open, 224)
  t.is(new Caller(shares, 'mod-tags-3.1.0', 'proven').call('mod-login-7.0.0'), null)
  t.is(new Caller(shares, 'public/x', 'unproven').call('mod-users-19.7.0'), null)
})

test('one address has a share of what strangers may have', (t) => {
  const shares = sharesOf(false)
  const one = new Caller(shares, 'public/192.0.2.7', 'unproven')
  t.is(verdict(one.callAll()), '429 too-many exchangesToModule')
  t.true(one.open > 300 && one.open < 400, String(one.open))
  t.is(new Caller(shares, 'public/192.0.2.8', 'unproven').call(), null)
  t.is(new Caller(shares, 'plain/192.0.2.7', 'unproven').call(), null)
})

test('slow callees leave places to others, however many there are and from whichever caller', (t) => {
  const shares = sharesOf(true)
  const callers = Array.from(
    { length: 60 },
    (_, i) => new Caller(shares, `mod-${i}-1.0.0`, 'proven'),
  )
  for (let slow = 0; slow < 5; slow++) {
    for (let round = 0; round < 200; round++) {
      for (const caller of callers) caller.call(`mod-slow${slow}-1.0.0`)
    }
  }
  for (const caller of callers.slice(0, 10)) t.is(caller.call('mod-well-1.0.0'), null)
})

test('Okapi may have at a module what its pools have connections, and leaves some to others', (t) => {
  const shares = sharesOf(false, { exchangesToModule: 1280 })
  const okapi = new Caller(shares, 'okapi-7.2.0', 'okapi')
  t.is(verdict(okapi.callAll()), '429 too-many exchangesToModule')
  t.is(okapi.open, 1120)
  t.true(okapi.open >= 1100)
  t.is(new Caller(shares, 'client/prom', 'proven').call(), null)
})

test('what Okapi asks because it was asked needs no place that those from outside may take', (t) => {
  const shares = sharesOf(true)
  for (let i = 0; i < 1000; i++) {
    const caller = new Caller(shares, `mod-${i}-1.0.0`, 'proven')
    for (let provider = 0; provider < 20; provider++) caller.callAll(`mod-${provider}-1.0.0`)
  }
  t.is(shares.open, 1000)
  const full = new Caller(shares, 'mod-late-1.0.0', 'proven').call()
  t.is(full && verdict(full), '503 overloaded exchangesToModule')
  const own = new Caller(shares, 'okapi-7.2.0', 'own', 'modules')
  for (let i = 0; i < 1100; i++) t.is(own.call('mod-authtoken-2.18.0'), null)
  t.is(verdict(own.callAll()), '503 overloaded exchanges')
  t.is(own.open, 4096)
})

test('at the egress one slow module leaves ways to all others', (t) => {
  const shares = sharesOf(false)
  const own = new Caller(shares, 'mod-tags-3.1.0', 'own', 'egress')
  t.is(verdict(own.callAll('mod-slow-1.0.0')), '503 overloaded exchangesPerCallee')
  t.true(own.open > 300 && own.open < 400, String(own.open))
  for (let i = 0; i < 50; i++) t.is(own.call('mod-users-19.7.0'), null)
})

test('limits.exchanges bounds both ways where it is less', (t) => {
  const shares = sharesOf(false, { exchanges: 3 })
  const one = new Caller(shares, 'a', 'proven')
  t.is(verdict(one.callAll()), '503 overloaded exchangesToModule')
  t.is(one.open, 3)
  const own = new Caller(shares, 'b', 'own', 'egress')
  t.is(own.call('x'), null)
  t.is(own.call('y'), null)
  t.is(own.call('z'), null)
  t.is(verdict(own.callAll('z')), '503 overloaded exchanges')
})

test('every place is given back, wherever it was taken', (t) => {
  const shares = sharesOf(true)
  const callers = [
    new Caller(shares, 'mod-tags-3.1.0', 'proven'),
    new Caller(shares, 'public/192.0.2.7', 'unproven'),
    new Caller(shares, 'mod-b-1.0.0', 'own', 'egress'),
    new Caller(shares, 'mod-b-1.0.0', 'own', 'modules'),
  ]
  const most: number[][] = []
  for (let round = 0; round < 3; round++) {
    most.push(
      callers.map((caller) => {
        caller.callAll()
        const { open } = caller
        caller.end()
        return open
      }),
    )
    t.is(shares.open, 0)
  }
  t.deepEqual(most[1], most[0])
  t.deepEqual(most[2], most[0])
  for (const { share } of callers.slice(0, 2)) t.deepEqual(share.towards, [0])
})

test('an exchange that was refused holds nothing, and giving twice gives once', (t) => {
  const shares = sharesOf(true)
  const share = shares.joined('a', 'proven')
  const holder: Holder = { direction: 'ingress', share, holdsPlace: false, callee: null }
  shares.give(holder, false)
  t.is(shares.take(holder, 'x'), null)
  shares.give(holder, false)
  shares.give(holder, false)
  t.is(shares.open, 0)
  t.is(share.exchanges, 0)
})

test('a share is one for all connections of its caller, and gone a while after the last', (t) => {
  const now = { now: 0 }
  const shares = new Shares(LIMITS, false, now)
  const one = shares.joined('a', 'proven')
  t.is(shares.joined('a', 'proven'), one)
  t.not(shares.joined('b', 'proven'), one)
  t.is(one.connections, 2)
  shares.left(one)
  t.is(shares.joined('a', 'proven'), one)
  shares.left(one)
  shares.left(one)
  t.deepEqual(
    [...shares.all].map(({ name }) => name),
    ['b'],
  )
  t.is(shares.joined('a', 'proven'), one, 'what it has broken off is not forgotten')
  shares.left(one)
  now.now += Share.keptMs
  shares.left(shares.joined('c', 'proven'))
  t.not(shares.joined('a', 'proven'), one)
})

/** Breaks off one exchange after the other; how many it could begin until it was told to stop. */
function breakOff(caller: Caller): number {
  for (let begun = 0; ; begun++) {
    const refusal = caller.call()
    if (refusal !== null) {
      if (verdict(refusal) !== '429 too-many brokenOffPerSecond') throw new Error(verdict(refusal))
      return begun
    }
    caller.end(true)
  }
}

test('a caller over its budget of broken-off exchanges is refused on all its connections; no other caller is', (t) => {
  const now = { now: 0 }
  const shares = new Shares(LIMITS, false, now)
  const one = new Caller(shares, 'mod-tags-3.1.0', 'proven')
  const other = new Caller(shares, 'mod-notes-8.1.0', 'proven')
  t.is(breakOff(one), 80, 'eight seconds’ worth at once')
  shares.left(one.share)
  t.is(breakOff(new Caller(shares, 'mod-tags-3.1.0', 'proven')), 0)
  t.is(other.call(), null)
  now.now += 1000
  t.is(breakOff(new Caller(shares, 'mod-tags-3.1.0', 'proven')), 10)
})

test('exchanges that end well pay for some that do not, and never for more than may come at once', (t) => {
  const shares = sharesOf(false)
  const one = new Caller(shares, 'mod-tags-3.1.0', 'proven')
  t.is(breakOff(one), 80)
  t.not(one.call(), null)
  // Those that were under way by then end well.
  const late = new Caller(shares, 'mod-users-19.7.0', 'proven')
  for (let i = 0; i < 1000; i++) {
    late.call()
    late.end()
  }
  t.is(breakOff(late), 80)
})

test('Okapi calls for all and may break off eight times as much; the module beside us any number', (t) => {
  const shares = sharesOf(false)
  t.is(breakOff(new Caller(shares, 'okapi-7.2.0', 'okapi')), 640)
  const own = new Caller(shares, 'mod-notes-8.1.0', 'own', 'egress')
  for (let i = 0; i < 10_000; i++) {
    t.is(own.call(), null)
    own.end(true)
  }
  const unlimited = new Caller(sharesOf(false, { brokenOffPerSecond: 0 }), 'a', 'proven')
  for (let i = 0; i < 10_000; i++) {
    t.is(unlimited.call(), null)
    unlimited.end(true)
  }
})
