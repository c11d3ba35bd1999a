import type { Socket } from 'node:net'
import test from 'ava'
import { FLAG } from '../../../src/wire/link/frames.ts'
import { callingEnd } from '../../support/link-ends.ts'
import { data, goaway, head } from '../../support/link-frames.ts'
import type { MemorySocket } from '../../support/memory-socket.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'
const IDLE_MS = 5000

/** Two addresses: connections lead to the one and the other in turn. */
function addresses(sockets: readonly MemorySocket[]) {
  const keyOf = (socket: Socket) => ['a', 'b'][sockets.indexOf(socket as MemorySocket) % 2]!
  return {
    size: 2,
    refresh: () => {},
    keyOf,
    includes: () => true,
    others: (have: ReadonlySet<string>) => ['a', 'b'].filter((each) => !have.has(each)),
    of: () => undefined,
  }
}

test('links to several addresses that carry nothing end, and do not keep each other', async (t) => {
  const it = callingEnd({ idleMs: IDLE_MS }, addresses)
  const caller = it.caller()
  await caller.socket.arrive(GET)
  const first = it.connect()
  await it.send(first, head(1, OK), data(1, 'ok', FLAG.end))
  t.is(caller.socket.sent, `${OK}ok`)
  // The one to the other address comes by itself, some time later.
  const closed = new Set<MemorySocket>()
  let opened = 1
  for (let ms = 0; ms < 20 * IDLE_MS; ms += 100) {
    it.clock.now += 100
    it.peer.tick(it.clock.now)
    if (it.dials > 0 && ms >= IDLE_MS / 2) {
      it.connect()
      opened++
    }
    for (const socket of it.sockets) {
      await it.send(socket, '')
      if (closed.has(socket) || it.framesOf(socket).every(({ type }) => type !== 'goaway')) continue
      closed.add(socket)
      await it.send(socket, goaway())
    }
  }
  t.true(opened >= 2)
  t.true(it.sockets.every(({ destroyed, writableEnded }) => destroyed || writableEnded))
  t.is(it.dials, 0)
})
