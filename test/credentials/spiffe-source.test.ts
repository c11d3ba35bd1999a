import { chmod, mkdtemp, readdir } from 'node:fs/promises'
import { createServer } from 'node:http2'
import { createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import grpc from '@grpc/grpc-js'
import test, { type ExecutionContext } from 'ava'
import { Credentials, type ReloadReport } from '../../src/credentials/credentials.ts'
import { type SpiffeOptions, spiffeSource } from '../../src/credentials/spiffe/source.ts'
import { Fault } from '../../src/fault.ts'
import { lookWith } from '../../src/transport/handshake-check.ts'
import { patiently, until } from '../support/patience.ts'
import { makeCa, moduleNames, type TestCa } from '../support/pki.ts'
import { svidsMessage } from '../support/protobuf.ts'
import { type Agent, startAgent, svidOf } from '../support/workload-api.ts'

const USERS = 'mod-users-19.7.0'
const URI = `spiffe://folio.test/module/${USERS}`
const OTHER = 'spiffe://folio.test/module/mod-login-7.14.0'
const expected = { module: USERS, trustDomain: 'folio.test', lookWith }
const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')

async function message(ca: TestCa, over: { crl?: string; uri?: string } = {}): Promise<Buffer> {
  const leaf = await ca.issue({ ...moduleNames(USERS), uri: [over.uri ?? URI] })
  const svid = svidOf(ca, leaf, over.uri ?? URI)
  return svidsMessage({
    svids: [svid],
    crls: over.crl === undefined ? [] : [derOf(over.crl)],
  })
}

function sourceOf(socket: string, over: Partial<SpiffeOptions> = {}) {
  return spiffeSource({
    socket,
    wanted: (id) => id === URI,
    patienceMs: 20_000,
    firstPauseMs: 5,
    longestPauseMs: 20,
    ...over,
  })
}

interface World {
  readonly credentials: Credentials
  readonly reports: ReloadReport[]
  /** Resolves when so many reports have come. */
  told(count: number): Promise<ReloadReport>
}

function world(
  t: ExecutionContext,
  socket: string,
  over: Partial<SpiffeOptions> = {},
  now = Date.now,
): World {
  const reports: ReloadReport[] = []
  let wake = () => {}
  const credentials = new Credentials({
    source: sourceOf(socket, over),
    expected,
    now,
    onReload: (report) => {
      reports.push(report)
      wake()
    },
  })
  t.teardown(() => credentials.stop())
  const told = async (count: number) => {
    while (reports.length < count) {
      const news = new Promise<void>((resolve) => (wake = resolve))
      await patiently(news, () => `${reports.length} of ${count} reports`)
    }
    return reports[count - 1]!
  }
  return { credentials, reports, told }
}

async function agentFor(t: ExecutionContext, first: Buffer | null): Promise<Agent> {
  const agent = await startAgent(first)
  t.teardown(() => agent.remove())
  return agent
}

const wrongIn = (report: ReloadReport) => report.problems.map(({ message }) => message).join('; ')

test('what the agent gives becomes a generation, with the intermediate and the lists', async (t) => {
  const root = await makeCa(undefined, 'root1')
  const ca = await root.intermediate()
  const bundle = Buffer.concat([root.certDer, ca.certDer])
  const leaf = await ca.issue(moduleNames(USERS))
  const svid = { ...svidOf(ca, leaf, URI), bundle }
  const crls = [derOf(await root.crl()), derOf(await ca.crl([leaf.serial]))]
  const agent = await agentFor(t, svidsMessage({ svids: [svid], crls }))
  const { credentials } = world(t, agent.socket)
  const generation = await credentials.start()
  t.is(generation.identity.uri, URI)
  t.is(generation.presented.length, 2)
  t.is(generation.bundle.roots.length, 1)
  t.is(generation.crls.length, 2)
  t.true(generation.byAgent)
  t.regex(generation.warnings.map(({ message }) => message).join(), /own certificate .* is revoked/)
})

test('each update is a generation; the stream stays one', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const agent = await agentFor(t, await message(ca))
  const { credentials, told } = world(t, agent.socket)
  const first = await credentials.start()
  for (let number = 2; number <= 4; number++) {
    agent.push(await message(ca))
    t.like(await told(number), { result: 'ok', number })
  }
  t.not(credentials.current.leaf.serial.hex, first.leaf.serial.hex)
  t.is(agent.calls, 1)
})

test('what a clock that was wrong refused is taken when it is right, without another message', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const agent = await agentFor(t, await message(ca))
  let off = 0
  const { credentials, told } = world(t, agent.socket, { pollMs: 20 }, () => Date.now() + off)
  await credentials.start()
  off = -400 * 86_400_000
  agent.push(await message(ca))
  const refused = await told(2)
  t.is(refused.result, 'failed')
  t.regex(wrongIn(refused), /not valid before/)
  off = 0
  t.like(await told(3), { result: 'ok', number: 2 })
  t.is(agent.calls, 1)
})

test('of several identities the wanted one is taken, of several unwanted ones the first', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const svid = async (uri: string) =>
    svidOf(ca, await ca.issue({ ...moduleNames(USERS), uri: [uri] }), uri)
  const agent = await agentFor(t, svidsMessage({ svids: [await svid(OTHER), await svid(URI)] }))
  const { credentials, told } = world(t, agent.socket)
  t.is((await credentials.start()).identity.uri, URI)
  agent.push(svidsMessage({ svids: [await svid(OTHER), await svid(`${OTHER}-x`)] }))
  t.regex(wrongIn(await told(2)), /the certificate of mod-login-7\.14\.0, the configuration says/)
  t.is(credentials.current.identity.uri, URI)
})

const brokenUpdates: Readonly<Record<string, { make(ca: TestCa): Promise<Buffer>; said: RegExp }>> =
  {
    'no protobuf': {
      make: async () => Buffer.from('garbage'),
      said: /said what cannot be read/,
    },
    'no identity at all': {
      make: async () => svidsMessage({ svids: [] }),
      said: /a message without any identity/,
    },
    'an empty bundle': {
      make: async (ca) => {
        const leaf = await ca.issue(moduleNames(USERS))
        return svidsMessage({ svids: [{ ...svidOf(ca, leaf, URI), bundle: Buffer.alloc(0) }] })
      },
      said: /the file is empty/,
    },
    'half a certificate': {
      make: async (ca) => {
        const svid = svidOf(ca, await ca.issue(moduleNames(USERS)), URI)
        return svidsMessage({ svids: [{ ...svid, chain: svid.chain.subarray(0, -9) }] })
      },
      said: /longer than what holds it/,
    },
    'the key of another': {
      make: async (ca) => {
        const svid = svidOf(ca, await ca.issue(moduleNames(USERS)), URI)
        const { key } = svidOf(ca, await ca.issue(moduleNames(USERS)), URI)
        return svidsMessage({ svids: [{ ...svid, key }] })
      },
      said: /not that of the key/,
    },
    'a leaf of another root': {
      make: async (ca) => {
        const other = await makeCa(undefined, 'root2')
        const svid = svidOf(other, await other.issue(moduleNames(USERS)), URI)
        return svidsMessage({ svids: [{ ...svid, bundle: ca.certDer }] })
      },
      said: /does not lead to a root/,
    },
    'a list of another root': {
      make: async (ca) => message(ca, { crl: await (await makeCa(undefined, 'root2')).crl() }),
      said: /is not trusted/,
    },
  }

for (const [name, { make, said }] of Object.entries(brokenUpdates)) {
  test(`an update with ${name}: told once, the last good one stays, the next good one counts`, async (t) => {
    const ca = await makeCa(undefined, 'root1')
    const agent = await agentFor(t, await message(ca))
    const { credentials, reports, told } = world(t, agent.socket)
    const good = await credentials.start()
    const broken = await make(ca)
    agent.push(broken)
    const report = await told(2)
    t.is(report.result, 'failed')
    t.regex(wrongIn(report), said)
    t.is(credentials.current, good)
    agent.push(broken)
    agent.push(await message(ca))
    t.like(await told(3), { result: 'ok', number: 2 })
    t.is(reports.length, 3)
  })
}

test('an agent that restarts: the same again is silent, the next update counts', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const agent = await agentFor(t, await message(ca))
  const { credentials, reports, told } = world(t, agent.socket, { firstPauseMs: 1000 })
  const good = await credentials.start()
  agent.stop()
  await agent.start()
  await until(() => agent.calls >= 2)
  t.is(credentials.current, good)
  agent.push(await message(ca))
  t.like(await told(2), { result: 'ok', number: 2 })
  t.is(reports.length, 2)
})

test('an absent agent is reported once, and so is its return', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const agent = await agentFor(t, await message(ca))
  const { credentials, told } = world(t, agent.socket)
  const good = await credentials.start()
  agent.stop()
  const report = await told(2)
  t.is(report.result, 'failed')
  t.regex(wrongIn(report), /cannot be used: (there is no such socket|no process listens)/)
  t.is(credentials.current, good)
  await agent.start()
  t.like(await told(3), { result: 'ok', number: 1 })
})

test('an agent that no longer has this workload: its message is reported, the last good one stays', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const agent = await agentFor(t, await message(ca))
  const { credentials, told } = world(t, agent.socket)
  const good = await credentials.start()
  agent.refusal = { code: grpc.status.PERMISSION_DENIED, details: 'no identity issued' }
  agent.end(grpc.status.PERMISSION_DENIED, 'no identity issued')
  t.regex(wrongIn(await told(2)), /PERMISSION_DENIED: "no identity issued"/)
  t.is(credentials.current, good)
})

test('an agent that comes later than this process is waited for', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const agent = await agentFor(t, await message(ca))
  agent.stop()
  const { credentials } = world(t, agent.socket)
  const started = credentials.start()
  await new Promise((resolve) => setTimeout(resolve, 50))
  await agent.start()
  t.is((await started).identity.uri, URI)
})

test('at start: no agent, an empty answer and an unknown workload each end in a Fault that says so', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'okapi-sidecar-agent-'))
  const missing = world(t, join(folder, 'none.sock'), { patienceMs: 100 })
  await t.throwsAsync(missing.credentials.start(), {
    instanceOf: Fault,
    message: /none\.sock: .*cannot be used: there is no such socket/,
  })
  const agent = await agentFor(t, null)
  const silent = world(t, agent.socket, { patienceMs: 100 })
  await t.throwsAsync(silent.credentials.start(), { message: /gave no identity within 100 ms/ })
  agent.refusal = { code: grpc.status.PERMISSION_DENIED, details: 'no identity issued' }
  // All of its patience passes, for the agent may come to know it; on a busy machine that must not be short.
  let message: string | undefined
  for (const patienceMs of [500, 5_000, 20_000]) {
    const unknown = world(t, agent.socket, { patienceMs })
    message = (await t.throwsAsync(unknown.credentials.start()))?.message
    if (!/gave no identity within/.test(message ?? '')) break
  }
  t.regex(message ?? '', /PERMISSION_DENIED/)
})

test('without being watched one answer is read, and the first failure is one', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const agent = await agentFor(t, await message(ca))
  const raw = await sourceOf(agent.socket).read()
  t.regex(raw.cert.bytes.toString(), /^-----BEGIN CERTIFICATE-----/)
  t.regex(raw.key.path, /^unix:\/\/.*agent\.sock \(key of "spiffe:\/\/folio\.test\/module\//)
  t.is(raw.crl, undefined)
  agent.stop()
  await t.throwsAsync(sourceOf(agent.socket).read(), { message: /cannot be used/ })
})

test('a folder in which others may replace the socket is refused', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const agent = await agentFor(t, await message(ca))
  await chmod(dirname(agent.socket), 0o777)
  await t.throwsAsync(sourceOf(agent.socket).read(), { message: /others may replace the socket/ })
  await chmod(dirname(agent.socket), 0o1777)
  await t.notThrowsAsync(sourceOf(agent.socket).read())
  t.deepEqual(await readdir(dirname(agent.socket)), ['agent.sock'])
})

test('an HTTP/2 server that is not an agent is distinguished from one without HTTP/2', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'okapi-sidecar-agent-'))
  const answers: Readonly<
    Record<string, { headers: Record<string, string | number>; said: RegExp }>
  > = {
    html: { headers: { ':status': 200, 'content-type': 'text/html' }, said: /speaks no gRPC/ },
    missing: { headers: { ':status': 404 }, said: /answered with status 404/ },
    almost: {
      headers: { ':status': 200, 'content-type': 'application/grpcx' },
      said: /speaks no gRPC/,
    },
  }
  for (const [name, { headers, said }] of Object.entries(answers)) {
    const socket = join(folder, `${name}.sock`)
    const server = createServer().on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond(headers)
      stream.end('hello')
    })
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    await t.throwsAsync(sourceOf(socket).read(), { message: said }, name)
    await new Promise((resolve) => server.close(resolve))
  }
  const socket = join(folder, 'plain.sock')
  const server = createNetServer((peer) => {
    peer.on('error', () => {})
    peer.resume()
    peer.end('220 mail.example.org ESMTP\r\n')
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  await t.throwsAsync(sourceOf(socket).read(), { message: /cannot be used/ })
  await new Promise((resolve) => server.close(resolve))
})

test('messages that are compressed or too large end the stream', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'okapi-sidecar-agent-'))
  const frames: Readonly<Record<string, { frame: Buffer; said: RegExp }>> = {
    compressed: { frame: Buffer.from([1, 0, 0, 0, 1, 0]), said: /compresses/ },
    large: { frame: Buffer.from([0, 0x7f, 0, 0, 0]), said: /a message of 2130706432 bytes/ },
  }
  for (const [name, { frame, said }] of Object.entries(frames)) {
    const socket = join(folder, `${name}.sock`)
    const server = createServer().on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      stream.write(frame)
    })
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    await t.throwsAsync(sourceOf(socket).read(), { message: said }, name)
    await new Promise((resolve) => server.close(resolve))
  }
})

test('the header that keeps tricked clients out is sent: without it the agent refuses', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const agent = await agentFor(t, await message(ca))
  const client = new grpc.Client(`unix:${agent.socket}`, grpc.credentials.createInsecure())
  const raw = (bytes: Buffer) => bytes
  const call = client.makeServerStreamRequest(
    '/SpiffeWorkloadAPI/FetchX509SVID',
    raw,
    raw,
    Buffer.alloc(0),
  )
  const error = await new Promise<grpc.ServiceError>((resolve) => call.on('error', resolve))
  t.is(error.code, grpc.status.INVALID_ARGUMENT)
  client.close()
  await t.notThrowsAsync(sourceOf(agent.socket).read())
})
