import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import test from 'ava'
import { checkGeneration } from '../../src/credentials/check-generation.ts'
import type { Generation } from '../../src/credentials/generation.ts'
import { Fault, type Problem, sentence } from '../../src/fault.ts'
import { lookWith } from '../../src/transport/handshake-check.ts'
import { contextOptions } from '../../src/transport/tls-options.ts'
import { der, implicit, integer, octets, sequence } from '../support/der.ts'
import {
  authorityKeyIdentifier,
  type CertificateOptions,
  extension,
  type Issued,
  keyIdOf,
  makeCa,
  makePair,
  moduleNames,
  type TestCa,
} from '../support/pki.ts'

// What is checked before a switch is what is judged after it: each bundle here is held against real
// handshakes with peers under every authority in it.

const USERS = 'mod-users-19.7.0'
const OKAPI = 'okapi-7.2.0'

interface Case {
  /** What we show. */
  readonly own: Issued
  readonly bundle: readonly Issued[]
  readonly crl?: string
  /** Of good faith, one of each authority. */
  readonly peers: readonly Issued[]
}

interface Told {
  readonly generation: Generation | undefined
  /** All problems, a line each. */
  readonly text: string
}

const told = (problem: Problem) => `${sentence(problem)} | ${problem.hint ?? ''}`

async function check({ own, bundle, crl }: Case): Promise<Told> {
  const file = (name: string, text: string) => {
    return { bytes: Buffer.from(text), path: name, mode: 0o600 }
  }
  const raw = {
    key: file('tls.key', own.keyPem),
    cert: file('tls.crt', own.chainPem),
    ca: file('ca.crt', bundle.map(({ certPem }) => certPem).join('')),
    ...(crl !== undefined && { crl: file('ca.crl', crl) }),
  }
  const expected = { module: USERS, trustDomain: 'folio.test', now: Date.now() }
  try {
    const generation = await checkGeneration(raw, { ...expected, lookWith })
    return { generation, text: generation.warnings.map(sentence).join('\n') }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { generation: undefined, text: error.problems.map(told).join('\n') }
  }
}

/** What OpenSSL says of each peer over a real socket, in both roles; those that it refuses. */
async function refusedPeers({ own, bundle, crl, peers }: Case): Promise<readonly string[]> {
  const lists = (crl ?? '').split(/(?<=-----END X509 CRL-----\n)/).filter((each) => each !== '')
  const material = (one: Issued) => ({
    ...contextOptions({
      key: one.keyPem,
      cert: one.chainPem,
      ca: bundle.map(({ certPem }) => certPem),
      crl: lists,
    }),
    rejectUnauthorized: false,
  })
  const refused: string[] = []
  for (const peer of peers) {
    const server = tls.createServer({ ...material(own), requestCert: true })
    const seen = new Promise<tls.TLSSocket>((resolve, reject) => {
      server.on('tlsClientError', reject)
      server.on('secureConnection', (socket) => resolve(socket.on('error', () => {})))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const checkServerIdentity = () => undefined
    const client = tls.connect({ ...material(peer), port, host: '127.0.0.1', checkServerIdentity })
    client.on('error', () => {})
    await once(client, 'secureConnect')
    const socket = await seen
    if (!socket.authorized) refused.push(String(socket.authorizationError))
    if (!client.authorized) refused.push(`ours: ${client.authorizationError}`)
    client.destroy()
    server.close()
  }
  return refused
}

/** A root beside ours with a peer, both as asked for. */
async function beside(
  rootOptions: CertificateOptions,
  leafOptions: CertificateOptions = {},
): Promise<Case> {
  const ours = await makeCa(undefined, 'ours')
  const other = await makeCa(undefined, 'other', rootOptions)
  const peers = [await other.issue({ ...moduleNames(OKAPI), ...leafOptions })]
  const own = await ours.issue(moduleNames(USERS))
  return { own, bundle: [ours, other], peers: [...peers, await ours.issue(moduleNames(OKAPI))] }
}

/** Two roots of one name; ours is the one at this place. */
async function twins(place: 0 | 1, ids: CertificateOptions): Promise<Case> {
  const roots = [
    await makeCa(undefined, 'twin', { key: makePair('p256'), ...ids }),
    await makeCa(undefined, 'twin', { key: makePair('p256'), ...ids }),
  ]
  const leafIds = ids.subjectKeyId === null ? { authorityKeyId: null } : {}
  const own = await roots[place]!.issue({ ...moduleNames(USERS), ...leafIds })
  const peers = await Promise.all(
    roots.map((root) => root.issue({ ...moduleNames(OKAPI), ...leafIds })),
  )
  return { own, bundle: roots, peers }
}

async function withList(crl: (ca: TestCa) => Promise<string>): Promise<Case> {
  const ours = await makeCa(undefined, 'ours')
  const own = await ours.issue(moduleNames(USERS))
  const peers = [await ours.issue(moduleNames(OKAPI))]
  return { own, bundle: [ours], peers, crl: await crl(ours) }
}

const NO_IDS: CertificateOptions = { subjectKeyId: null, authorityKeyId: null }
const uriConstraint = (tag: number, host: string) =>
  extension('2.5.29.30', sequence(der(0xa0 | tag, sequence(implicit(6, Buffer.from(host))))), true)
const distributionPoint = der(0xa0, der(0xa0, implicit(6, Buffer.from('http://crl.test/a.crl'))))

const WRONG: Readonly<Record<string, readonly [() => Promise<Case>, RegExp]>> = {
  'a list for one distribution point, not critical': [
    () =>
      withList((ca) =>
        ca.crl([], { extensions: [extension('2.5.29.28', sequence(distributionPoint))] }),
      ),
    /^ca\.crl: .*covers only a part .*issuingDistributionPoint/,
  ],
  'a list of CA certificates only': [
    () =>
      withList((ca) =>
        ca.crl([], {
          extensions: [extension('2.5.29.28', sequence(implicit(2, Buffer.of(0xff))))],
        }),
      ),
    /^ca\.crl: .*covers only a part/,
  ],
  'a list that names the key of another authority': [
    () =>
      withList((ca) => {
        const other = authorityKeyIdentifier(keyIdOf(makePair('p256')))
        return ca.crl([], { extensions: [other] })
      }),
    /^ca\.crl: .*CRL/,
  ],
  'two roots of one name without key identifiers, the wrong one first': [
    () => twins(1, NO_IDS),
    /^ca\.crt: two authorities have the name CN=twin and different keys/,
  ],
  'two roots of one name without key identifiers, the right one first': [
    () => twins(0, NO_IDS),
    /^ca\.crt: two authorities have the name CN=twin and different keys/,
  ],
  'lists of two roots of one name that do not say whose they are': [
    async () => {
      const both = await twins(0, {})
      const lists = (both.bundle as TestCa[]).map((root) => root.crl())
      return { ...both, crl: (await Promise.all(lists)).join('') }
    },
    /^ca\.crl: OpenSSL would refuse every peer that CN=twin .*CRL signature failure/,
  ],
  'another root for any purpose, which OpenSSL takes for none': [
    () => beside({ eku: ['any'] }),
    /^ca\.crt: OpenSSL would refuse every peer that CN=other .*purpose/,
  ],
  'another root for servers only': [
    () => beside({ eku: ['serverAuth'] }),
    /^ca\.crt: OpenSSL would refuse every peer that CN=other .*as a client.*PURPOSE/i,
  ],
  'another root whose authority key identifier is not its own': [
    () => beside({ authorityKeyId: Buffer.alloc(20, 7) }),
    /^ca\.crt: .*CN=other/,
  ],
  'an intermediate under a root that allows none': [
    async () => {
      const ours = await makeCa(undefined, 'ours')
      const other = await makeCa(undefined, 'other', { pathLength: 0 })
      const between = await other.intermediate()
      const own = await ours.issue(moduleNames(USERS))
      const peers = [await between.issue(moduleNames(OKAPI))]
      return { own, bundle: [ours, other, between], peers }
    },
    /^ca\.crt: OpenSSL would refuse every peer that CN=other intermediate .*path length/,
  ],
  'an intermediate without its root': [
    async () => {
      const ours = await makeCa(undefined, 'ours')
      const between = await (await makeCa(undefined, 'other')).intermediate()
      const own = await ours.issue(moduleNames(USERS))
      return { own, bundle: [ours, between], peers: [await between.issue(moduleNames(OKAPI))] }
    },
    /^ca\.crt: OpenSSL would refuse every peer that CN=other intermediate .*issuer/,
  ],
  'lists, and an intermediate of ours that is in tls.crt alone': [
    async () => {
      const ours = await makeCa(undefined, 'ours')
      const between = await ours.intermediate()
      const own = await between.issue(moduleNames(USERS))
      return { own, bundle: [ours], peers: [own], crl: await ours.crl() }
    },
    /^ca\.crl: in a trial handshake our own certificate was refused.*CN=ours intermediate \(and its certificate into ca\.crt\)/s,
  ],
  'our own root with name constraints that exclude us': [
    async () => {
      const ours = await makeCa(undefined, 'ours', {
        extensions: [uriConstraint(1, 'folio.test')],
      })
      const own = await ours.issue(moduleNames(USERS))
      return { own, bundle: [ours], peers: [own] }
    },
    /^tls\.crt: in a trial handshake our own certificate was refused.*subtree/,
  ],
  'a critical list number': [
    () =>
      withList((ca) =>
        ca.crl([], { number: null, extensions: [extension('2.5.29.20', integer(1), true)] }),
      ),
    /^ca\.crl: .*critical extension/,
  ],
}
for (const [name, [make, says]] of Object.entries(WRONG)) {
  test(`refused, and OpenSSL would have refused peers: ${name}`, async (t) => {
    const it = await make()
    const { generation, text } = await check(it)
    t.is(generation, undefined)
    t.regex(text, says)
    t.false(/UNSPECIFIED/.test(text), text)
    t.true((await refusedPeers(it)).length > 0)
  })
}

const FINE: Readonly<Record<string, () => Promise<Case>>> = {
  'another root': () => beside({}),
  'another root with RSA': () => beside({ key: 'rsa2048' }),
  'another root with P-384': () => beside({ key: 'p384' }),
  'another root with Ed25519': () => beside({ key: 'ed25519' }),
  'another root for both purposes': () => beside({ eku: ['serverAuth', 'clientAuth'] }),
  'another root without key identifiers': () => beside(NO_IDS, { authorityKeyId: null }),
  'another root without key usage': () => beside({ keyUsage: null }),
  'another root that allows no authority below': () => beside({ pathLength: 0 }),
  'another root with constraints that leave room for us': () =>
    beside({ extensions: [uriConstraint(0, 'folio.test')] }),
  'another root with an unknown extension': () =>
    beside({ extensions: [extension('1.2.3.4.5', octets(Buffer.of(1)))] }),
  'two roots of one name with key identifiers': () => twins(1, {}),
  'a list': () => withList((ca) => ca.crl()),
  'a list that names the key of its authority': () =>
    withList((ca) => ca.crl([], { extensions: [authorityKeyIdentifier(keyIdOf(ca.pair))] })),
  'a list without number': () => withList((ca) => ca.crl([], { number: null })),
  'lists of two roots of one name that say whose they are': async () => {
    const both = await twins(0, {})
    const lists = (both.bundle as TestCa[]).map((root) =>
      root.crl([], { extensions: [authorityKeyIdentifier(keyIdOf(root.pair))] }),
    )
    return { ...both, crl: (await Promise.all(lists)).join('') }
  },
  'an intermediate with its root': async () => {
    const ours = await makeCa(undefined, 'ours')
    const other = await makeCa(undefined, 'other')
    const between = await other.intermediate()
    const own = await ours.issue(moduleNames(USERS))
    const peers = [await between.issue(moduleNames(OKAPI))]
    return { own, bundle: [ours, between, other], peers }
  },
  'a root that another one, which is there too, has signed as well': async () => {
    const ours = await makeCa(undefined, 'ours')
    const pair = makePair('p256')
    const other = await makeCa(undefined, 'other', { key: pair })
    const crossed = await ours.intermediate('other', { key: pair })
    const own = await ours.issue(moduleNames(USERS))
    const peers = [await other.issue(moduleNames(OKAPI))]
    return { own, bundle: [ours, other, crossed], peers }
  },
}
for (const [name, make] of Object.entries(FINE)) {
  test(`taken, and OpenSSL takes every peer: ${name}`, async (t) => {
    const it = await make()
    const { generation, text } = await check(it)
    t.not(generation, undefined, text)
    t.deepEqual(await refusedPeers(it), [])
  })
}

test('refused although OpenSSL takes it for the whole list: a delta, not critical', async (t) => {
  const delta = { extensions: [extension('2.5.29.27', integer(1))] }
  const it = await withList((ca) => ca.crl([], delta))
  const { generation, text } = await check(it)
  t.is(generation, undefined)
  t.regex(text, /^ca\.crl: .*covers only a part .*delta/)
})

test('every key that the profile takes proves itself in TLS 1.2 too', async (t) => {
  for (const key of ['p256', 'p384', 'p521', 'ed25519', 'rsa2048', 'rsa3072'] as const) {
    const ours = await makeCa(undefined, 'ours')
    const own = await ours.issue({ ...moduleNames(USERS), key })
    const { generation, text } = await check({ own, bundle: [ours], peers: [] })
    t.not(generation, undefined, `${key}: ${text}`)
  }
})

test('name constraints that exclude every name here are reported, and affect no other authority', async (t) => {
  const it = await beside({ extensions: [uriConstraint(0, 'partner.test')] })
  const { generation, text } = await check(it)
  t.not(generation, undefined)
  t.regex(text, /^ca\.crt: OpenSSL would refuse every peer that CN=other .*permitted subtree/)
})

test('a root that begins later says when', async (t) => {
  const notBefore = new Date(Date.now() + 3_600_000)
  const { generation, text } = await check(await beside({ notBefore }))
  t.not(generation, undefined)
  const second = `${notBefore.toISOString().slice(0, 19)}.000Z`
  t.true(text.includes(`is not valid before ${second}`), text)
})

test('our own certificate on a list of its root warns, and so does its issuer on one', async (t) => {
  const ours = await makeCa(undefined, 'ours')
  const between = await ours.intermediate()
  const own = await between.issue(moduleNames(USERS))
  const bundle = [ours, between]
  const lists = async (ofRoot: Issued[], ofIssuer: Issued[]) =>
    check({
      own,
      bundle,
      peers: [],
      crl: (await ours.crl(ofRoot)) + (await between.crl(ofIssuer)),
    })
  for (const told of [await lists([], [own]), await lists([between], [])]) {
    t.not(told.generation, undefined, told.text)
    t.regex(told.text, /^tls\.crt: our own certificate is revoked/)
  }
  t.is((await lists([], [])).text, '')
})
