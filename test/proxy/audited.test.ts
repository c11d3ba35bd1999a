import test from 'ava'
import type { AuditEntry } from '../../src/audit/entry.ts'
import type { Announced, AuditWriter } from '../../src/audit/trail.ts'
import { type Allow, type Decision, deny } from '../../src/policy/decision.ts'
import { AuditedExchanges, auditKind } from '../../src/proxy/audited.ts'
import { memoryListener, OpenPolicy } from '../support/listeners.ts'
import { settled } from '../support/memory-socket.ts'
import { until } from '../support/patience.ts'

/** Keeps entries, and says what becomes of those that are announced when the test does. */
class Trail implements AuditWriter {
  readonly blocks: boolean
  readonly entries: AuditEntry[] = []
  readonly waiting: Announced[] = []

  constructor(blocks = true) {
    this.blocks = blocks
  }

  announce(entry: AuditEntry, done: Announced): void {
    this.entries.push(entry)
    this.waiting.push(done)
  }

  add(entry: AuditEntry): void {
    this.entries.push(entry)
  }

  /** The next one that waits is written, under this number, or is not. */
  async tell(seq: number, written: boolean): Promise<void> {
    this.waiting.shift()!(seq, written)
    await settled()
  }
}

const HIGH = { sensitivity: 'high' } as const
const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: x\r\nX-Okapi-Tenant: a\r\n\r\n`
const post = (body: string) =>
  `POST /a HTTP/1.1\r\nHost: x\r\nX-Okapi-Tenant: a\r\nContent-Length: 10\r\n\r\n${body}`
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

function listenerWith(trail: Trail, decision: () => Partial<Allow> | Decision = () => HIGH) {
  const policy = new OpenPolicy()
  policy.decide = decision
  return memoryListener('okapi', {
    policy,
    audited: new AuditedExchanges(trail, { secret: 'high' }),
  })
}

/** What stands in a trail, in short. */
const told = ({ entries }: Trail) =>
  entries.map(({ phase, of, status, outcome, reason }) =>
    [phase, of, status, outcome, reason].filter((each) => each !== undefined).join(' '),
  )

test('not one byte goes on before the entry is written, and the body comes after', async (t) => {
  const trail = new Trail()
  const { socket, pool } = listenerWith(trail)
  await socket.arrive(post('12345'))
  await socket.arrive('678')
  t.is(pool.dials, 0)
  t.deepEqual(told(trail), ['began'])
  await trail.tell(7, true)
  const upstream = pool.connect()
  await settled()
  t.regex(upstream.sent, /^POST \/a HTTP\/1\.1\r\n.*\r\n\r\n12345678$/s)
  await socket.arrive('90')
  t.true(upstream.sent.endsWith('1234567890'))
  await pool.answer(upstream, OK)
  t.true(socket.sent.endsWith('ok'))
  t.deepEqual(told(trail), ['began', 'ended 7 200 answered'])
})

test('the same over a connection that is there already, and for a pipeline', async (t) => {
  const trail = new Trail()
  const { socket, pool } = listenerWith(trail)
  await socket.arrive(get('/a'))
  await trail.tell(1, true)
  const upstream = pool.connect()
  await pool.answer(upstream, OK)
  await socket.arrive(get('/b') + get('/c'))
  t.is(trail.waiting.length, 1)
  await trail.tell(3, true)
  t.regex(upstream.sent, /GET \/b HTTP/)
  t.notRegex(upstream.sent, /GET \/c HTTP/)
  await pool.answer(upstream, OK)
  await trail.tell(5, true)
  t.regex(upstream.sent, /GET \/c HTTP/)
  await pool.answer(upstream, OK)
  t.is(socket.sent.match(/200 OK/g)?.length, 3)
  t.deepEqual(told(trail), [
    ...['began', 'ended 1 200 answered', 'began', 'ended 3 200 answered'],
    ...['began', 'ended 5 200 answered'],
  ])
})

test('what cannot be written is refused, and says so in the trail only where it has a place', async (t) => {
  for (const seq of [0, 4]) {
    const trail = new Trail()
    const { socket, pool, told: log } = listenerWith(trail)
    await socket.arrive(get('/a'))
    await trail.tell(seq, false)
    t.regex(socket.sent, /^HTTP\/1\.1 503 .*X-Sidecar-Refused: audit-unavailable\r\n/s)
    t.regex(socket.sent, /\r\nRetry-After: \d+\r\n/)
    t.is(pool.dials, 0)
    t.is(log[0]?.reason, 'audit-unavailable')
    t.deepEqual(told(trail).slice(1), seq === 0 ? [] : ['ended 4 503 refused audit-unavailable'])
    socket.destroy()
  }
})

test('a refusal at once, within the announcement, leaves the connection usable', async (t) => {
  const trail = new Trail()
  trail.announce = (entry, done) => {
    trail.entries.push(entry)
    done(0, false)
  }
  const { socket } = listenerWith(trail)
  await socket.arrive(get('/a') + get('/b'))
  await until(() => socket.sent.match(/503 /g)?.length === 2)
  await socket.arrive(get('/c'))
  await until(() => socket.sent.match(/503 /g)?.length === 3)
  t.is(trail.entries.length, 3)
})

test('a caller that goes away while its entry is written: nothing goes on, its end has an entry', async (t) => {
  for (const written of [true, false]) {
    const trail = new Trail()
    const { socket, pool } = listenerWith(trail)
    await socket.arrive(post('12'))
    socket.destroy()
    await settled()
    t.deepEqual(told(trail), ['began'])
    await trail.tell(9, written)
    t.is(pool.dials, 0)
    t.deepEqual(told(trail), ['began', 'ended 9 0 caller-gone'])
  }
})

test('a body that is broken in the same read: nothing is announced, the refusal has one entry', async (t) => {
  const trail = new Trail()
  const { socket, pool } = listenerWith(trail)
  const head =
    'POST /a HTTP/1.1\r\nHost: x\r\nX-Okapi-Tenant: a\r\nTransfer-Encoding: chunked\r\n\r\n'
  await socket.arrive(`${head}3\r\nabc\r\nzz\r\n`)
  t.regex(socket.sent, /^HTTP\/1\.1 400 /)
  t.is(pool.dials, 0)
  t.deepEqual(told(trail), ['400 refused malformed-request'])
})

test('where it is only counted the exchange does not wait, and has one entry', async (t) => {
  const trail = new Trail(false)
  const { socket, pool } = listenerWith(trail)
  await socket.arrive(get('/a'))
  t.is(trail.entries.length, 0)
  await pool.answer(pool.connect(), OK)
  t.deepEqual(told(trail), ['200 answered'])
  t.is(trail.waiting.length, 0)
})

test('what is not sensitive, and opened by no grant, has no entry', async (t) => {
  for (const blocks of [true, false]) {
    const trail = new Trail(blocks)
    const { socket, pool } = listenerWith(trail, () => ({ sensitivity: 'low' }))
    await socket.arrive(get('/a'))
    await pool.answer(pool.connect(), OK)
    t.true(socket.sent.endsWith('ok'))
    t.deepEqual(trail.entries, [])
  }
})

test('no path, query, header or body is in an entry, and a token is masked', async (t) => {
  const trail = new Trail(false)
  const { socket, pool } = listenerWith(trail)
  const lines = 'X-Okapi-Request-Id: 1/eyJhbGciOiJIUzI1NiJ9.e30.x\r\nCookie: c=topsecret\r\n'
  await socket.arrive(get('/topsecret?q=topsecret').replace('\r\n\r\n', `\r\n${lines}\r\n`))
  await pool.answer(pool.connect(), OK)
  t.is(trail.entries.length, 1)
  t.notRegex(JSON.stringify(trail.entries), /topsecret|eyJ/)
  t.is(trail.entries[0]!['requestId'], '[masked]')
})

/** A decision of this shape. */
function decision(more: Partial<Allow>): Allow {
  return {
    ...{ caller: 'a', at: 'okapi', provider: null, interface: null, route: null, routePattern: '' },
    ...{ because: '', allow: true, sensitivity: 'regular', system: false, health: false },
    rule: { kind: 'requires', file: 'a.json', pointer: '/0' },
    step: null as never,
    ...more,
  }
}

test('the kind of an entry follows from the decision', (t) => {
  const grant = { kind: 'grant', file: 'grants.yaml', pointer: '/0' } as const
  const builtIn = { kind: 'grant', file: null, pointer: null } as const
  const tenant = { id: '_tenant', version: '2.0' }
  const asked = { caller: 'a', at: 'okapi', method: 'GET', path: '/a', route: null }
  const secret = { interface: { id: 'secret', version: '1.0' } }
  const refused = deny(asked, 'interface-not-required', 'no')
  for (const [kind, made] of [
    [undefined, decision({})],
    [undefined, decision({ sensitivity: 'low' })],
    [undefined, decision({ rule: builtIn, routePattern: '/_/version' })],
    [undefined, decision({ system: true, interface: { id: '_timer', version: '1.0' } })],
    [undefined, decision({ interface: tenant })],
    ['exchange', decision({ sensitivity: 'high' })],
    ['exchange', decision({ sensitivity: 'high', rule: grant })],
    ['grant', decision({ rule: grant, routePattern: '/tags' })],
    ['administration', decision({ rule: grant, routePattern: '/_/proxy/modules' })],
    ['administration', decision({ system: true, interface: tenant })],
    [undefined, refused],
    ['exchange', { ...refused, ...secret }],
    ['administration', deny(asked, 'admin-route', 'no')],
  ] as const) {
    t.is(auditKind(made, new Set(['secret'])), kind, JSON.stringify(made))
  }
})
