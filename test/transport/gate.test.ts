import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import test from 'ava'
import {
  type Authenticator,
  authenticate,
  type PeerCertificates,
} from '../../src/transport/authenticate.ts'
import { LiveSet } from '../../src/transport/live-set.ts'
import { Authority, type Issued, materialOf } from './authority.ts'
import { judgeById, openRecorder, openTestListener, readAll } from './peers.ts'

const root = new Authority('root')
const middle = root.intermediate('middle')
const users = materialOf(root.issue('mod-users-19.7.0'), [root])
const notes = root.issue('mod-notes-7.0.0')
const stranger = new Authority('root').issue('mod-notes-7.0.0')

/** What a client hears that shows this certificate and asks for something. */
function ask(port: number, shown: Issued | null): Promise<string> {
  const { key, cert } = shown ?? {}
  const pair = key === undefined || cert === undefined ? {} : { key, cert }
  const socket = connect({ port, ...pair, rejectUnauthorized: false })
  socket.write('GET / HTTP/1.1\r\n\r\n')
  return readAll(socket)
}

const CARELESS: readonly (readonly [string, Issued | null, Authenticator<string>])[] = [
  [
    'throws',
    notes,
    () => {
      throw new Error('broken')
    },
  ],
  ['says nothing', notes, () => JSON.parse('null')],
  ['believes all, asked about a stranger', stranger, () => 'mod-notes-7.0.0'],
  ['believes all, asked about a peer without a certificate', null, () => 'mod-notes-7.0.0'],
]

for (const [what, shown, authenticator] of CARELESS) {
  test(`an authenticator that ${what}, lets no peer in`, async (t) => {
    const ingress = await openTestListener({ material: users, authenticator })
    const answer = await ask(ingress.port, shown)
    t.regex(answer, /^HTTP\/1\.1 403 Forbidden\r\nX-Sidecar-Refused: untrusted-certificate\r\n/)
    t.deepEqual(ingress.events, ['refused untrusted-certificate'])
    t.is(ingress.peers.length, 0)
    t.is(ingress.received.length, 0)
    await ingress.close()
  })
}

for (const what of ['record', 'peerKey'] as const) {
  test(`a ${what} that throws lets no peer in`, async (t) => {
    const broken = () => {
      throw new Error('broken')
    }
    const good = { peerKey: (id: string) => id, record: () => null }
    const live = new LiveSet<string, null>({ ...good, [what]: broken })
    const ingress = await openTestListener({ material: users, live })
    t.regex(await ask(ingress.port, notes), /X-Sidecar-Refused: untrusted-certificate\r\n/)
    t.is(ingress.peers.length, 0)
    t.is(live.size, 0)
    await ingress.close()
  })
}

for (const [issued, names] of [
  [notes, ['mod-notes-7.0.0', 'root']],
  [middle.issue('mod-notes-7.0.0'), ['mod-notes-7.0.0', 'middle', 'root']],
] as const) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`the judge sees ${names.join(' < ')} over ${version}, and the role`, async (t) => {
      const seen: PeerCertificates[] = []
      const authenticator: Authenticator<string> = (facts) => {
        seen.push(facts)
        return judgeById(facts)
      }
      const ingress = await openTestListener({ material: users, authenticator })
      const { key, cert } = issued
      const versions = { minVersion: version, maxVersion: version }
      const socket = connect({ port: ingress.port, key, cert, ca: root.cert, ...versions })
      await once(socket, 'data')
      const [facts] = seen
      t.is(seen.length, 1)
      t.is(facts?.authorized, true)
      t.is(facts?.error, undefined)
      t.is(facts?.role, 'client')
      t.deepEqual(
        facts?.chain.map((der) => new X509Certificate(der).subject),
        names.map((name) => `CN=${name}`),
      )
      socket.destroy()
      await ingress.close()
    })
  }
}

test('a chain of many is shown to ten certificates and no further', async (t) => {
  let below = root
  for (let depth = 0; depth < 11; depth++) below = below.intermediate(`ca${depth}`)
  const { key, cert } = below.issue('mod-notes-7.0.0')
  const seen: PeerCertificates[] = []
  const authenticator: Authenticator<string> = (facts) => {
    seen.push(facts)
    return judgeById(facts)
  }
  const ingress = await openTestListener({ material: users, authenticator })
  const socket = connect({ port: ingress.port, key, cert, rejectUnauthorized: false })
  await once(socket, 'data')
  socket.destroy()
  t.is(seen[0]?.chain.length, 10)
  await ingress.close()
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a resumed connection proves nothing to either side over ${version}`, async (t) => {
    const { key, cert } = root.issue('okapi-7.2.0')
    // A server that is none of ours, since ours cannot be resumed.
    const server = await openRecorder({ key, cert, ca: root.cert, maxVersion: version }, 'hello')
    const verdicts: unknown[] = []
    server.server.prependListener('secureConnection', (socket) => {
      verdicts.push(authenticate(socket, 'client', judgeById))
    })
    const base = { port: server.port, key: notes.key, cert: notes.cert, ca: root.cert }
    let session: Buffer | undefined
    for (let visit = 0; visit < 2; visit++) {
      const socket = connect({ ...base, ...(session === undefined ? {} : { session }) })
      const kept = once(socket, 'session')
      await once(socket, 'data')
      verdicts.push(authenticate(socket, 'server', judgeById))
      if (!socket.isSessionReused()) [session] = await kept
      socket.destroy()
    }
    await server.close()
    const [client, serving, ...resumed] = verdicts
    t.like(client, { identity: 'mod-notes-7.0.0' })
    t.like(serving, { identity: 'okapi-7.2.0' })
    t.is(resumed.length, 2)
    for (const verdict of resumed) {
      t.like(verdict, { reason: 'untrusted-certificate', status: 403 })
      t.regex(JSON.stringify(verdict), /resumed/)
    }
  })
}
