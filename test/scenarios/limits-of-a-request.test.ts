import net, { type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import { limitHits, metric, until } from '../support/scenario/metrics.ts'
import {
  ask,
  get,
  ID,
  Installation,
  OK,
  request,
  type Sidecar,
  silence,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// What one caller may send, and how slowly. Every limit is kept, counted, and told in one line; the
// upstream sees not one byte of a head that is refused.

const LIMITS = {
  requestLineBytes: 1000,
  headerBytes: 4000,
  headerCount: 30,
  headMs: 800,
  bodyIdleMs: 1500,
  callerReadIdleMs: 1500,
}
const T = 'X-Okapi-Tenant: diku'

let installation: Installation
let notes: Sidecar

test.before(async () => {
  installation = await Installation.open({
    modules: [ID.notes],
    more: { [ID.notes]: { limits: LIMITS } },
  })
  notes = installation.sidecar(ID.notes)
})
test.beforeEach(() => {
  installation.okapi.forget()
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

/** A request line of so many bytes, without its line end. */
function line(bytes: number): string {
  const [before, after] = ['GET /users?query=', ' HTTP/1.1']
  return before + 'x'.repeat(bytes - before.length - after.length) + after
}

/** A request whose fields, with the empty line, take so many bytes. */
function fields(bytes: number): string {
  const fixed = `Host: somewhere\r\n${T}\r\nX-Long: \r\n\r\n`.length
  return get('/users', T, `X-Long: ${'x'.repeat(bytes - fixed)}`)
}

/** A request with so many field lines. */
function lines(count: number): string {
  return get('/users', T, ...Array.from({ length: count - 2 }, (_, i) => `X-${i}: x`))
}

const HEADS = [
  ['requestLineBytes', '414 too-large', (n: number) => `${line(n)}\r\nHost: a\r\n${T}\r\n\r\n`],
  ['headerBytes', '431 too-large', fields],
  ['headerCount', '431 too-large', lines],
] as const

for (const [limit, verdict, make] of HEADS) {
  test.serial(`${limit}: what reaches it is served, one more is ${verdict}, counted`, async (t) => {
    const most = LIMITS[limit]
    t.is(verdictOf(await ask(installation.egress(ID.notes), make(most))), '200')
    const before = installation.okapi.requests.length
    t.is(before, 1)
    t.is(await limitHits(notes, limit), 0)
    t.is(verdictOf(await ask(installation.egress(ID.notes), make(most + 1))), verdict)
    t.is(await limitHits(notes, limit), 1)
    t.is(installation.okapi.requests.length, before)
  })

  test.serial(`${limit}: a head without an end is refused at the limit, not kept`, async (t) => {
    const talk = new Talk(installation.egress(ID.notes))
    talk.send(make(LIMITS[limit] + 200).slice(0, -100))
    t.is(verdictOf(await talk.next()), verdict)
    t.is(await talk.end(), '')
  })
}

test.serial(
  'headMs: a head that comes byte by byte gets 408 in time, others are served',
  async (t) => {
    const head = get('/users', T, `X-Drip: ${'x'.repeat(3000)}`)
    const drippers = Array.from({ length: 50 }, () => new Talk(installation.egress(ID.notes)))
    const drip = async () => {
      for (let i = 0; i < head.length && drippers.some(({ ended }) => !ended); i++) {
        for (const { socket } of drippers) if (socket.writable) socket.write(head[i]!)
        await pause(10)
      }
    }
    const dripping = drip()
    t.is(verdictOf(await ask(installation.egress(ID.notes), get('/users', T))), '200')
    for (const dripper of drippers) {
      t.is(verdictOf(await dripper.next()), '408 timeout')
      dripper.close()
    }
    await dripping
    t.is(await limitHits(notes, 'headMs'), drippers.length)
    t.is(installation.okapi.requests.length, 1)
  },
)

test.serial('bodyIdleMs: a body that stands still is 408, one that drips is served', async (t) => {
  const before = await limitHits(notes, 'bodyIdleMs')
  const dripping = new Talk(installation.egress(ID.notes))
  dripping.send(request('POST /users', [T, 'Content-Length: 200']))
  const standing = new Talk(installation.egress(ID.notes))
  standing.send(request('POST /users', [T, 'Content-Length: 20'])).send('half')
  let isCut = false
  const cut = standing.next().finally(() => {
    isCut = true
  })
  // The one goes on as long as it takes the other to be cut, and then ends well.
  let sent = 0
  for (; sent < 199 && !isCut; sent++) {
    dripping.send('x')
    await pause(100)
  }
  t.is(verdictOf(await cut), '408 timeout')
  t.is(await standing.end(), '')
  t.is(verdictOf(await dripping.send('x'.repeat(200 - sent)).next()), '200')
  dripping.close()
  t.is(installation.okapi.requests.length, 1)
  t.is(await limitHits(notes, 'bodyIdleMs'), before + 1)
})

test.serial('bodyIdleMs: the body of a refused request is not waited for longer', async (t) => {
  const before = await limitHits(notes, 'bodyIdleMs')
  const talk = new Talk(installation.egress(ID.notes))
  talk.send(request('POST /undeclared', [T, 'Content-Length: 20'])).send('half')
  t.is(verdictOf(await talk.next()), '404 route-not-declared')
  t.is(await talk.end(), '')
  t.is(await limitHits(notes, 'bodyIdleMs'), before + 1)
})

test.serial(
  'callerReadIdleMs: a caller that reads nothing of its answer does not hold it for ever',
  async (t) => {
    const before = await limitHits(notes, 'callerReadIdleMs')
    const gone = Promise.withResolvers<void>()
    installation.okapi.reply = (_request, socket) => {
      socket.on('close', () => gone.resolve())
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
      void pour(socket)
      return null
    }
    const caller = net.connect(installation.egress(ID.notes), '127.0.0.1').pause()
    caller.on('error', () => {})
    caller.write(get('/users', T, 'X-Okapi-Request-Id: takes-nothing'))
    await gone.promise
    const told = await notes.exchange('takes-nothing')
    t.is(told.status, 200)
    t.is(told.reason, 'timeout')
    t.is(await limitHits(notes, 'callerReadIdleMs'), before + 1)
    await until(async () => (await metric(notes, 'sidecar_buffered_bytes')) === 0)
    caller.destroy()
  },
)

/** Writes for as long as it is read. */
async function pour(socket: Socket): Promise<void> {
  const piece = Buffer.alloc(65_536)
  while (!socket.destroyed) {
    if (socket.write(piece)) await new Promise(setImmediate)
    else await moved(socket)
  }
}

/** It may be written to again, or never more. */
function moved(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('drain', resolve)
    socket.once('close', () => resolve())
  })
}

test.serial('callerReadIdleMs: requests without end, and no answer of them is read', async (t) => {
  const before = await limitHits(notes, 'callerReadIdleMs')
  const caller = net.connect(installation.egress(ID.notes), '127.0.0.1').pause()
  caller.on('error', () => {})
  const many = get('/undeclared', T).repeat(500)
  let most = 0
  const watch = async () => {
    while (!caller.destroyed) {
      most = Math.max(most, await metric(notes, 'sidecar_buffered_bytes'))
      await pause(20)
    }
  }
  const watching = watch()
  while (!caller.destroyed) {
    if (caller.write(many)) await new Promise(setImmediate)
    else await moved(caller)
  }
  await watching
  // Its answers, half a read of its requests, and one read that Node may hold: not what it has sent.
  t.true(most > 0)
  t.true(most <= 4 * 65_536, `${most}`)
  t.is(await limitHits(notes, 'callerReadIdleMs'), before + 1)
})

test.serial('one log line and one count for each exchange, however it ended', async (t) => {
  const talk = new Talk(installation.egress(ID.notes))
  talk.send(get('/users', T, 'X-Okapi-Request-Id: the-last-of-all'))
  await talk.next()
  talk.close()
  await notes.exchange('the-last-of-all')
  const told = notes.lines.filter(({ msg }) => msg === 'exchange')
  let counted = 0
  for (const status of ['none', '1xx', '2xx', '3xx', '4xx', '5xx']) {
    const labels = `direction="egress",status_class="${status}"`
    counted += await metric(notes, `sidecar_requests_total{${labels}}`)
  }
  t.is(told.length, counted)
  t.true(counted > 60)
})

test.serial('idleMs: an unused connection is closed without an answer', async (t) => {
  const place = installation.place
  const gateway = `https://127.0.0.1:${installation.cable.port}`
  const egress = { listen: '127.0.0.1:0', gateway }
  const short = await place.sidecar(ID.notes, { egress, limits: { idleMs: 300 } })
  t.teardown(() => short.stop())
  t.is(await silence(short.port('egress'), ''), '')
  const used = new Talk(short.port('egress')).send(get('/users', T))
  t.is(verdictOf(await used.next()), '200')
  t.is(await used.end(), '')
  t.is(used.broke, undefined)
  t.is(await limitHits(short, 'idleMs'), 2)
})

test.serial('connectionMaxAgeMs: an old connection gets its answer, and no other', async (t) => {
  const egress = { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${installation.cable.port}` }
  const aging = await installation.place.sidecar(ID.notes, {
    egress,
    limits: { connectionMaxAgeMs: 1500 },
  })
  t.teardown(() => aging.stop())
  const talk = new Talk(aging.port('egress'))
  let answers = 0
  for (let last = false; !last; answers++) {
    const answered = await talk.send(get('/users', T)).next()
    t.is(verdictOf(answered), '200')
    last = answered.lines.includes('Connection: close')
    await pause(10)
  }
  t.true(answers > 1)
  t.is(await talk.end(), '')
  t.is(talk.broke, undefined)
  t.true((await limitHits(aging, 'connectionMaxAgeMs')) >= 1)
})
