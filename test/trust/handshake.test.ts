import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import test from 'ava'
import type { Refusal } from '../../src/refusal/refusal.ts'
import type { Identity } from '../../src/trust/identity.ts'
import { judgePeer, type PeerFacts, type TrustContext } from '../../src/trust/judge.ts'
import {
  type CertificateOptions,
  type Issued,
  makeCa,
  makePair,
  moduleNames,
  type TestCa,
} from '../support/pki.ts'
import { trusting } from '../support/trust.ts'

// Real handshakes: what Node says of a peer is taken from a real socket, judged on both sides.

const USERS = 'mod-users-19.7.0'
const OKAPI = 'okapi-7.2.0'
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
type Verdict = Identity | Refusal

/** As much of its chain as Node shows, leaf first. */
function shownBy(socket: tls.TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate = socket.getPeerX509Certificate()
  while (certificate !== undefined && chain.length < 10) {
    chain.push(certificate.raw)
    const issuer = certificate.issuerCertificate
    if (issuer === undefined || issuer.fingerprint256 === certificate.fingerprint256) break
    certificate = issuer
  }
  return chain
}

function factsOf(socket: tls.TLSSocket, role: PeerFacts['role']): PeerFacts {
  const error: unknown = socket.authorizationError
  const code = error instanceof Error && 'code' in error ? String(error.code) : error
  const known = code === null || code === undefined ? undefined : String(code)
  return { authorized: socket.authorized, error: known, chain: shownBy(socket), role }
}

interface Meeting {
  readonly version: (typeof VERSIONS)[number]
  readonly server: Issued
  readonly client: Issued | undefined
  readonly ca: readonly string[]
  readonly crls?: readonly string[]
  readonly context: TrustContext
}

/** One handshake; what each side's judge says about the other. */
async function meet(meeting: Meeting): Promise<{ client: Verdict; server: Verdict }> {
  const { version, server, client, ca, crls = [], context } = meeting
  const common = {
    ca: [...ca],
    ...(crls.length > 0 && { crl: [...crls] }),
    minVersion: version,
    maxVersion: version,
    rejectUnauthorized: false,
  }
  const own = { key: server.keyPem, cert: server.chainPem }
  const listener = tls.createServer({ ...common, ...own, requestCert: true })
  const judged = new Promise<Verdict>((resolve, reject) => {
    listener.on('tlsClientError', reject)
    listener.on('secureConnection', (socket) => {
      socket.on('error', () => {})
      resolve(judgePeer(factsOf(socket, 'client'), context))
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const mine = client === undefined ? {} : { key: client.keyPem, cert: client.chainPem }
  const checkServerIdentity = () => undefined
  const socket = tls.connect({ ...common, ...mine, port, host: '127.0.0.1', checkServerIdentity })
  socket.on('error', () => {})
  try {
    await once(socket, 'secureConnect')
    return { server: judgePeer(factsOf(socket, 'server'), context), client: await judged }
  } finally {
    socket.destroy()
    listener.close()
  }
}

const each = async (run: (version: Meeting['version'], between: boolean) => Promise<void>) => {
  for (const version of VERSIONS) for (const between of [false, true]) await run(version, between)
}

/** Root, and what issues leaves: the root itself or an intermediate. */
async function authorities(between: boolean): Promise<{ root: TestCa; issuing: TestCa }> {
  const root = await makeCa(undefined, 'root1')
  return { root, issuing: between ? await root.intermediate() : root }
}

test('both sides prove themselves, in TLS 1.2 and 1.3, with and without an intermediate', async (t) => {
  await each(async (version, between) => {
    const { root, issuing } = await authorities(between)
    const server = await issuing.issue(moduleNames(OKAPI))
    const client = await issuing.issue(moduleNames(USERS))
    const context = trusting([root])
    const verdict = await meet({ version, server, client, ca: [root.certPem], context })
    t.like(verdict, { client: { id: USERS }, server: { id: OKAPI } }, `${version} ${between}`)
  })
})

test('no certificate', async (t) => {
  for (const version of VERSIONS) {
    const { root } = await authorities(false)
    const server = await root.issue(moduleNames(OKAPI))
    const context = trusting([root])
    const verdict = await meet({ version, server, client: undefined, ca: [root.certPem], context })
    t.like(verdict.client, { reason: 'no-certificate' }, version)
  }
})

const soon = () => new Date(Date.now() + 86_400_000)
const ago = () => new Date(Date.now() - 1000)

const refusals: readonly [string, string, () => CertificateOptions][] = [
  ['expired', 'expired-certificate', () => ({ notAfter: ago() })],
  ['not valid yet', 'expired-certificate', () => ({ notBefore: soon() })],
  ['a forged signature', 'untrusted-certificate', () => ({ forged: true })],
  ['CA:TRUE', 'untrusted-certificate', () => ({ ca: true, keyUsage: [0, 5] })],
  ['no purpose', 'untrusted-certificate', () => ({ eku: null })],
  ['any purpose', 'untrusted-certificate', () => ({ eku: ['any'] })],
  ['two URIs', 'bad-identity', () => ({ uri: ['spiffe://folio.test/module/a-1', 'x:y'] })],
  ['another trust domain', 'bad-identity', () => moduleNames(USERS, 'other.test')],
  ['NUL in the URI', 'bad-identity', () => ({ uri: [`spiffe://folio.test/module/${USERS}\0`] })],
  ['no URI', 'bad-identity', () => ({ uri: [], dns: [USERS] })],
]
for (const [name, reason, options] of refusals) {
  test(`refused as client and as server: ${name}`, async (t) => {
    await each(async (version, between) => {
      const { root, issuing } = await authorities(between)
      const good = await issuing.issue(moduleNames(OKAPI))
      const bad = await issuing.issue({ ...moduleNames(USERS), ...options() })
      const meeting = { version, ca: [root.certPem], context: trusting([root]) }
      const asClient = await meet({ ...meeting, server: good, client: bad })
      t.like(
        asClient,
        { client: { reason }, server: { id: OKAPI } },
        `client ${version} ${between}`,
      )
      const asServer = await meet({ ...meeting, server: bad, client: good })
      t.like(
        asServer,
        { server: { reason }, client: { id: OKAPI } },
        `server ${version} ${between}`,
      )
    })
  })
}

test('the wrong purpose is refused in the role that it is not for', async (t) => {
  for (const version of VERSIONS) {
    const { root } = await authorities(false)
    const good = await root.issue(moduleNames(OKAPI))
    const meeting = { version, ca: [root.certPem], context: trusting([root]) }
    const serverOnly = await root.issue({ ...moduleNames(USERS), eku: ['serverAuth'] })
    const clientOnly = await root.issue({ ...moduleNames(USERS), eku: ['clientAuth'] })
    const refused = { reason: 'untrusted-certificate' }
    t.like(await meet({ ...meeting, server: good, client: serverOnly }), { client: refused })
    t.like(await meet({ ...meeting, server: clientOnly, client: good }), { server: refused })
    const fine = await meet({ ...meeting, server: serverOnly, client: clientOnly })
    t.like(fine, { client: { id: USERS }, server: { id: USERS } })
  }
})

test('a foreign CA, a self-signed certificate, and a root of the same name', async (t) => {
  await each(async (version, between) => {
    const { root, issuing } = await authorities(between)
    const good = await issuing.issue(moduleNames(OKAPI))
    const foreign = await makeCa(undefined, 'foreign')
    const double = await makeCa(undefined, 'root1', { key: makePair('p256') })
    const self = await makeCa(undefined, USERS, {
      ...moduleNames(USERS),
      ca: false,
      keyUsage: [0],
      eku: ['clientAuth', 'serverAuth'],
    })
    const through = between ? await foreign.intermediate() : foreign
    const bad = [
      await through.issue(moduleNames(USERS)),
      await double.issue(moduleNames(USERS)),
      self,
    ]
    for (const peer of bad) {
      const meeting = { version, ca: [root.certPem], context: trusting([root]) }
      const refused = { reason: 'untrusted-certificate' }
      t.like(await meet({ ...meeting, server: good, client: peer }), { client: refused })
      t.like(await meet({ ...meeting, server: peer, client: good }), { server: refused })
    }
  })
})

test('revoked, and without a list for its issuer', async (t) => {
  await each(async (version, between) => {
    const { root, issuing } = await authorities(between)
    const good = await issuing.issue(moduleNames(OKAPI))
    const bad = await issuing.issue(moduleNames(USERS))
    const trusted = between ? [root, issuing] : [root]
    const ca = trusted.map(({ certPem }) => certPem)
    const met = (crls: readonly string[], client: Issued) =>
      meet({ version, server: good, client, ca, crls, context: trusting(trusted, { crls }) })
    const ofRoot = between ? [await root.crl()] : []
    const all = [...ofRoot, await issuing.crl([bad])]
    t.like(await met(all, bad), {
      client: { reason: 'revoked-certificate' },
      server: { id: OKAPI },
    })
    t.like(await met(all, good), { client: { id: OKAPI }, server: { id: OKAPI } })
    if (!between) return
    const unknown = await met(ofRoot, bad)
    t.like(unknown, {
      client: { reason: 'revocation-unknown' },
      server: { reason: 'revocation-unknown' },
    })
  })
})

test('every peer is refused with revocation-unknown once a list has expired', async (t) => {
  for (const version of VERSIONS) {
    const root = await makeCa(undefined, 'root1')
    const both = await root.issue(moduleNames(USERS))
    const crls = [await root.crl([], { thisUpdate: new Date('2026-01-01'), nextUpdate: ago() })]
    const context = trusting([root], { crls })
    const verdict = await meet({
      version,
      server: both,
      client: both,
      ca: [root.certPem],
      crls,
      context,
    })
    const refused = { reason: 'revocation-unknown' }
    t.like(verdict, { client: refused, server: refused }, version)
  }
})

test('an intermediate that the peer does not send: refused, unless the bundle has it', async (t) => {
  for (const version of VERSIONS) {
    const { root, issuing } = await authorities(true)
    const server = await issuing.issue(moduleNames(OKAPI))
    const whole = await issuing.issue(moduleNames(USERS))
    const bare = { ...whole, chainPem: whole.certPem }
    const met = (trusted: readonly TestCa[]) => {
      const ca = trusted.map(({ certPem }) => certPem)
      return meet({ version, server, client: bare, ca, context: trusting(trusted) })
    }
    t.like(await met([root]), { client: { reason: 'untrusted-certificate' } }, version)
    t.like(await met([root, issuing]), { client: { id: USERS } }, version)
  }
})

test('every kind of key that the profile takes works in a handshake', async (t) => {
  const root = await makeCa(undefined, 'root1')
  const okapi = await root.issue(moduleNames(OKAPI))
  for (const version of VERSIONS) {
    for (const key of ['p256', 'p384', 'p521', 'ed25519', 'rsa2048'] as const) {
      const peer = await root.issue({ ...moduleNames(USERS), key })
      const meeting = { version, ca: [root.certPem], context: trusting([root]) }
      const verdict = await meet({ ...meeting, server: okapi, client: peer })
      t.like(verdict, { client: { id: USERS } }, `${version} ${key}`)
    }
  }
})
