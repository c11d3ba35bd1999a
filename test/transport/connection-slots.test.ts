import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import test from 'ava'
import { networkOf } from '../../src/transport/address.ts'
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

test('what rests may be closed again, after those that came before', (t) => {
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
  test(`the network of ${address || 'nobody'} is ${network || 'none'}`, (t) => {
    t.is(networkOf(address), network)
  })
}
