import net, { type Socket } from 'node:net'
import test from 'ava'
import { metric, until } from '../support/scenario/metrics.ts'
import { ask, get, ID, Place, type Sidecar, Talk, verdictOf } from '../support/scenario.ts'

// What a module can do to a call but answer it: refuse the connection, reset it, say nothing that is HTTP,
// stop in the middle. Okapi's sidecar and the module's are processes, the call passes both: what its caller
// sees, that the request was sent once where a byte of it had left, that nothing is held, and that the next
// call is served as soon as the module is well.

const T = 'X-Okapi-Tenant: diku'
const GOOD = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** What the module does with a connection. */
type Manner = (socket: Socket) => void

/** When a whole request has come. */
const onRequest =
  (act: (socket: Socket) => void): Manner =>
  (socket) => {
    let text = ''
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      if (!text.endsWith('\r\n\r\n')) return
      text = ''
      arrived++
      act(socket)
    })
  }

const well = onRequest((socket) => socket.write(GOOD))
const cut = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf'

/** What it does, and what its caller is told: a verdict, or that an answer had begun. */
const MANNERS: readonly (readonly [
  what: string,
  manner: Manner,
  told: RegExp | 'cut',
  sent: number,
])[] = [
  ['closes without a word', (socket) => socket.end(), /^502 upstream-unreachable$/, 0],
  // Whether it is before the connection is there or behind it.
  [
    'resets at once',
    (socket) => socket.resetAndDestroy(),
    /^(502 upstream-unreachable|503 module-unavailable)$/,
    0,
  ],
  [
    'reads the request and closes',
    onRequest((socket) => socket.end()),
    /^502 upstream-unreachable$/,
    1,
  ],
  [
    'reads the request and resets',
    onRequest((socket) => socket.resetAndDestroy()),
    /^502 upstream-unreachable$/,
    1,
  ],
  [
    'answers what is no HTTP',
    onRequest((socket) => socket.end('\x16\x03\x01\x00\x02garbage\r\n\r\n')),
    /^502 upstream-malformed$/,
    1,
  ],
  [
    'answers zeros without end',
    onRequest((socket) => socket.write(Buffer.alloc(1_000_000))),
    /^502 upstream-malformed$/,
    1,
  ],
  [
    'answers a head without end',
    onRequest((socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(1_000_000)}`)),
    /^502 upstream-malformed$/,
    1,
  ],
  [
    'speaks before it is asked',
    (socket) => socket.write('220 smtp.example ESMTP\r\n'),
    /^502 upstream-(malformed|unreachable)$/,
    0,
  ],
  ['closes amid its answer', onRequest((socket) => socket.end(cut)), 'cut', 1],
  [
    'resets amid its answer',
    onRequest((socket) => socket.write(cut, () => socket.resetAndDestroy())),
    'cut',
    1,
  ],
  [
    'goes on with garbage behind its head',
    onRequest((socket) =>
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nZZ\r\n'),
    ),
    /^502 upstream-malformed$/,
    1,
  ],
]

let place: Place
let users: Sidecar
let okapi: Sidecar
let manner: Manner = well
/** Whole requests that the module has read. */
let arrived = 0
const sockets = new Set<Socket>()
const module = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
  manner(socket)
})

test.before(async () => {
  place = await Place.make()
  await new Promise<void>((resolve) => module.listen(0, '127.0.0.1', resolve))
  const { port } = module.address() as net.AddressInfo
  const listen = '127.0.0.1:0'
  const forward = `http://127.0.0.1:${port}`
  users = await place.process(ID.users, { ingress: { listen, forward } })
  const address = { [ID.users]: `https://127.0.0.1:${users.port('ingress')}` }
  const egress = { modules: { listen, address } }
  okapi = await place.process(ID.okapi, { ingress: { listen, forward }, egress })
})
test.after.always(async () => {
  await Promise.all([okapi, users].map((sidecar) => sidecar?.stop()))
  for (const socket of sockets) socket.destroy()
  module.close()
  await place?.close()
})

const call = () => ask(okapi.port('modules'), get(`/${ID.users}/users`, T))

async function holdsNothing(): Promise<void> {
  for (const sidecar of [okapi, users]) {
    await until(async () => (await metric(sidecar, 'sidecar_exchanges_open')) === 0)
    await until(async () => (await metric(sidecar, 'sidecar_buffered_bytes')) === 0)
  }
}

for (const [what, how, told, sent] of MANNERS) {
  test.serial(`a module that ${what}`, async (t) => {
    // On a connection of its own: what was kept of before is gone.
    for (const socket of sockets) socket.destroy()
    await until(() => sockets.size === 0)
    manner = how
    arrived = 0
    if (told === 'cut') {
      const talk = new Talk(okapi.port('modules')).send(get(`/${ID.users}/users`, T))
      await t.throwsAsync(talk.next(), { message: /no whole answer/ })
      t.regex(talk.received, /^HTTP\/1\.1 200 OK/)
    } else t.regex(verdictOf(await call()), told)
    t.is(arrived, sent)
    await holdsNothing()
    // Not one of those connections is used again.
    manner = well
    await until(async () => verdictOf(await call()) === '200')
  })
}

test.serial(
  'each of them is one line of the log at the module’s sidecar, with its reason',
  async (t) => {
    for (const reason of ['upstream-unreachable', 'upstream-malformed']) {
      await users.say((each) => each.msg === 'exchange' && each.reason === reason, 3)
    }
    t.pass()
  },
)
