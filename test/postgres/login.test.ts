import test from 'ava'
import { ClientStream } from '../../src/postgres/client-stream.ts'
import { message } from '../../src/postgres/protocol.ts'
import type { DatabaseRules } from '../../src/postgres/rules.ts'
import { ServerStream } from '../../src/postgres/server-stream.ts'
import type { Refusal } from '../../src/refusal/refusal.ts'
import {
  authentication,
  backendKey,
  commandComplete,
  dataRow,
  errorPacket,
  parameterStatus,
  readyForQuery,
  rowDescription,
} from '../support/postgres-packets.ts'

const RULES: DatabaseRules = {
  databases: ['folio'],
  roles: ['diku_mod_users'],
  parameters: [],
  authentication: ['scram-sha-256'],
  mode: 'enforce',
  superuser: 'refuse',
}
const PLUS = authentication(10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0')
const PLAIN = authentication(10, 'SCRAM-SHA-256\0\0')
const FINAL = authentication(12, 'v=x')
const OK = authentication(0)
const LOGGED_IN = [
  parameterStatus('is_superuser', 'off'),
  parameterStatus('session_authorization', 'diku_mod_users'),
  backendKey(7, Buffer.from('abcd')),
]
/** To the question of the sidecar's own: the role may become none. */
const NO_MEMBERSHIP = [rowDescription('rolname'), commandComplete('SELECT 0'), readyForQuery()]
const WELCOME = [...LOGGED_IN, readyForQuery(), ...NO_MEMBERSHIP]
const WELCOMED = [...LOGGED_IN, readyForQuery()]

/** What goes to the client of what the server says, cut into pieces of this size. */
function login(
  said: readonly Buffer[],
  rules: Partial<DatabaseRules> = {},
  size = 1 << 20,
  lowered = false,
) {
  const told: (string | Refusal)[] = []
  const stream = new ServerStream(
    { user: 'diku_mod_users', lowered },
    { ...RULES, ...rules },
    {
      key: (processId, key) => told.push(`key ${processId} ${key}`),
      ask: () => told.push('asked'),
      loggedIn: () => told.push('logged in'),
      passes: () => {},
      ready: (idle) => told.push(idle ? 'idle' : 'busy'),
      wouldDeny: ({ reason }) => told.push(`would ${reason}`),
    },
  )
  const out: Uint8Array[] = []
  let result = 'on'
  for (const bytes of said) {
    for (let at = 0; at < bytes.length && result === 'on'; at += size) {
      result = stream.scan(bytes.subarray(at, at + size), (part) => out.push(Buffer.from(part)))
    }
    // The client answers whatever it is asked.
    stream.login.answerDue = false
  }
  return { out: Buffer.concat(out), result, told, refusal: stream.refusal }
}

test('PLUS is taken out of the one message that offers it; all else passes as it is', (t) => {
  for (const size of [1, 2, 3, 5, 8, 1000]) {
    const { out, told } = login([PLUS, authentication(11, 'r=x'), FINAL, OK, ...WELCOME], {}, size)
    t.deepEqual(out, Buffer.concat([PLAIN, authentication(11, 'r=x'), FINAL, OK, ...WELCOMED]))
    t.deepEqual(told, ['key 7 abcd', 'asked', 'logged in', 'idle'])
  }
})

for (const [name, said, allowed] of [
  ['no password', OK, ['scram-sha-256']],
  ['a password in clear', authentication(3), ['scram-sha-256']],
  ['md5', authentication(5, 'salt'), ['scram-sha-256']],
  ['SCRAM where only md5 is listed', PLUS, ['md5']],
  ['GSSAPI', authentication(7), ['scram-sha-256', 'md5', 'password', 'cert']],
  ['SASL without SCRAM-SHA-256', authentication(10, 'OAUTHBEARER\0\0'), ['scram-sha-256']],
] as const) {
  test(`refused: the server asks for ${name}`, (t) => {
    const { refusal, out } = login([said], { authentication: allowed })
    t.is(refusal?.reason, 'authentication-not-allowed')
    t.is(out.length, 0)
  })
}

test('a second request for a proof is refused: it would make the client say more than was asked', (t) => {
  const { refusal } = login([PLAIN, authentication(3)], {
    authentication: ['scram-sha-256', 'password'],
  })
  t.is(refusal?.reason, 'upstream-malformed')
})

test('cert: the server asks for nothing, where that is listed', (t) => {
  t.is(login([OK, ...WELCOME], { authentication: ['cert'] }).refusal, null)
})

test('a superuser is refused by the server’s own word, and the first ReadyForQuery does not pass', (t) => {
  for (const size of [1, 4, 1000]) {
    const { refusal, out, told } = login(
      [PLUS, FINAL, OK, parameterStatus('is_superuser', 'on'), ...WELCOME],
      {},
      size,
    )
    t.is(refusal?.reason, 'superuser')
    t.deepEqual(out, Buffer.concat([PLAIN, FINAL, OK]))
    t.deepEqual(told, [])
  }
})

test('a server that does not say whether it is a superuser is refused', (t) => {
  t.is(login([PLUS, FINAL, OK, readyForQuery()]).refusal?.reason, 'superuser')
})

for (const [name, answer, because] of [
  [
    'a superuser',
    [dataRow('boss'), dataRow('pg_write_server_files')],
    /may become "boss", "pg_write_server_files"/,
  ],
  [
    'itself, with REPLICATION',
    [dataRow('diku_mod_users')],
    /"diku_mod_users" has SUPERUSER or REPLICATION/,
  ],
  [
    'nothing known',
    [errorPacket('42501', 'permission denied')],
    /does not say what "diku_mod_users" may become/,
  ],
] as const) {
  const said = [
    PLUS,
    FINAL,
    OK,
    ...LOGGED_IN,
    readyForQuery(),
    rowDescription('rolname'),
    ...answer,
  ]
  const all = [...said, commandComplete('SELECT 2'), readyForQuery()]

  test(`refused before anything of the client passes: a role that may become ${name}`, (t) => {
    for (const size of [1, 4, 1000]) {
      const { refusal, out, told } = login(all, {}, size)
      t.is(refusal?.reason, 'superuser')
      t.regex(refusal?.because ?? '', because)
      t.deepEqual(out, Buffer.concat([PLAIN, FINAL, OK, ...LOGGED_IN]))
      t.deepEqual(told, ['key 7 abcd', 'asked'])
    }
  })

  test(`superuser: report lets it pass, and says so: a role that may become ${name}`, (t) => {
    const { refusal, out, told } = login(all, { superuser: 'report' })
    t.is(refusal, null)
    t.deepEqual(out, Buffer.concat([PLAIN, FINAL, OK, ...WELCOMED]))
    t.deepEqual(told, ['key 7 abcd', 'asked', 'would superuser', 'logged in', 'idle'])
  })
}

test('an answer about memberships without its end is none: the role is refused', (t) => {
  const { refusal } = login([PLUS, FINAL, OK, ...LOGGED_IN, readyForQuery(), readyForQuery()])
  t.is(refusal?.reason, 'superuser')
  t.regex(refusal?.because ?? '', /does not say what "diku_mod_users" may become/)
})

test('an answer about memberships is not gathered for ever', (t) => {
  const rows = Array.from({ length: 6 }, () => dataRow('boss'))
  const { refusal } = login([PLUS, FINAL, OK, ...LOGGED_IN, readyForQuery(), ...rows])
  t.is(refusal?.reason, 'upstream-malformed')
})

test('an answer about memberships that is none ends the session', (t) => {
  for (const said of [message(0x47, Buffer.alloc(3)), OK, backendKey(8, Buffer.from('abcd'))]) {
    const { refusal } = login([PLUS, FINAL, OK, ...LOGGED_IN, readyForQuery(), said])
    t.is(refusal?.reason, 'upstream-malformed')
  }
})

test('a parameter in the client’s own encoding passes; one without its end does not', (t) => {
  const latin1 = message(0x53, Buffer.from('search_path\0caf\xe9\0', 'latin1'))
  const { out, refusal } = login([PLUS, FINAL, OK, latin1])
  t.is(refusal, null)
  t.deepEqual(out, Buffer.concat([PLAIN, FINAL, OK, latin1]))
  for (const said of [
    'search_path',
    '',
    '\0x\0',
    'is_superuser\0',
    'session_authorization\0\xe9\0',
  ]) {
    const none = login([PLUS, FINAL, OK, message(0x53, Buffer.from(said, 'latin1'))])
    t.is(none.refusal?.reason, 'upstream-malformed', said)
  }
})

test('a role that becomes another during the session is refused', (t) => {
  const said = [PLUS, FINAL, OK, ...WELCOME]
  const other = login([...said, parameterStatus('session_authorization', 'diku_mod_login')])
  t.is(other.refusal?.reason, 'role-not-allowed')
  const boss = login([...said, parameterStatus('is_superuser', 'on')])
  t.is(boss.refusal?.reason, 'superuser')
})

test('superuser: report says so once, and lets it pass', (t) => {
  const on = parameterStatus('is_superuser', 'on')
  const { refusal, told } = login([PLUS, FINAL, OK, on, ...WELCOME, on, on], {
    superuser: 'report',
  })
  t.is(refusal, null)
  t.deepEqual(
    told.filter((each) => String(each).startsWith('would')),
    ['would superuser'],
  )
})

test('a client that requests a newer protocol is offered 3.2, by the server or by us', (t) => {
  const ours = login([PLAIN], {}, 1000, true).out
  t.deepEqual(ours.subarray(0, 13).toString('hex'), '760000000c0003000200000000')
  const theirs = message(0x76, Buffer.from('0003000000000000', 'hex'))
  t.deepEqual(login([theirs, PLAIN], {}, 1000, true).out, Buffer.concat([theirs, PLAIN]))
})

test('a client answers once for each request, and its queries wait for the end of the login', (t) => {
  let due = false
  const client = new ClientStream(
    () => due,
    () => {
      due = false
    },
  )
  const out: Buffer[] = []
  const scan = (bytes: Buffer) => client.scan(bytes, (part) => out.push(Buffer.from(part)))
  const [answer, query] = [
    message(0x70, Buffer.from('x')),
    message(0x51, Buffer.from('SELECT 1\0')),
  ]
  t.is(scan(Buffer.concat([answer, answer])), 'waiting')
  t.is(out.length, 0)
  due = true
  t.is(scan(query), 'waiting')
  t.deepEqual(out, [answer])
  due = true
  t.is(scan(Buffer.alloc(0)), 'waiting')
  due = true
  t.is(scan(Buffer.alloc(0)), 'end')
  t.deepEqual(out, [answer, answer])
})

test('a second cancel key is refused: the first would be forgotten', (t) => {
  const key = backendKey(7, Buffer.from('abcd'))
  const { refusal, told } = login([PLUS, FINAL, OK, key, key])
  t.is(refusal?.reason, 'upstream-malformed')
  t.deepEqual(told, ['key 7 abcd'])
})
