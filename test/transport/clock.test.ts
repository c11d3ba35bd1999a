import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import test from 'ava'
import { CoarseClock } from '../../src/transport/clock.ts'

test('what is watched is asked at every tick with the new time, until it is unwatched', (t) => {
  const clock = new CoarseClock(3_600_000)
  const seen: number[] = []
  const thing = { tick: (now: number) => seen.push(now) }
  clock.watch(thing)
  clock.watch(thing)
  t.is(clock.size, 1)
  clock.tick()
  clock.tick()
  t.is(seen.length, 2)
  t.true((seen[0] ?? 0) <= (seen[1] ?? 0))
  t.is(seen[1], clock.now)
  clock.unwatch(thing)
  clock.tick()
  t.is(seen.length, 2)
  clock.stop()
})

test('things may unwatch themselves and others while they are asked', (t) => {
  const clock = new CoarseClock(3_600_000)
  const asked: string[] = []
  const second = { tick: () => asked.push('second') }
  const first = {
    tick: () => {
      asked.push('first')
      clock.unwatch(first)
      clock.unwatch(second)
    },
  }
  clock.watch(first)
  clock.watch(second)
  clock.tick()
  clock.tick()
  t.deepEqual(asked, ['first'])
  t.is(clock.size, 0)
  clock.stop()
})

test('the clock ticks by itself until it is stopped', async (t) => {
  const clock = new CoarseClock(1)
  const began = clock.now
  // The clock does not keep a process alive.
  const alive = setInterval(() => {}, 1000)
  await new Promise<void>((resolve) => clock.watch({ tick: () => resolve() }))
  clearInterval(alive)
  t.true(clock.now >= began)
  clock.stop()
  t.is(clock.size, 0)
})

test('waiting input is read before the deadlines are looked at', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const caller = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [served] = (await once(server, 'connection')) as [Socket]
  const order: string[] = []
  const clock = new CoarseClock(1)
  const asked = new Promise<void>((resolve) => {
    served.on('data', () => order.push('read'))
    caller.write('bytes', () => {
      clock.watch({
        tick: () => {
          order.push('asked')
          resolve()
        },
      })
      // The event loop stands still until the interval is long over, with the bytes in the kernel.
      const until = clock.now + 50
      while (performance.now() < until);
    })
  })
  await asked
  t.deepEqual(order, ['read', 'asked'])
  clock.stop()
  caller.destroy()
  served.destroy()
  server.close()
})
