import test from 'ava'
import { FLAG } from '../../../src/wire/link/frames.ts'
import { type CallingEnd, callingEnd } from '../../support/link-ends.ts'
import { data, head, ping } from '../../support/link-frames.ts'
import type { MemorySocket } from '../../support/memory-socket.ts'

// A peer that does not answer a PING may be gone. What comes next goes elsewhere long before it is
// given up, and back again when it answers after all.

const GET = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'

async function asks(it: CallingEnd, request = GET) {
  const caller = it.caller()
  await caller.socket.arrive(request)
  return caller
}

async function answer(it: CallingEnd, link: MemorySocket, id: number) {
  await it.send(link, head(id, OK), data(id, 'ok', FLAG.end))
}

/** Time goes by in ticks, and nothing comes. */
async function later(it: CallingEnd, seconds: number) {
  for (let i = 0; i < seconds * 10; i++) {
    it.clock.now += 100
    it.peer.tick(it.clock.now)
    if (i % 10 === 0) for (const socket of it.sockets) await it.send(socket, '')
  }
}

const opened = (it: CallingEnd, link: MemorySocket) =>
  it.framesOf(link).filter(({ type }) => type === 'open').length
const pings = (it: CallingEnd, link: MemorySocket) =>
  it.framesOf(link).filter(({ type }) => type === 'ping').length

/** A link whose peer has one exchange and says nothing. */
async function stuck(it: CallingEnd) {
  const caller = await asks(it)
  const link = it.connect()
  await it.send(link, '')
  return { caller, link }
}

test('a PING goes out when answers are waited for in vain, and not when none are', async (t) => {
  const it = callingEnd()
  const { link } = await stuck(it)
  await later(it, 2)
  t.is(pings(it, link), 0)
  await later(it, 1)
  t.is(pings(it, link), 1)
  await answer(it, link, 1)
  await later(it, 14)
  t.is(pings(it, link), 1)
  await later(it, 2)
  t.is(pings(it, link), 2)
  t.deepEqual(it.endings, [])
})

test('a peer that is slow, but there, keeps its exchanges and gets the next', async (t) => {
  const it = callingEnd()
  const { link, caller } = await stuck(it)
  for (let i = 0; i < 60; i++) {
    await later(it, 1)
    if (pings(it, link) > i / 3) await it.send(link, ping(FLAG.ack))
  }
  await asks(it)
  await it.send(link, '')
  t.is(opened(it, link), 2)
  t.is(it.dials, 0)
  await answer(it, link, 1)
  t.is(caller.socket.sent, `${OK}ok`)
})

test('when the answer to a PING is late the next exchange goes over another link, to another address first', async (t) => {
  const it = callingEnd()
  const { link, caller } = await stuck(it)
  await later(it, 4.5)
  // It is opened before it is needed.
  t.is(it.dials, 1)
  t.deepEqual(it.avoided, ['0 later'])
  const next = await asks(it)
  t.is(opened(it, link), 1)
  const other = it.connect()
  await it.send(other, '')
  await answer(it, other, 1)
  t.is(next.socket.sent, `${OK}ok`)
  await later(it, 5)
  t.deepEqual(it.endings, [])
  t.is(caller.socket.sent, '')
  // What the silent one has may have been acted on: it is not sent again.
  await later(it, 10)
  t.deepEqual(it.endings, ['silent'])
  t.regex(caller.socket.sent, /^HTTP\/1\.1 502 .*upstream-unreachable$/s)
  t.is(opened(it, other), 1)
})

test('when it answers after all, those who wait for another link go over this one', async (t) => {
  const it = callingEnd()
  const { link, caller } = await stuck(it)
  await later(it, 5)
  const waiting = [await asks(it), await asks(it)]
  t.is(opened(it, link), 1)
  await it.send(link, ping(FLAG.ack))
  await it.send(link, '')
  t.is(opened(it, link), 3)
  t.is(it.dials, 0)
  for (const id of [1, 2, 3]) await answer(it, link, id)
  for (const { socket } of [caller, ...waiting]) t.is(socket.sent, `${OK}ok`)
  await asks(it)
  t.is(it.dials, 0)
})

test('an idle link that does not answer costs the first exchange only two seconds of doubt', async (t) => {
  const it = callingEnd()
  const { link } = await stuck(it)
  await answer(it, link, 1)
  await later(it, 10)
  await asks(it)
  await later(it, 0.2)
  t.is(pings(it, link), 1)
  await later(it, 2)
  t.is(it.dials, 1)
})

test('when three links do not answer, no more are opened', async (t) => {
  const it = callingEnd()
  const { link } = await stuck(it)
  await later(it, 4.5)
  const second = it.connect()
  await asks(it)
  await it.send(second, '')
  await later(it, 4.5)
  const third = it.connect()
  await asks(it)
  await it.send(third, '')
  await later(it, 4.5)
  t.is(it.dials, 0)
  await asks(it)
  await it.send(third, '')
  t.is(it.dials, 0)
  t.deepEqual(
    [link, second, third].map((each) => opened(it, each)),
    [1, 1, 2],
  )
})

test('requests that have not left when the link ends go over another one; no others do', async (t) => {
  const it = callingEnd()
  const { link, caller } = await stuck(it)
  // Nothing is taken any more: what comes now stays here.
  link.stalled = true
  const first = await asks(it, 'POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc')
  await it.send(link, '')
  const kept = await asks(it, 'POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ndef')
  await it.send(link, '')
  link.destroy()
  await it.send(link, '')
  t.regex(caller.socket.sent, /^HTTP\/1\.1 502 /)
  t.regex(first.socket.sent, /^HTTP\/1\.1 502 /)
  t.is(kept.socket.sent, '')
  const other = it.connect()
  await it.send(other, '')
  const frames = it.framesOf(other)
  t.is(opened(it, other), 1)
  t.regex(frames[0]?.payload ?? '', /^POST \/c /)
  t.is(
    frames
      .filter(({ type }) => type === 'data')
      .map(({ payload }) => payload)
      .join(''),
    'def',
  )
  await answer(it, other, 1)
  t.is(kept.socket.sent, `${OK}ok`)
  t.is(it.peer.exchanges, 0)
  t.is(it.peer.bufferedBytes, 0)
})
