import test from 'ava'
import { hashOf, PeerAddresses, type Target } from '../../src/transport/peer-addresses.ts'

function target(host: string): Target {
  return { address: { host, port: 8443 }, key: `${host}:8443`, name: 'pods.test' }
}

const [A, B, C] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(target) as [Target, Target, Target]
const NONE: ReadonlySet<string> = new Set()

function known(...targets: Target[]) {
  const clock = { now: 1000 }
  const addresses = new PeerAddresses(clock, () => {})
  if (targets.length > 0) addresses.answered(targets)
  return { clock, addresses }
}

test('as long as no name was looked up every address is one of them', (t) => {
  const { addresses } = known()
  t.true(addresses.includes(A.key))
  t.is(addresses.size, 0)
  t.is(addresses.of(1), undefined)
  addresses.answered([B])
  t.false(addresses.includes(A.key))
})

test('one that some answers leave out stays, one that all leave out for a while is gone', (t) => {
  const { clock, addresses } = known(A, B, C)
  for (let i = 0; i < 20; i++) {
    clock.now += 5000
    addresses.answered(i % 3 === 2 ? [A, C] : [A, B])
    t.is(addresses.size, 3)
  }
  clock.now += 10_000
  addresses.answered([A])
  clock.now += 10_000
  addresses.answered([A])
  t.is(addresses.size, 1)
  t.false(addresses.includes(B.key))
})

test('the last good answer is kept while there is none', (t) => {
  const { clock, addresses } = known(A, B)
  clock.now += 3_600_000
  t.true(addresses.includes(B.key))
  addresses.answered([A, B])
  t.is(addresses.size, 2)
})

test('a new address wants a connection at once, one that has one does not', (t) => {
  const { addresses } = known(A)
  t.deepEqual(addresses.others(NONE, 8), [A.key])
  addresses.answered([A, B])
  t.deepEqual(addresses.others(new Set([A.key]), 8), [B.key])
  t.deepEqual(addresses.others(NONE, 1), [A.key])
  t.deepEqual(addresses.others(NONE, 0), [])
})

test('one that fails is left out, each time twice as long, up to a minute', (t) => {
  const { clock, addresses } = known(A, B)
  const pauses: number[] = []
  for (let i = 0; i < 9; i++) {
    addresses.failed(A.key)
    const from = clock.now
    while (!addresses.others(NONE, 8).includes(A.key)) clock.now += 500
    pauses.push(clock.now - from)
  }
  t.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
  addresses.served(A.key)
  addresses.failed(A.key)
  clock.now += 1000
  t.true(addresses.others(NONE, 8).includes(A.key))
})

test('one that is leaving gets no connection of its own for 15 s, however many tell so', (t) => {
  const { clock, addresses } = known(A, B)
  for (let i = 0; i < 9; i++) addresses.leaves(A.key)
  clock.now += 14_999
  t.deepEqual(addresses.others(NONE, 8), [B.key])
  clock.now += 1
  t.deepEqual(addresses.others(NONE, 8), [A.key, B.key])
})

test('where a number belongs depends on no order, and moves only when its own address goes', (t) => {
  const numbers = Array.from({ length: 300 }, (_, i) => hashOf(`tenant${i}`))
  const homes = (addresses: PeerAddresses) => numbers.map((number) => addresses.of(number))
  const { addresses } = known(A, B, C)
  const before = homes(addresses)
  t.deepEqual(homes(known(C, A, B).addresses), before)
  for (const { key } of [A, B, C]) {
    const here = before.filter((home) => home === key).length
    t.true(here > 60, `${key}: ${here} of 300`)
  }
  addresses.failed(B.key)
  for (const [i, home] of homes(addresses).entries()) {
    if (before[i] === B.key) t.not(home, B.key)
    else t.is(home, before[i])
  }
})

test('where it belongs comes first, and the others keep their order', (t) => {
  const { addresses } = known(A, B, C)
  const number = [1, 2, 3, 4, 5, 6, 7, 8].find((each) => addresses.of(each) === B.key)!
  t.deepEqual(addresses.first(number, [A, B, C]), [B, A, C])
})

test('more addresses than a peer has are forgotten, the oldest first', (t) => {
  const { addresses } = known()
  addresses.answered(Array.from({ length: 300 }, (_, i) => target(`10.0.${i >> 8}.${i & 255}`)))
  t.is(addresses.size, 256)
  t.false(addresses.includes('10.0.0.0:8443'))
  t.true(addresses.includes('10.0.1.43:8443'))
})
