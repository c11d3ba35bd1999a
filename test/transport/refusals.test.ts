import { once } from 'node:events'
import { connect, TLSSocket } from 'node:tls'
import test from 'ava'
import { Dialer } from '../../src/transport/dial.ts'
import { Authority, type Issued, type LeafWish, materialOf } from './authority.ts'
import {
  dialerTo,
  dialOnce,
  liveById,
  only,
  openRecorder,
  openTestListener,
  readAll,
  type TestListener,
} from './peers.ts'
import { type Listed, realJudge } from './real-judge.ts'

const root = new Authority('root')
const middle = root.intermediate('middle')
const other = new Authority('other')
// The same name as the real one: only the signature tells them apart.
const stranger = new Authority('root')
const strangeMiddle = stranger.intermediate('middle')

const own = root.issue('okapi-7.2.0')
const REQUEST = 'GET /_/proxy/tenants HTTP/1.1\r\nHost: okapi\r\nX-Secret: planted\r\n\r\n'

interface Case {
  readonly reason: string
  /** What is wrong, in a few words. */
  readonly because: string
  readonly issue: (authority: Authority, foreign: Authority) => Issued | null
  readonly lists?: (authority: Authority, peer: Issued) => readonly Listed[]
}

const leaf = (wish: LeafWish) => (authority: Authority) => authority.issue('mod-notes-7.0.0', wish)
const PROFILE = [
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=serverAuth,clientAuth',
  'subjectAltName=URI:spiffe://folio.test/module/mod-notes-7.0.0',
]

function allLists(authority: Authority, revoked: readonly Issued[]): readonly Listed[] {
  const lists = [root, middle].map((by) => {
    return { by, pem: by === authority ? by.crl(...revoked) : by.crl() }
  })
  return authority === root ? lists.slice(0, 1) : lists
}

const CASES: readonly Case[] = [
  { reason: 'no-certificate', because: 'it shows none', issue: () => null },
  {
    reason: 'untrusted-certificate',
    because: 'another root of the same name signed it',
    issue: (_, foreign) => foreign.issue('mod-notes-7.0.0'),
  },
  {
    reason: 'untrusted-certificate',
    because: 'its leaf is a CA',
    issue: leaf({ extensions: ['basicConstraints=critical,CA:TRUE', ...PROFILE] }),
  },
  {
    reason: 'expired-certificate',
    because: 'its time is over',
    issue: leaf({ from: '20240101000000Z', until: '20240201000000Z' }),
  },
  {
    reason: 'expired-certificate',
    because: 'its time has not come',
    issue: leaf({ from: '20480101000000Z', until: '20490201000000Z' }),
  },
  {
    reason: 'revoked-certificate',
    because: 'its issuer lists it',
    issue: leaf({}),
    lists: (authority, peer) => allLists(authority, [peer]),
  },
  {
    reason: 'revocation-unknown',
    because: 'the only list is from another issuer',
    issue: leaf({}),
    lists: () => [{ by: other, pem: other.crl() }],
  },
  {
    reason: 'bad-identity',
    because: 'its URI is of another trust domain',
    issue: leaf({ uri: 'spiffe://folio.evil/module/mod-notes-7.0.0' }),
  },
  {
    reason: 'bad-identity',
    because: 'it has a DNS name only',
    issue: leaf({
      extensions: [
        'basicConstraints=critical,CA:FALSE',
        ...PROFILE.slice(0, 2),
        'subjectAltName=DNS:mod-notes-7.0.0',
      ],
    }),
  },
]

function call(
  ingress: TestListener,
  version: 'TLSv1.2' | 'TLSv1.3',
  peer: Issued | null,
): TLSSocket {
  const { port } = ingress
  const shown = peer === null ? {} : { key: peer.key, cert: peer.cert }
  const versions = { minVersion: version, maxVersion: version }
  const socket = connect({ port, ...shown, ...versions, rejectUnauthorized: false })
  socket.on('secureConnect', () => socket.write(REQUEST))
  return socket
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [authority, foreign] of [
    [root, stranger],
    [middle, strangeMiddle],
  ] as const) {
    for (const { reason, because, issue, lists } of CASES) {
      const title = `${version}, below ${authority.name}: ${reason}, ${because}`
      const roots = [root, other]
      const peer = issue(authority, foreign)
      const listed = peer === null ? [] : (lists?.(authority, peer) ?? [])
      const crl = listed.map(({ pem }) => pem)
      const authenticator = realJudge(roots, listed)

      test(`a client is refused: ${title}`, async (t) => {
        const ingress = await openTestListener({
          material: materialOf(own, roots, crl),
          authenticator,
        })
        const response = await readAll(call(ingress, version, peer))
        const [head = '', body = ''] = response.split('\r\n\r\n')
        t.regex(head, /^HTTP\/1\.1 403 Forbidden\r\n/)
        t.true(head.split('\r\n').includes(`X-Sidecar-Refused: ${reason}`))
        t.true(head.split('\r\n').includes('Connection: close'))
        t.is(response.split('HTTP/1.1').length, 2)
        const { detail, requestId, ...document } = JSON.parse(body)
        t.is(document.reason, reason)
        t.is(detail, undefined)
        t.regex(requestId, /^[0-9a-f-]{36}$/)
        t.deepEqual(ingress.events, [`refused ${reason}`])
        t.is(ingress.peers.length, 0)
        t.is(ingress.received.length, 0)
        t.is(ingress.live.size, 0)
        await ingress.close()
      })

      if (peer === null) continue
      test(`a server is refused: ${title}`, async (t) => {
        const { key, cert } = peer
        const ca = root.cert
        const server = await openRecorder({ key, cert, ca, maxVersion: version })
        const live = liveById()
        const material = materialOf(own, roots, crl)
        const fits = only('mod-notes-7.0.0')
        const dialer = new Dialer(
          dialerTo([server.port], { material: () => material, authenticator, fits, live }),
        )
        const { refusal, socket } = await dialOnce(dialer)
        t.is(refusal?.reason, 'upstream-untrusted')
        t.true(refusal?.because.includes(`${reason}: `), refusal?.because)
        t.is(socket, null)
        t.is(live.size, 0)
        await server.close()
        t.is(server.received.length, 0)
      })
    }

    test(`the twin with nothing wrong is served: ${version}, below ${authority.name}`, async (t) => {
      const listed = allLists(authority, [])
      const crl = listed.map(({ pem }) => pem)
      const roots = [root]
      const authenticator = realJudge(roots, listed)
      const ingress = await openTestListener({
        material: materialOf(own, roots, crl),
        authenticator,
      })
      const peer = authority.issue('mod-notes-7.0.0')
      const socket = call(ingress, version, peer)
      await once(socket, 'data')
      t.deepEqual(
        ingress.peers.map(({ identity }) => identity),
        ['mod-notes-7.0.0'],
      )
      t.deepEqual(ingress.events, [])
      socket.destroy()
      await ingress.close()

      const { key, cert } = peer
      const server = await openRecorder({ key, cert, ca: root.cert, maxVersion: version })
      const material = materialOf(own, roots, crl)
      const fits = only('mod-notes-7.0.0')
      const live = liveById()
      const dialer = new Dialer(
        dialerTo([server.port], { material: () => material, authenticator, fits, live }),
      )
      const dialled = await dialOnce(dialer)
      t.is(dialled.refusal, null)
      t.is(dialled.identity, 'mod-notes-7.0.0')
      t.is(dialled.socket instanceof TLSSocket && dialled.socket.getProtocol(), version)
      dialled.socket?.destroy()
      await server.close()
    })
  }
}
