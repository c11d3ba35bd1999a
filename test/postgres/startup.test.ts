import test from 'ava'
import { StartupReader } from '../../src/postgres/startup.ts'
import {
  cancelPacket,
  GSSENC_REQUEST,
  SSL_REQUEST,
  startupPacket,
} from '../support/postgres-packets.ts'

const USER = { user: 'diku_mod_users', database: 'folio', application_name: 'a' }

/** What comes of the bytes, cut at every place; all cuts agree. */
function read(bytes: Buffer): unknown {
  const results = new Set<string>()
  for (let cut = 1; cut <= bytes.length; cut++) {
    const reader = new StartupReader()
    let result: unknown = reader.read(bytes.subarray(0, cut))
    if (result === 'more' && cut < bytes.length) result = reader.read(bytes.subarray(cut))
    results.add(
      JSON.stringify(result, (key, value) =>
        key === 'rest' ? undefined : value instanceof Map ? [...value] : value,
      ),
    )
  }
  if (results.size !== 1) throw new Error([...results].join('\n'))
  return JSON.parse([...results][0]!)
}

function reasonOf(result: unknown): unknown {
  return typeof result === 'object' && result !== null && 'reason' in result
    ? result.reason
    : result
}

test('a start-up message is read, wherever it is cut', (t) => {
  const result = read(startupPacket(USER)) as Record<string, unknown>
  t.is(result['kind'], 'startup')
  t.is(result['user'], 'diku_mod_users')
  t.is(result['database'], 'folio')
  t.deepEqual(result['parameters'], [['application_name', 'a']])
})

test('without a database it is the one with the name of the user, as in PostgreSQL', (t) => {
  for (const database of [{}, { database: '' }]) {
    const reader = new StartupReader()
    const result = reader.read(startupPacket({ user: 'folio', ...database }))
    t.like(result, { kind: 'startup', database: 'folio' })
  }
})

test('both requests for encryption are answered, in any order, each once', (t) => {
  for (const order of [
    [SSL_REQUEST, GSSENC_REQUEST],
    [GSSENC_REQUEST, SSL_REQUEST],
  ] as const) {
    const reader = new StartupReader()
    for (const request of order) t.is(reader.read(request), 'no-encryption')
    t.like(reader.read(startupPacket(USER)), { kind: 'startup' })
  }
  const twice = new StartupReader()
  twice.read(SSL_REQUEST)
  t.is(reasonOf(twice.read(SSL_REQUEST)), 'malformed-request')
})

test('bytes behind a request for encryption are refused', (t) => {
  for (const request of [SSL_REQUEST, GSSENC_REQUEST]) {
    for (const more of [Buffer.from([0]), startupPacket(USER)]) {
      t.is(reasonOf(new StartupReader().read(Buffer.concat([request, more]))), 'malformed-request')
    }
  }
})

const head = (length: number, code: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeInt32BE(length, 0)
  bytes.writeInt32BE(code, 4)
  return bytes
}

for (const [name, bytes, reason] of [
  ['a length of 0', head(0, 196608), 'malformed-request'],
  ['a length of 7', head(7, 196608), 'malformed-request'],
  ['a length of 10001', head(10_001, 196608), 'malformed-request'],
  ['a length below zero', head(-1, 196608), 'malformed-request'],
  ['TLS', Buffer.from('160301020001000001fc0303', 'hex'), 'malformed-request'],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'malformed-request'],
  ['protocol 2', startupPacket(USER, 2, 0), 'version-not-supported'],
  ['protocol 4', startupPacket(USER, 4, 0), 'version-not-supported'],
  [
    'SSLRequest with nine bytes',
    Buffer.concat([head(9, 80877103), Buffer.alloc(1)]),
    'malformed-request',
  ],
  ['a cancel request with a key of 3 bytes', cancelPacket(1, Buffer.alloc(3)), 'malformed-request'],
  [
    'a cancel request with a key of 257 bytes',
    cancelPacket(1, Buffer.alloc(257)),
    'malformed-request',
  ],
  ['no user', startupPacket({ database: 'folio' }), 'malformed-request'],
  ['an empty user', startupPacket({ user: '' }), 'malformed-request'],
  ['User', startupPacket({ user: 'a', User: 'b' }), 'malformed-request'],
  ['two parameters of one name', startupPacket({ ...USER, a: '1', A: '2' }), 'malformed-request'],
  [
    'a name without a value',
    Buffer.concat([head(16, 196608), Buffer.from('user\0\0\0\0')]),
    'malformed-request',
  ],
  [
    'no NUL at the end',
    Buffer.concat([head(14, 196608), Buffer.from('user\0a')]),
    'malformed-request',
  ],
  [
    'bytes that are no UTF-8',
    Buffer.concat([head(16, 196608), Buffer.from('user\0\xff\0\0', 'latin1')]),
    'malformed-request',
  ],
] as const) {
  test(`refused: ${name}`, (t) => {
    t.is(reasonOf(new StartupReader().read(bytes)), reason)
  })
}

test('a cancel request has a key of up to 256 bytes', (t) => {
  for (const length of [4, 32, 256]) {
    const packet = cancelPacket(77, Buffer.alloc(length, 1))
    t.like(read(packet), { kind: 'cancel', processId: 77 })
  }
})

test('a newer minor version is asked for as 3.2', (t) => {
  for (const [minor, sent, lowered] of [
    [0, 0, false],
    [2, 2, false],
    [3, 2, true],
    [9999, 2, true],
  ] as const) {
    const result = new StartupReader().read(startupPacket(USER, 3, minor))
    if (typeof result !== 'object' || !('kind' in result) || result.kind !== 'startup')
      return t.fail()
    t.is(result.packet.readUInt16BE(6), sent)
    t.is(result.lowered, lowered)
  }
})

test('what comes behind a start-up message is kept for later', (t) => {
  const result = new StartupReader().read(Buffer.concat([startupPacket(USER), Buffer.from('more')]))
  t.like(result, { kind: 'startup', rest: Buffer.from('more') })
})
