import test from 'ava'
import fc from 'fast-check'
import { FLAG, RESET } from '../../../src/wire/link/frames.ts'
import { SpareStreams } from '../../../src/wire/link/spare-streams.ts'
import { type CallingEnd, callingEnd } from '../../support/link-ends.ts'
import { data, goaway, head, reset } from '../../support/link-frames.ts'
import { type MemorySocket, settled } from '../../support/memory-socket.ts'

test('the one that was used last comes first, each once', (t) => {
  const spare = new SpareStreams<string>()
  t.is(spare.take(), undefined)
  spare.give('a')
  spare.give('b')
  t.is(spare.take(), 'b')
  t.is(spare.take(), 'a')
  t.is(spare.take(), undefined)
})

test('no stream is out twice, and what was not needed for ten seconds is given up', (t) => {
  const steps = fc.array(fc.constantFrom('take', 'give', 'tick'), { maxLength: 300 })
  fc.assert(
    fc.property(steps, (all) => {
      const spare = new SpareStreams<number>()
      const out = new Set<number>()
      let made = 0
      let now = 0
      for (const step of all) {
        now += 1000
        if (step === 'tick') spare.tick(now)
        else if (step === 'take') {
          const stream = spare.take() ?? made++
          if (out.has(stream)) throw new Error('it serves two exchanges')
          out.add(stream)
        } else {
          const [stream] = out
          if (stream === undefined) continue
          out.delete(stream)
          spare.give(stream)
        }
      }
      spare.tick(now + 10_000)
      spare.tick(now + 20_000)
      if (spare.take() !== undefined) throw new Error('it is kept without need')
    }),
  )
  t.pass()
})

test('all are needed again after a while in which none were: they are still there', (t) => {
  const spare = new SpareStreams<number>()
  spare.tick(20_000)
  for (let i = 0; i < 9; i++) spare.give(i)
  for (let now = 20_100; now < 30_000; now += 100) spare.tick(now)
  t.is(spare.take(), 8)
  spare.give(8)
  spare.tick(30_000)
  t.is(spare.take(), 8)
})

test('no more are kept than may be of use', (t) => {
  const spare = new SpareStreams<number>()
  for (let i = 0; i < 1000; i++) spare.give(i)
  let kept = 0
  while (spare.take() !== undefined) kept++
  t.is(kept, 256)
})

const POST = 'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf '
const GET = 'GET /b HTTP/1.1\r\nHost: x\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'
const LONG = 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n'

type Caller = ReturnType<CallingEnd['caller']>

/** How the exchange before ends, and what may be left of it in its stream. */
const BEFORE: Readonly<
  Record<string, (it: CallingEnd, link: MemorySocket, caller: Caller) => Promise<unknown>>
> = {
  'a whole answer': (it, link) => it.send(link, head(1, OK), data(1, 'ok', FLAG.end)),
  'an answer to half a request': (it, link) => it.send(link, head(1, OK, FLAG.end)),
  'a cut in the body': (it, link) =>
    it.send(link, head(1, LONG), data(1, 'x'.repeat(4000)), reset(1, RESET.failed)),
  'a refusal of the peer': (it, link) => it.send(link, reset(1, RESET.refused)),
  'a broken head': (it, link) => it.send(link, head(1, 'HTTP/1.1 200\n\n')),
  'an interim head that came last': (it, link) =>
    it.send(link, head(1, 'HTTP/1.1 103 Early Hints\r\n\r\n', FLAG.info), reset(1, RESET.failed)),
  'a caller that went': async (_it, _link, caller) => {
    caller.socket.destroy()
    await settled()
    await settled()
  },
}

for (const [what, ends] of Object.entries(BEFORE)) {
  test(`a stream that is used again knows nothing of the exchange before: ${what}`, async (t) => {
    const it = callingEnd()
    const first = it.caller()
    await first.socket.arrive(POST)
    const link = it.connect()
    await it.send(link, '')
    await ends(it, link, first)
    t.is(it.peer.exchanges, 0)
    t.is(it.peer.bufferedBytes, 0)

    const next = it.caller()
    await next.socket.arrive(GET)
    const opened = it.framesOf(link).filter(({ id }) => id === 2)
    t.deepEqual(
      opened.map(({ type, flags }) => [type, flags]),
      [['open', FLAG.end]],
    )
    t.true(opened[0]!.payload.startsWith('GET /b HTTP/1.1\r\n'))
    // Late frames of the one before reach no exchange.
    await it.send(link, head(2, OK), data(2, 'ok', FLAG.end))
    t.is(next.socket.sent, `${OK}ok`)
    t.is(it.peer.bufferedBytes, 0)
  })
}

test('behind a whole request the next one is not taken for whole, and has all its credit', async (t) => {
  const it = callingEnd()
  const first = it.caller()
  const body = 'x'.repeat(30_000)
  await first.socket.arrive(
    `POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  const link = it.connect()
  await it.send(link, head(1, OK), data(1, 'ok', FLAG.end))

  const next = it.caller()
  await next.socket.arrive(
    `POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length + 4}\r\n\r\n${body}`,
  )
  const sent = () => it.framesOf(link).filter(({ id }) => id === 2)
  const ended = () => sent().some(({ type, flags }) => type === 'end' || (flags & FLAG.end) !== 0)
  t.false(ended())
  await next.socket.arrive('rest')
  await it.send(link, '')
  t.true(ended())
  const bodies = sent().filter(({ type }) => type === 'data')
  t.is(bodies.map(({ payload }) => payload).join(''), `${body}rest`)
  await it.send(link, head(2, OK), data(2, 'ok', FLAG.end))
  t.is(next.socket.sent, `${OK}ok`)
})

test('a later exchange that is given back is sent once more with its whole body', async (t) => {
  const it = callingEnd()
  const first = it.caller()
  await first.socket.arrive(GET)
  const link = it.connect()
  await it.send(link, head(1, OK), data(1, 'ok', FLAG.end))
  const next = it.caller()
  await next.socket.arrive('POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nwhole')
  await it.send(link, reset(2, RESET.undelivered))
  const other = it.connect()
  await it.send(other, '')
  const [opened, body] = it.framesOf(other).filter(({ id }) => id === 1)
  t.true(opened!.payload.startsWith('POST /b '))
  t.is(body?.payload, 'whole')
  await it.send(other, head(1, OK), data(1, 'ok', FLAG.end))
  t.is(next.socket.sent, `${OK}ok`)
})

test('one that was given back and found no other peer is used again as if new', async (t) => {
  const it = callingEnd()
  const first = it.caller()
  await first.socket.arrive(GET)
  const link = it.connect()
  await it.send(link, goaway(), reset(1, RESET.undelivered))
  first.socket.destroy()
  await settled()
  const next = it.caller()
  await next.socket.arrive('GET /c HTTP/1.1\r\nHost: x\r\n\r\n')
  const other = it.connect()
  await it.send(other, '')
  const heads = it.framesOf(other).filter(({ type }) => type === 'open')
  t.is(heads.length, 1)
  t.true(heads[0]!.payload.startsWith('GET /c '))
  await it.send(other, head(1, OK), data(1, 'ok', FLAG.end))
  t.is(next.socket.sent, `${OK}ok`)
})
