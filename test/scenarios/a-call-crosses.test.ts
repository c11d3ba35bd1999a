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
  verdictOf,
} from '../support/scenario.ts'

let installation: Installation

test.before(async () => {
  installation = await Installation.open({ modules: [ID.notes, ID.users] })
})
test.beforeEach(() => {
  installation.okapi.reply = OK
  installation.module(ID.users).reply = OK
})
test.after.always(() => installation?.close())

const ODD_LINES = [
  'x-Okapi-TENANT: diku',
  'zeta:   last letter first',
  'X-Okapi-Token: secret-token',
  'accept: text/html',
  'Accept: application/json',
  'ALPHA:',
  'TraceParent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'X-Okapi-Request-Id: 100/users',
]

test.serial('from a module by its sidecar and Okapi’s to Okapi, lines as they were', async (t) => {
  const answered = await ask(
    installation.egress(ID.notes),
    get('/users/1?query=a%2Fb;c', ...ODD_LINES),
  )
  t.is(verdictOf(answered), '200')
  t.is(answered.body, 'ok')
  const { first, lines } = installation.okapi.last
  t.is(first, 'GET /users/1?query=a%2Fb;c HTTP/1.1')
  // Host and the handle are the only lines that are ours; all others stand as the module wrote them.
  const [host, handle, ...rest] = lines
  t.is(host, `Host: 127.0.0.1:${installation.okapi.port}`)
  t.regex(handle ?? '', /^X-Sidecar-Exchange: [0-9a-f]{38}$/)
  t.deepEqual(rest, ODD_LINES)
})

test.serial('from Okapi by its sidecar and the module’s to the module', async (t) => {
  const users = installation.module(ID.users)
  users.reply = () =>
    answer('201 Made Just So', ['X-Odd:  two blanks', 'ETAG: "1"', 'x-small: 1'], '{"id":"1"}')
  const target = `/${ID.users}/users?expand=true`
  const answered = await ask(
    installation.modules,
    request(`POST ${target}`, ODD_LINES, '{"name":"a"}'),
  )
  t.is(users.last.first, 'POST /users?expand=true HTTP/1.1')
  t.deepEqual(users.last.lines, [
    `Host: 127.0.0.1:${users.port}`,
    ...ODD_LINES,
    'Content-Length: 12',
  ])
  t.is(users.last.body, '{"name":"a"}')
  t.is(answered.first, 'HTTP/1.1 201 Made Just So')
  t.deepEqual(answered.lines, [
    'X-Odd:  two blanks',
    'ETAG: "1"',
    'x-small: 1',
    'Content-Length: 10',
  ])
  t.is(answered.body, '{"id":"1"}')
})

test.serial('each sidecar knows who called, from the certificate alone', async (t) => {
  const lines = ['X-Okapi-Tenant: diku', 'X-Okapi-Request-Id: 200/users']
  await ask(installation.egress(ID.notes), get('/users/1', ...lines))
  await ask(installation.modules, get(`/${ID.users}/users/1`, ...lines))
  const told = async (id: string, direction: string) => {
    const [line] = await installation
      .sidecar(id)
      .say((each) => each.requestId === '200/users' && each.direction === direction)
    const { caller, at, method, route, status, rule } = line!
    return [caller, at, method, route, status, rule].join(' ')
  }
  const get1 = 'GET /users/{id} 200'
  t.is(await told(ID.notes, 'egress'), `${ID.notes} okapi ${get1} requires`)
  t.is(await told(ID.okapi, 'ingress'), `${ID.notes} okapi ${get1} requires`)
  t.is(await told(ID.okapi, 'modules'), `${ID.okapi} ${ID.users} ${get1} own`)
  t.is(await told(ID.users, 'ingress'), `${ID.okapi} ${ID.users} ${get1} own`)
})

test.serial('between the sidecars not a word of it is readable', async (t) => {
  const words = 'a-word-of-this-test-alone'
  installation.okapi.reply = () => answer('200 OK', [], words)
  const answered = await ask(
    installation.egress(ID.notes),
    get(`/users/${words}`, 'X-Okapi-Tenant: diku', `X-Okapi-Token: ${words}`),
  )
  t.is(answered.body, words)
  t.is(field(installation.okapi.last, 'X-Okapi-Token'), words)
  t.true(installation.cable.bytes.length > 0)
  t.false(installation.cable.bytes.includes(words))
  // The twin: the same search finds it where it is plain.
  t.true(installation.okapi.bytes.includes(words))
})
