import test from 'ava'
import fc from 'fast-check'
import {
  AccessLog,
  type AccessRecord,
  type Called,
  type Calling,
  called,
  calling,
} from '../../src/observe/access.ts'
import { anyText } from '../support/texts.ts'

type Line = Omit<AccessRecord, 'calling' | 'called'> & Calling & Called

const ALLOWED: Line = {
  timeMs: Date.UTC(2026, 10, 22, 1, 2, 3, 4),
  direction: 'ingress',
  caller: 'mod-notes-5.0.0',
  peer: '10.0.0.7:41234',
  at: 'okapi-7.2.0',
  method: 'GET',
  route: '/users/{id}',
  interface: 'users',
  provider: 'mod-users-19.7.0',
  onBehalfOf: '',
  status: 200,
  reason: '',
  refusedBeyond: '',
  because: '',
  rule: 'requires users 16.0',
  wouldDeny: '',
  audit: 'high',
  userId: '3b2a',
  upstream: 'mod-users-19.7.0',
  tenant: 'diku',
  requestId: '123456/users',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  bytesIn: 0,
  bytesOut: 1234,
  judgeMicros: 0.25,
  connectMs: -1,
  firstByteMs: 4.12345,
  totalMs: 5,
}

function record(line: Line): AccessRecord {
  return { ...line, calling: calling(line), called: called(line) }
}

function accessLine(line: Line): string {
  const lines: string[] = []
  const log = new AccessLog({ write: (text) => lines.push(String(text)) })
  log.write(record(line))
  log.flush()
  return lines.join('')
}

test('a line says everything that is known, and nothing that is not', (t) => {
  t.deepEqual(JSON.parse(accessLine(ALLOWED)), {
    level: 'info',
    time: '2026-11-22T01:02:03.004Z',
    msg: 'exchange',
    direction: 'ingress',
    caller: 'mod-notes-5.0.0',
    peer: '10.0.0.7:41234',
    at: 'okapi-7.2.0',
    method: 'GET',
    route: '/users/{id}',
    interface: 'users',
    provider: 'mod-users-19.7.0',
    status: 200,
    rule: 'requires users 16.0',
    audit: 'high',
    userId: '3b2a',
    upstream: 'mod-users-19.7.0',
    tenant: 'diku',
    requestId: '123456/users',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    bytesIn: 0,
    bytesOut: 1234,
    judgeMicros: 0.25,
    firstByteMs: 4.123,
    totalMs: 5,
  })
})

test('a refusal adds its reason and sentence', (t) => {
  const line = accessLine({
    ...ALLOWED,
    reason: 'admin-route',
    because: 'no',
    wouldDeny: 'admin-route',
    refusedBeyond: 'too-many',
  })
  const { reason, refusedBeyond, because, wouldDeny } = JSON.parse(line)
  t.deepEqual(
    [reason, refusedBeyond, because, wouldDeny],
    ['admin-route', 'too-many', 'no', 'admin-route'],
  )
})

test('whatever the texts and numbers, it is one line of ASCII and of JSON', (t) => {
  const text = anyText
  const number = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger())
  const hostileLine = fc.record({
    caller: text,
    peer: text,
    at: text,
    method: text,
    route: text,
    because: text,
    rule: text,
    tenant: text,
    requestId: text,
    traceId: text,
    timeMs: number,
    status: number,
    bytesIn: number,
    bytesOut: number,
    judgeMicros: number,
    connectMs: number,
    firstByteMs: number,
    totalMs: number,
  })
  fc.assert(
    fc.property(hostileLine, (hostile) => {
      const line = accessLine({ ...ALLOWED, ...hostile })
      t.regex(line, /^[\x20-\x7e]+\n$/)
      const parsed: Partial<Line> & { msg?: string } = JSON.parse(line)
      t.is(parsed.msg, 'exchange')
      t.is(parsed.direction, 'ingress')
      for (const key of ['caller', 'route', 'rule'] as const) {
        if (hostile[key].length <= 512) t.is(parsed[key] ?? '', hostile[key])
      }
    }),
    { numRuns: 2000 },
  )
})

test('numbers are written unchanged, times to the microsecond', (t) => {
  const powers = [
    0,
    1,
    9,
    10,
    99,
    100,
    999,
    1000,
    9999,
    10_000,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    1e15,
  ]
  const whole = fc.oneof(fc.constantFrom(...powers), fc.nat(), fc.maxSafeInteger().map(Math.abs))
  const time = fc.oneof(
    fc.constantFrom(...powers),
    fc.constantFrom(0.0004, 0.0005, 0.999, 0.9996, 9.9994, 2_147_483.646, 2_147_483.648),
    fc.double({ min: 0, max: 2_147_483, noNaN: true }),
  )
  fc.assert(
    fc.property(whole, whole, time, time, (bytesIn, bytesOut, firstByteMs, totalMs) => {
      const line = JSON.parse(accessLine({ ...ALLOWED, bytesIn, bytesOut, firstByteMs, totalMs }))
      t.deepEqual([line.bytesIn, line.bytesOut], [bytesIn, bytesOut])
      const exact = (ms: number) =>
        ms * 1000 < 2 ** 31 - 1 ? Math.round(ms * 1000) / 1000 : Math.trunc(ms)
      t.deepEqual([line.firstByteMs, line.totalMs], [exact(firstByteMs), exact(totalMs)])
    }),
    { numRuns: 2000 },
  )
})

test('a line break or a quote cannot forge another line or field', (t) => {
  const tenant = 'a","status":200}\n{"msg":"exchange","caller":"okapi"}\u2028\r\u0000'
  const line = accessLine({ ...ALLOWED, status: 403, tenant })
  t.is(line.split('\n').length, 2)
  const parsed = JSON.parse(line)
  t.is(parsed.tenant, tenant)
  t.is(parsed.status, 403)
  t.is(parsed.caller, 'mod-notes-5.0.0')
})

test('texts of any length make a line of bounded length', (t) => {
  const long = '\u0001'.repeat(1_000_000)
  const line = accessLine({
    ...ALLOWED,
    caller: long,
    at: long,
    method: long,
    because: long,
    tenant: long,
    requestId: long,
  })
  t.true(line.length < 32 * 1024, `${line.length}`)
  t.notThrows(() => JSON.parse(line))
})

test('a token where a name belongs is not written down', (t) => {
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkaWt1X2FkbWluIn0.c2lnbmF0dXJl'
  for (const field of ['tenant', 'requestId', 'method', 'because'] as const) {
    const line = accessLine({ ...ALLOWED, [field]: `x ${jwt} y` })
    t.false(line.includes('eyJ'), field)
    t.is(JSON.parse(line)[field], '[masked]')
  }
})

test('a sink gets whole lines, in order, in batches', (t) => {
  const batches: string[] = []
  const log = new AccessLog({ write: (lines) => batches.push(String(lines)) })
  log.flush()
  t.is(batches.length, 0)
  for (let i = 0; i < 1000; i++) log.write(record({ ...ALLOWED, bytesOut: i }))
  log.flush()
  log.flush()
  t.true(batches.length > 1 && batches.length < 20, `${batches.length}`)
  t.true(batches.every((batch) => batch.endsWith('\n') && batch.length < 66 * 1024))
  const sizes = batches
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).bytesOut)
  t.deepEqual(
    sizes,
    Array.from({ length: 1000 }, (_, i) => i),
  )
})
