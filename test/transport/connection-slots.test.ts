import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import test from 'ava'
import { originOf } from '../../src/transport/address.ts'
import { ConnectionSlots } from '../../src/transport/connection-slots.ts'

/** As much of a socket as a slot looks at: no machine has thousands of addresses to come from. */
class Visitor extends EventEmitter {
  readonly remoteAddress: string
  destroyed = false

  constructor(remoteAddress: string) {
    super()
    this.remoteAddress = remoteAddress
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }
}

function come(slots: ConnectionSlots, address: string) {
  const visitor = new Visitor(address)
  return { visitor, slot: slots.add(visitor as unknown as Socket) }
}

test('one address that floods closes its own connections only', (t) => {
  const slots = new ConnectionSlots({ connections: 1, pendingConnections: 63 })
  const others = Array.from({ length: 16 }, (_, i) => come(slots, `10.0.0.${i}`))
  const flood = Array.from({ length: 5000 }, () => come(slots, '192.0.2.1'))
  t.true(others.every(({ visitor }) => !visitor.destroyed))
  t.is(flood.filter(({ visitor }) => !visitor.destroyed).length, 48)
  t.is(slots.open, 64)
})

test('a flood from many addresses closes its own oldest, not those of an address that has more', (t) => {
  const slots = new ConnectionSlots({ connections: 100, pendingConnections: 100 })
  const flood = Array.from({ length: 200 }, (_, i) => come(slots, `10.1.${i >> 8}.${i & 255}`))
  // A load balancer: all its callers have its address, and each goes on before twenty more have come.
  const underway: ReturnType<typeof come>[] = []
  for (let i = 0; i < 1000; i++) {
    underway.push(come(slots, '192.0.2.1'))
    flood.push(come(slots, `10.2.${i >> 8}.${i & 255}`))
    if (underway.length <= 20) continue
    const { visitor, slot } = underway.shift()!
    t.false(visitor.destroyed)
    t.true(slot.settle())
    visitor.destroy()
  }
  // All but the one that left last.
  t.is(slots.open, 199)
})

test('a pod that floods closes its own connections, not those of the pods that share its /64', (t) => {
  const slots = new ConnectionSlots({ connections: 1, pendingConnections: 63 })
  const others = Array.from({ length: 16 }, (_, i) => come(slots, `fd00:10:244::${i + 2}`))
  const flood = Array.from({ length: 5000 }, () => come(slots, 'fd00:10:244::ff'))
  t.true(others.every(({ visitor }) => !visitor.destroyed))
  t.is(flood.filter(({ visitor }) => !visitor.destroyed).length, 48)
})

test('one machine that floods from all addresses of its /64 closes its own connections only', (t) => {
  const slots = new ConnectionSlots({ connections: 1, pendingConnections: 63 })
  const others = Array.from({ length: 16 }, (_, i) => come(slots, `2001:db8:0:${i}::1`))
  const flood = Array.from({ length: 5000 }, (_, i) => {
    return come(slots, `2001:db8:0:ffff::${i.toString(16)}`)
  })
  t.true(others.every(({ visitor }) => !visitor.destroyed))
  t.is(flood.filter(({ visitor }) => !visitor.destroyed).length, 48)
  t.is(slots.open, 64)
})

test('an idle connection may be closed again, after those that were pending before', (t) => {
  const slots = new ConnectionSlots({ connections: 1, pendingConnections: 2 })
  const [a, b, c] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => come(slots, address))
  t.true(a!.slot.settle())
  t.false(b!.slot.settle())
  a!.slot.rest()
  t.true(b!.slot.settle())
  t.is(slots.of(a!.visitor as unknown as Socket), a!.slot)
  t.true(slots.evict())
  t.deepEqual(
    [a, b, c].map((one) => one!.visitor.destroyed),
    [false, false, true],
  )
  t.true(slots.evict())
  t.false(slots.evict())
  t.deepEqual(
    [a, b, c].map((one) => one!.visitor.destroyed),
    [true, false, true],
  )
  // Of one that is gone nothing comes back.
  a!.slot.rest()
  t.false(a!.slot.settle())
  t.is(slots.open, 1)
  b!.visitor.destroy()
  b!.slot.rest()
  t.is(slots.open, 0)
})

test('a caller gets its share of the places, and others find theirs', (t) => {
  const slots = new ConnectionSlots({ connections: 1000, pendingConnections: 100 })
  const greedy = Array.from({ length: 1000 }, () => come(slots, '192.0.2.1').slot.settle())
  // 21 of 32, as docs/limits.md says.
  t.is(greedy.filter(Boolean).length, 657)
  const refused = come(slots, '192.0.2.1').slot
  t.false(refused.settle())
  t.true(refused.overShare)
  t.is(refused.ofCaller, 657)
  const late = Array.from({ length: 1000 }, () => come(slots, '2001:db8::1').slot.settle())
  t.is(late.filter(Boolean).length, 164)
  for (let i = 0; i < 60; i++) {
    t.true(come(slots, `10.0.0.${i}`).slot.settle())
    t.true(come(slots, `10.0.0.${i}`).slot.settle())
  }
})

test('the one caller of a loopback listener has all places', (t) => {
  const slots = new ConnectionSlots({ connections: 100, pendingConnections: 10 }, {}, true)
  for (let i = 0; i < 100; i++) t.true(come(slots, '127.0.0.1').slot.settle())
  const { slot } = come(slots, '127.0.0.1')
  t.false(slot.settle())
  t.false(slot.overShare)
})

test('whose identity is proven has one share, wherever it comes from', (t) => {
  const slots = new ConnectionSlots({ connections: 100, pendingConnections: 100 })
  const settled = Array.from({ length: 100 }, (_, i) => {
    const { slot } = come(slots, `10.0.0.${i}`)
    slot.caller = 'mod-tags-3.1.0'
    return slot.settle()
  })
  t.is(settled.filter(Boolean).length, 66)
  t.true(come(slots, '10.0.0.1').slot.settle())
})

/** It has settled, and is idle since then, as its server says. */
function idle(slots: ConnectionSlots, address: string, idleSince: number | null) {
  const one = come(slots, address)
  const { visitor, slot } = one
  slot.served = { idleSince, giveWay: () => visitor.destroy() }
  return { ...one, settled: slot.settle() }
}

test('the oldest idle connection of the caller with the most gives its place to another caller', (t) => {
  let gaveWay = 0
  const events = { gaveWay: () => gaveWay++ }
  const slots = new ConnectionSlots({ connections: 8, pendingConnections: 8 }, events)
  const many = [30, 10, 20, null].map((since) => idle(slots, '10.0.0.1', since))
  const few = [5, 6].map((since) => idle(slots, '10.0.0.2', since))
  t.true([...many, ...few].every(({ settled }) => settled))
  t.is(gaveWay, 0)
  const one = idle(slots, '10.0.0.3', null)
  const two = idle(slots, '10.0.0.3', null)
  t.true(one.settled && two.settled)
  t.is(gaveWay, 1)
  t.deepEqual(
    many.map(({ visitor }) => visitor.destroyed),
    [false, true, false, false],
  )
  t.false(few.some(({ visitor }) => visitor.destroyed))
})

test('a caller beyond its share gives up the oldest idle one of its own, and nothing in use', (t) => {
  const slots = new ConnectionSlots({ connections: 8, pendingConnections: 8 })
  const own = [null, 2, 1, null, null, null, null].map((since) => idle(slots, '10.0.0.1', since))
  const settled = own.filter((each) => each.settled)
  t.is(settled.length, 6 + 1)
  t.deepEqual(
    own.map(({ visitor }) => visitor.destroyed),
    [false, false, true, false, false, false, false],
  )
  t.true(idle(slots, '10.0.0.1', null).settled)
  t.true(own[1]?.visitor.destroyed)
  t.false(idle(slots, '10.0.0.1', null).settled)
  t.true(idle(slots, '10.0.0.2', null).settled)
})

for (const [address, network] of [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['2001:db8::1:0:0:9', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['1:2:3::', '1:2:3:0::/64'],
  ['::9:8:7:6:5:4:3', '0:9:8:7::/64'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
  ['', ''],
] as const) {
  test(`the network of ${address || 'no address'} is ${network || 'none'}`, (t) => {
    t.is(originOf(address).network, network)
  })
}
