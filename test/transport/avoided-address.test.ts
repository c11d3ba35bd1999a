import test from 'ava'
import type { CoarseClock } from '../../src/transport/clock.ts'
import { Dialer } from '../../src/transport/dial.ts'
import { dialerTo, dialOnce } from './peers.ts'
import { record, users, wanted } from './upstreams.ts'

// What a connection says of its address, and for how long it is believed.

for (const [how, seconds] of [
  ['later', 1],
  ['leaving', 15],
  ['rest', 15],
] as const) {
  test(`an address that is avoided (${how}) is offered again after ${seconds} s`, async (t) => {
    const server = await record(users, 'here')
    const clock = { now: 0, watch() {}, unwatch() {} } as unknown as CoarseClock
    const dialer = new Dialer(dialerTo([server.port], wanted(), { clock }))
    const { socket } = await dialOnce(dialer)
    const first = dialer.addresses.keyOf(socket!)
    dialer.avoid(socket!, how)
    const offered = () => dialer.addresses.others(new Set(), 8).includes(first)
    Object.assign(clock, { now: seconds * 1000 - 1 })
    t.false(offered())
    Object.assign(clock, { now: seconds * 1000 })
    t.true(offered())
    socket?.destroy()
    await server.close()
  })
}
