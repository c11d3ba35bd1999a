import test from 'ava'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Installation,
  OK,
  request,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

let installation: Installation

test.before(async () => {
  installation = await Installation.open({ modules: [ID.notes, ID.users, ID.authtoken] })
})
test.beforeEach(() => {
  installation.okapi.forget()
  installation.okapi.reply = OK
  installation.okapi.partly = () => {}
})
test.after.always(() => installation?.close())

const T = 'X-Okapi-Tenant: diku'

test.serial('an empty GET in chunks, as Okapi sends all of its calls', async (t) => {
  const users = installation.module(ID.users)
  const target = `GET /${ID.users}/users/1`
  const sent = `${request(target, [T, 'Transfer-Encoding: chunked'])}0\r\n\r\n`
  t.is(verdictOf(await ask(installation.modules, sent)), '200')
  t.is(users.last.first, 'GET /users/1 HTTP/1.1')
  t.true(users.bytes.endsWith('\r\n\r\n0\r\n\r\n'))
})

test.serial('chunk sizes stay, extensions and request trailers do not', async (t) => {
  const sent = `${request('POST /users', [T, 'Transfer-Encoding: chunked', 'Trailer: X-Late'])}3;a=b\r\nabc\r\n0\r\nX-Late: 1\r\nX-Okapi-Token: late\r\n\r\n`
  t.is(verdictOf(await ask(installation.egress(ID.notes), sent)), '200')
  t.is(installation.okapi.last.body, 'abc')
  t.deepEqual(installation.okapi.last.trailers, [])
  t.false(installation.okapi.bytes.includes('late'))
})

test.serial('trailers of an answer pass, guarded names among them do not', async (t) => {
  installation.okapi.reply = () =>
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Late: 1\r\nX-Okapi-Stop: 1\r\n\r\n'
  const answered = await ask(installation.egress(ID.notes), get('/users', T))
  t.is(answered.body, 'ok')
  t.deepEqual(answered.trailers, ['X-Late: 1'])
})

test.serial('HEAD, 204 and 304 have no body, whatever they say', async (t) => {
  // A filter takes every method; no other module here declares HEAD.
  const module = installation.module(ID.authtoken)
  const talk = new Talk(installation.modules)
  t.teardown(() => talk.close())
  for (const [method, said, kept] of [
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'Content-Length: 5'],
    ['GET', 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n', 'X-A: b'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nX-A: b\r\n\r\n', 'X-A: b'],
    ['HEAD', 'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n', 'X-A: b'],
  ] as const) {
    module.reply = () => said
    const target = `${method} /${ID.authtoken}/a`
    const answered = await talk.send(request(target, [T])).next(method === 'HEAD')
    t.true(said.startsWith(`${answered.first}\r\n`))
    t.true(answered.lines.includes(kept), said)
  }
  module.reply = OK
  t.is((await talk.send(get(`/${ID.authtoken}/a`, T)).next()).body, 'ok')
})

test.serial('pipelined requests are answered in their order', async (t) => {
  installation.okapi.reply = ({ first }) => answer('200 OK', [], first)
  const talk = new Talk(installation.egress(ID.notes))
  t.teardown(() => talk.close())
  const targets = ['/users/1', '/users/2', '/tags/3', '/users/4', '/users/5']
  talk.send(targets.map((target) => get(target, T)).join(''))
  const verdicts = []
  for (const _ of targets) {
    const message = await talk.next()
    verdicts.push(verdictOf(message) === '200' ? message.body.split(' ')[1] : verdictOf(message))
  }
  t.deepEqual(verdicts, [
    '/users/1',
    '/users/2',
    '403 interface-not-required',
    '/users/4',
    '/users/5',
  ])
})

test.serial('one connection serves many, and so does the one behind it', async (t) => {
  const { connections } = installation.okapi
  const talk = new Talk(installation.egress(ID.notes))
  t.teardown(() => talk.close())
  for (let i = 0; i < 5; i++) {
    t.is(verdictOf(await talk.send(get(`/users/${i}`, T)).next()), '200')
  }
  t.true(installation.okapi.connections <= connections + 1)
})

test.serial(
  'who expects 100-continue hears it from the end of the line, and then sends',
  async (t) => {
    installation.okapi.partly = (text, socket) => {
      if (text.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    }
    const talk = new Talk(installation.egress(ID.notes))
    t.teardown(() => talk.close())
    talk.send(request('POST /users', [T, 'Expect: 100-continue', 'Content-Length: 4']))
    t.is((await talk.next()).first, 'HTTP/1.1 100 Continue')
    t.is(installation.okapi.requests.length, 0)
    talk.send('abcd')
    t.is(verdictOf(await talk.next()), '200')
    t.is(installation.okapi.last.body, 'abcd')
  },
)

test.serial('a refused caller that expects 100-continue gets no 100', async (t) => {
  const talk = new Talk(installation.egress(ID.notes))
  talk.send(request('POST /tags', [T, 'Expect: 100-continue', 'Content-Length: 4']))
  t.is(verdictOf(await talk.next()), '403 interface-not-required')
  t.is(await talk.end(), '')
  t.is(installation.okapi.bytes, '')
})

test.serial('an answer before the body has come ends the connection after it', async (t) => {
  installation.okapi.partly = (text, socket) => {
    if (text.endsWith('\r\n\r\n')) socket.write(answer('413 Too Much', [], 'no'))
  }
  const talk = new Talk(installation.egress(ID.notes))
  talk.send(request('POST /users', [T, 'Content-Length: 1000000']))
  const answered = await talk.next()
  t.is(answered.first, 'HTTP/1.1 413 Too Much')
  t.is(answered.body, 'no')
  t.is(field(answered, 'Connection'), 'close')
  t.is(await talk.end(), '')
})

test.serial('an answer that is cut is cut here too, never made whole', async (t) => {
  installation.okapi.reply = (_, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
    setImmediate(() => socket.destroy())
    return null
  }
  const talk = new Talk(installation.egress(ID.notes))
  talk.send(get('/users', T))
  await t.throwsAsync(talk.next(), { message: /no whole answer/ })
  // And in chunks: the last one never comes.
  installation.okapi.reply = (_, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
    setImmediate(() => socket.destroy())
    return null
  }
  await t.throwsAsync(ask(installation.egress(ID.notes), get('/users', T)), {
    message: /no whole answer/,
  })
})

test.serial('an answer that ends with its connection arrives whole, in chunks', async (t) => {
  installation.okapi.reply = (_, socket) => {
    socket.end('HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nall of it')
    return null
  }
  const answered = await ask(installation.egress(ID.notes), get('/users', T))
  t.is(answered.body, 'all of it')
  t.is(field(answered, 'Transfer-Encoding'), 'chunked')
})

test.serial('an answer that no two readers understand alike is 502', async (t) => {
  const malformed = [
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
    'HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok',
    'hello\r\n\r\n',
  ]
  for (const said of malformed) {
    installation.okapi.reply = () => said
    const answered = await ask(installation.egress(ID.notes), get('/users', T))
    t.is(verdictOf(answered), '502 upstream-malformed', JSON.stringify(said))
  }
})

test.serial('a malformed answer is logged with its sender and the field at fault', async (t) => {
  const twice = 'Transfer-Encoding: chunked\r\n'
  for (const [said, what] of [
    [`HTTP/1.1 200 OK\r\n${twice}${twice}\r\n0\r\n\r\n`, '`Transfer-Encoding` occurs twice'],
    ['HTTP/1.1 200 OK\r\nX-Odd: a\u0001\r\n\r\n', 'the value of `X-Odd` holds a control character'],
    ['HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok', 'Content-Length is not 1 to 15 digits'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', ''],
    ['hello\r\n\r\n', 'the status line is not'],
  ] as const) {
    installation.okapi.reply = (_, socket) => {
      socket.end(said)
      return null
    }
    const id = crypto.randomUUID()
    const talk = new Talk(installation.egress(ID.notes))
    talk.send(get('/users', T, `X-Okapi-Request-Id: ${id}`))
    const { because } = await installation.sidecar(ID.okapi).exchange(id)
    talk.close()
    t.regex(`${because}`, /okapi-7\.2\.0 \(127\.0\.0\.1:\d+\)/)
    t.true(`${because}`.includes(what || 'closed the connection in the middle'), `${because}`)
  }
})

test.serial('bytes that come unasked behind an answer reach no caller', async (t) => {
  installation.okapi.reply = () =>
    `${answer('200 OK', [], 'mine')}${answer('200 OK', [], 'forged')}`
  const talk = new Talk(installation.egress(ID.notes))
  t.teardown(() => talk.close())
  t.is((await talk.send(get('/users/1', T)).next()).body, 'mine')
  installation.okapi.reply = () => answer('200 OK', [], 'true')
  t.is((await talk.send(get('/users/2', T)).next()).body, 'true')
})
