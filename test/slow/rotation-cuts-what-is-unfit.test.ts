import { once } from 'node:events'
import {
  type AddressInfo,
  connect as connectPlain,
  createServer,
  type Server,
  type Socket,
} from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { patiently } from '../support/patience.ts'
import { type Issued, makeCa, moduleNames, type TestCa } from '../support/pki.ts'
import { OKAPI, type Rotating, serialOf, startTwo, type Two, USERS } from '../support/rotation.ts'

/** A peer that speaks TLS by itself and keeps one connection. */
class Line {
  readonly socket: TLSSocket
  /** Everything that came. */
  text = ''
  readonly closed: Promise<unknown>

  private constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1')
    })
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => socket.on('close', resolve))
  }

  static async open(
    t: ExecutionContext,
    to: Rotating,
    leaf: Issued,
    ca: TestCa,
    port = to.process.port('ingress'),
  ): Promise<Line> {
    const socket = connect({
      host: '127.0.0.1',
      port,
      key: leaf.keyPem,
      cert: leaf.chainPem,
      ca: ca.rootPem,
      checkServerIdentity: () => undefined,
    })
    const line = new Line(socket)
    await once(socket, 'secureConnect')
    t.teardown(() => socket.destroy())
    return line
  }

  send(): void {
    this.socket.write('GET /users HTTP/1.1\r\nHost: there\r\nX-Okapi-Tenant: diku\r\n\r\n')
  }

  /** Resolves when so many answers have begun. */
  async answers(count: number): Promise<string> {
    // At once: of a connection that is over no certificate can be read.
    while (this.text.split('HTTP/1.1 ').length <= count) {
      await patiently(once(this.socket, 'data'), () => `${count} answers in ${this.text}`)
    }
    return this.text
  }

  /** Sends, and waits for the answer. */
  async ask(): Promise<string> {
    const before = this.text.length
    this.send()
    await this.answers(this.text.split('HTTP/1.1 ').length)
    return this.text.slice(before)
  }
}

/** Lets the client's first bytes through and holds what comes after the server has answered. */
class Relay {
  readonly port: number
  /** Resolves when the server has said something. */
  readonly answered: Promise<unknown>
  letGo: () => void = () => {}

  private constructor(server: Server, to: number) {
    this.port = (server.address() as AddressInfo).port
    this.answered = new Promise((resolve) => {
      server.once('connection', (near: Socket) => {
        const far = connectPlain(to, '127.0.0.1')
        for (const socket of [near, far]) socket.on('error', () => {})
        near.pipe(far)
        far.once('data', (bytes: Buffer) => {
          near.unpipe(far)
          this.letGo = () => {
            near.pipe(far)
          }
          near.write(bytes)
          far.pipe(near)
          resolve(bytes)
        })
      })
    })
  }

  static async start(t: ExecutionContext, to: number): Promise<Relay> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    return new Relay(server, to)
  }
}

const oneRequest = (two: Two) =>
  fetch(two.into, { headers: { 'x-okapi-tenant': 'diku' } }).then(({ status }) => status)

/** Not before the test has a connection with that certificate, on a busy machine too. */
function endsSoon(): Date {
  return new Date(Math.ceil(Date.now() / 1000) * 1000 + 20_000)
}

/** The line that says why connections of this peer were ended. */
async function cutOff({ process }: Rotating, caller: string) {
  const [line] = await process.say((each) => each.msg === 'peer cut off' && each.caller === caller)
  return line
}

test('a peer that is revoked: its live connection ends, unanswered, that of another goes on', async (t) => {
  const two = await startTwo(t)
  const { ca, users, usersServer } = two
  const bad = await ca.issue(moduleNames(OKAPI))
  const good = await ca.issue(moduleNames(OKAPI))
  const idle = await Line.open(t, users, bad, ca)
  t.regex(await idle.ask(), /^HTTP\/1\.1 200 /)
  const busy = await Line.open(t, users, bad, ca)
  const twin = await Line.open(t, users, good, ca)
  const held = [usersServer.hold(), usersServer.hold()]
  busy.send()
  const releases = [await held[0]]
  twin.send()
  releases.push(await held[1])

  users.put(users.leaf, [ca], [await ca.crl([bad])])
  await users.reached(2)
  await Promise.all([idle.closed, busy.closed])
  for (const release of releases) release?.()
  t.is(busy.text, '')
  const answer = await twin.answers(1)
  t.regex(answer, /^HTTP\/1\.1 200 /)
  t.regex(answer, /\r\nConnection: close\r\n/)
  await twin.closed
  const line = await cutOff(users, OKAPI)
  t.like(line, { reason: 'revoked-certificate', connections: 2 })

  const again = await Line.open(t, users, bad, ca)
  t.regex(await again.ask(), /^HTTP\/1\.1 403 [\s\S]*X-Sidecar-Refused: revoked-certificate/)
  t.regex(await (await Line.open(t, users, good, ca)).ask(), /^HTTP\/1\.1 200 /)
})

test('a server that is revoked: connections that were dialled to it end, and no new one is made', async (t) => {
  const two = await startTwo(t, { limits: { connectWaitMs: 0 } })
  const { ca, users, okapi, usersServer } = two
  t.is(await oneRequest(two), 200)
  const held = usersServer.hold()
  const running = oneRequest(two)
  const release = await held
  okapi.put(okapi.leaf, [ca], [await ca.crl([users.leaf])])
  await okapi.reached(2)
  t.is(await running, 502)
  release()
  const line = await cutOff(okapi, USERS)
  t.is(line?.reason, 'revoked-certificate')
  t.is(await oneRequest(two), 502)
  // The module gets a new one: all is well again, with nothing restarted.
  users.put(await users.issue(ca), [ca])
  await users.reached(2)
  t.is(await oneRequest(two), 200)
})

test('a root that is removed: who hangs on it is cut off, who does not goes on', async (t) => {
  const { ca, users } = await startTwo(t)
  const next = await makeCa(undefined, 'root2')
  users.put(users.leaf, [ca, next])
  await users.reached(2)
  const old = await Line.open(t, users, await ca.issue(moduleNames(OKAPI)), ca)
  const fresh = await Line.open(t, users, await next.issue(moduleNames(OKAPI)), ca)
  t.regex(await old.ask(), /^HTTP\/1\.1 200 /)
  t.regex(await fresh.ask(), /^HTTP\/1\.1 200 /)
  users.put(await users.issue(next), [next])
  await users.reached(3)
  await old.closed
  t.regex(await fresh.ask(), /^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/)
  const line = await cutOff(users, OKAPI)
  t.like(line, { reason: 'untrusted-certificate', connections: 1 })
  const [{ changed: told } = {}] = await users.process.say(({ generation }) => generation === 3)
  const changed = JSON.stringify(told)
  t.regex(changed, /"rootsRemoved":\["CN=root1 \(SHA-256 [0-9a-f]{64}\)"\]/)
  t.true(changed.includes(serialOf(users.leaf)))
})

test('a certificate that ends while its connection lives: the connection ends too', async (t) => {
  const { ca, users } = await startTwo(t)
  const notAfter = endsSoon()
  const short = await ca.issue({ ...moduleNames(OKAPI), notAfter })
  const long = await ca.issue(moduleNames(OKAPI))
  const ending = await Line.open(t, users, short, ca)
  const twin = await Line.open(t, users, long, ca)
  t.regex(await ending.ask(), /^HTTP\/1\.1 200 /)
  await ending.closed
  t.true(Date.now() > notAfter.getTime())
  t.regex(await twin.ask(), /^HTTP\/1\.1 200 /)
  const line = await cutOff(users, OKAPI)
  t.like(line, { reason: 'expired-certificate', connections: 1 })
})

test('a running exchange is finished by its generation, a new connection has the new one at once', async (t) => {
  const { ca, users, usersServer } = await startTwo(t)
  const before = serialOf(users.leaf)
  const leaf = await ca.issue(moduleNames(OKAPI))
  const line = await Line.open(t, users, leaf, ca)
  const held = usersServer.hold()
  line.send()
  const release = await held
  users.put(await users.issue(ca), [ca])
  await users.reached(2)
  const fresh = await Line.open(t, users, leaf, ca)
  t.is(fresh.socket.getPeerCertificate().serialNumber.toLowerCase(), serialOf(users.leaf))
  t.is(await users.metric('sidecar_connections_stale'), 1)
  release()
  const answer = await line.answers(1)
  t.regex(answer, /^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/)
  t.is(line.socket.getPeerCertificate().serialNumber?.toLowerCase() ?? before, before)
  await line.closed
  while ((await users.metric('sidecar_connections_stale')) > 0) {}
  t.regex(await fresh.ask(), /^HTTP\/1\.1 200 /)
  t.notRegex(fresh.text, /Connection: close/)
})

test('an idle connection of long before serves what its caller sends, once, and says that it closes', async (t) => {
  const { ca, users } = await startTwo(t)
  const line = await Line.open(t, users, await ca.issue(moduleNames(OKAPI)), ca)
  t.notRegex(await line.ask(), /Connection: close/)
  for (let generation = 2; generation <= 6; generation++) {
    users.put(await users.issue(ca), [ca])
    await users.reached(generation)
  }
  t.regex(await line.ask(), /^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/)
  await line.closed
})

test('a server whose certificate ends: connections that were dialled to it end, its next one is taken', async (t) => {
  const two = await startTwo(t, { limits: { connectWaitMs: 0 } })
  const { ca, users, okapi } = two
  const notAfter = endsSoon()
  const short = { ...moduleNames(USERS), ip: ['127.0.0.1'], notAfter }
  users.put(await ca.issue(short), [ca])
  await users.reached(2)
  t.is(await oneRequest(two), 200)
  const line = await cutOff(okapi, USERS)
  t.like(line, { reason: 'expired-certificate', connections: 1 })
  t.true(Date.now() > notAfter.getTime())
  t.is(await oneRequest(two), 502)
  users.put(await users.issue(ca), [ca])
  await users.reached(3)
  t.is(await oneRequest(two), 200)
})

test('a handshake that is overtaken by a change: served once, by a connection that says it closes', async (t) => {
  const { ca, users } = await startTwo(t)
  const before = serialOf(users.leaf)
  const relay = await Relay.start(t, users.process.port('ingress'))
  const leaf = await ca.issue(moduleNames(OKAPI))
  const opening = Line.open(t, users, leaf, ca, relay.port)
  await relay.answered
  users.put(await users.issue(ca), [ca])
  await users.reached(2)
  relay.letGo()
  const line = await opening
  t.is(line.socket.getPeerCertificate().serialNumber.toLowerCase(), before)
  t.regex(await line.ask(), /^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/)
  await line.closed
})
