import { X509Certificate } from 'node:crypto'
import test from 'ava'
import { checkGeneration } from '../../src/credentials/check-generation.ts'
import type { Expectation } from '../../src/credentials/generation.ts'
import type { RawFile, RawMaterial } from '../../src/credentials/raw-material.ts'
import { Fault, type Problem } from '../../src/fault.ts'
import { lookWith } from '../../src/transport/handshake-check.ts'
import {
  type CertificateOptions,
  makeCa,
  makePair,
  moduleNames,
  type TestCa,
} from '../support/pki.ts'

const USERS = 'mod-users-19.7.0'
const DAY_MS = 86_400_000

const expected = (over: Partial<Expectation> = {}): Expectation => ({
  module: USERS,
  trustDomain: 'folio.test',
  now: Date.now(),
  lookWith,
  ...over,
})

const file = (name: string, text: string | Buffer, mode = 0o600): RawFile => ({
  bytes: Buffer.from(text),
  path: `/certs/${name}`,
  mode,
})

interface Parts {
  readonly key?: string | Buffer
  readonly cert?: string | Buffer
  readonly ca?: string | Buffer
  readonly crl?: string | Buffer
}

/** Good material of one root, an intermediate and a leaf, with parts exchanged. */
async function material(parts: Parts = {}, options: CertificateOptions = {}): Promise<RawMaterial> {
  const ca = await makeCa(undefined, 'root1')
  const issuing = await ca.intermediate()
  const leaf = await issuing.issue({ ...moduleNames(USERS), ...options })
  const { key = leaf.keyPem, cert = leaf.chainPem, ca: bundle = ca.certPem, crl } = parts
  return {
    key: file('tls.key', key),
    cert: file('tls.crt', cert, 0o644),
    ca: file('ca.crt', bundle, 0o644),
    ...(crl !== undefined && { crl: file('ca.crl', crl, 0o644) }),
  }
}

/** Everything that is wrong: `file: message`. */
async function problemsOf(
  raw: RawMaterial,
  over: Partial<Expectation> = {},
): Promise<readonly string[]> {
  try {
    await checkGeneration(raw, expected(over))
    return []
  } catch (error) {
    if (error instanceof Fault) return error.problems.map(told)
    throw error
  }
}

const firstOf = async (raw: RawMaterial, over?: Partial<Expectation>) =>
  (await problemsOf(raw, over))[0] ?? ''

async function hintOf(raw: RawMaterial): Promise<string | undefined> {
  try {
    await checkGeneration(raw, expected())
    return undefined
  } catch (error) {
    if (error instanceof Fault) return error.problems[0]?.hint
    throw error
  }
}

const told = ({ where, message }: Problem) => `${where?.file?.replace('/certs/', '')}: ${message}`

test('a whole generation', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const other = await makeCa(undefined, 'root2')
  const bundle = `# two roots\n${ca.certPem}\n${other.certPem}`
  const crl = (await ca.crl()) + (await other.crl([], { nextUpdate: new Date(Date.now() + 1e6) }))
  const leaf = await ca.issue(moduleNames(USERS))
  const raw = await material({ cert: leaf.chainPem, key: leaf.keyPem, ca: bundle, crl })
  const generation = await checkGeneration(raw, expected({ number: 7 }))
  t.is(generation.number, 7)
  t.like(generation.identity, { kind: 'module', id: USERS })
  t.is(generation.caPems.length, 2)
  t.is(generation.crlPems.length, 2, 'Node reads only the first of several lists in one text')
  t.is(generation.bundle.roots.length, 2)
  t.is(generation.notAfter, new X509Certificate(leaf.certPem).validToDate.getTime())
  t.is(generation.crlsEnd, Math.min(...generation.crls.map(({ nextUpdate }) => nextUpdate)))
  t.deepEqual(generation.warnings, [])
  t.regex(generation.contentHash, /^[0-9a-f]{64}$/)
})

test('without lists, with an intermediate in tls.crt, or in ca.crt instead', async (t) => {
  t.deepEqual(await problemsOf(await material()), [])
  const ca = await makeCa(undefined, 'root1')
  const issuing = await ca.intermediate()
  const leaf = await issuing.issue(moduleNames(USERS))
  const parts = { cert: leaf.certPem, key: leaf.keyPem, ca: ca.certPem + issuing.certPem }
  t.deepEqual(await problemsOf(await material(parts)), [])
})

for (const key of ['p384', 'ed25519', 'rsa2048'] as const) {
  test(`a key of ${key}`, async (t) => {
    t.deepEqual(await problemsOf(await material({}, { key })), [])
  })
}

test('a key in SEC1 form after its parameters', async (t) => {
  const pair = makePair('p256')
  const sec1 = pair.privateKey.export({ type: 'sec1', format: 'pem' }).toString()
  const parameters =
    '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
  t.deepEqual(await problemsOf(await material({ key: parameters + sec1 }, { key: pair })), [])
})

const brokenFiles = {
  empty: { text: '', says: /the file is empty/ },
  garbage: { text: 'garbage\n', says: /belongs to no PEM block/ },
  binary: { text: Buffer.from([0x30, 0x82, 0, 0xff]), says: /belongs to no PEM block/ },
  truncated: { text: '-----BEGIN CERTIFICATE-----\nMIIB\n', says: /has no end|not a|one private/ },
  'only a comment': { text: '# nothing\n', says: /there is no|one private key in it, not 0/ },
}
for (const [name, { text, says }] of Object.entries(brokenFiles)) {
  for (const part of ['key', 'cert', 'ca', 'crl'] as const) {
    test(`refused: ${part} ${name}`, async (t) => {
      const [first, ...others] = await problemsOf(await material({ [part]: text }))
      const names = { key: 'tls.key', cert: 'tls.crt', ca: 'ca.crt', crl: 'ca.crl' }
      t.true(first?.startsWith(`${names[part]}: `), first)
      t.regex(first ?? '', says)
      t.deepEqual(others, [])
    })
  }
}

test('refused: certificates that are cut off inside, in tls.crt and in ca.crt', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const cut = (pem: string) => {
    const lines = pem.trimEnd().split('\n')
    return [...lines.slice(0, 3), ...lines.slice(-1), ''].join('\n')
  }
  t.regex(await firstOf(await material({ ca: cut(ca.certPem) })), /^ca\.crt: .*broken/)
  t.regex(await firstOf(await material({ cert: cut(ca.certPem) })), /^tls\.crt: .*broken/)
})

test('refused: a key of another pair, two keys, an encrypted key, a certificate as key', async (t) => {
  const other = makePair('p256').privateKey
  const text = other.export({ type: 'pkcs8', format: 'pem' }).toString()
  const encrypted = {
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  } as const
  t.deepEqual(await problemsOf(await material({ key: text })), [
    'tls.crt: the first certificate is not that of the key in /certs/tls.key',
  ])
  t.regex(await firstOf(await material({ key: text + text })), /one private key/)
  const locked = other.export(encrypted).toString()
  t.regex(await firstOf(await material({ key: locked })), /begins an ENCRYPTED PRIVATE KEY/)
  const { cert } = await material()
  t.regex(await firstOf(await material({ key: cert.bytes })), /begins a CERTIFICATE/)
})

test('refused: the intermediate stands before the leaf', async (t) => {
  const { cert, key } = await material()
  const blocks = cert.bytes.toString().split(/(?<=-----END CERTIFICATE-----\n)/)
  const raw = await material({ cert: blocks.reverse().join(''), key: key.bytes })
  t.true((await problemsOf(raw)).some((each) => each.includes('is not that of the key')))
})

const wrongLeaves: Readonly<Record<string, readonly [CertificateOptions, RegExp]>> = {
  'another module': [
    moduleNames('mod-login-1.0.0'),
    /of mod-login-1\.0\.0, the configuration says/,
  ],
  'another version': [moduleNames('mod-users-19.8.0'), /of mod-users-19\.8\.0/],
  'another trust domain': [moduleNames(USERS, 'other.test'), /trust domain other\.test/],
  'an operator': [{ uri: [`spiffe://folio.test/operator/${USERS}`] }, /of operator\//],
  'no URI': [{ uri: [] }, /no URI SAN/],
  expired: [{ notAfter: new Date(Date.now() - 1000) }, /not valid after/],
  'not yet valid': [{ notBefore: new Date(Date.now() + DAY_MS) }, /not valid before/],
  'for servers only': [{ eku: ['serverAuth'] }, /is not for clientAuth/],
  'for clients only': [{ eku: ['clientAuth'] }, /is not for serverAuth/],
  'a CA': [{ ca: true, keyUsage: [0, 5] }, /is that of a CA/],
  'RSA-1024': [{ key: 'rsa1024' }, /RSA key of 1024 bits/],
}
for (const [name, [options, says]] of Object.entries(wrongLeaves)) {
  test(`refused: the certificate is ${name}`, async (t) => {
    const problems = await problemsOf(await material({}, options))
    t.is(problems.length, 1, problems.join('\n'))
    t.true(problems[0]?.startsWith('tls.crt: '))
    t.regex(problems[0] ?? '', says)
  })
}

test('without a configured module any identity of the trust domain will do', async (t) => {
  const operator = { uri: ['spiffe://folio.test/operator/anna'] }
  t.deepEqual(await problemsOf(await material({}, operator), { module: undefined }), [])
  const stranger = { uri: ['spiffe://other.test/operator/anna'] }
  t.is((await problemsOf(await material({}, stranger), { module: undefined })).length, 1)
})

test('refused: a chain that does not lead to the bundle', async (t) => {
  const other = await makeCa(undefined, 'root2')
  const double = await makeCa(undefined, 'root1', { key: makePair('p256') })
  for (const ca of [other.certPem, double.certPem]) {
    t.regex(await firstOf(await material({ ca })), /^tls\.crt: .*does not lead to a root/)
  }
  const ca = await makeCa(undefined, 'root1')
  const leaf = await (await ca.intermediate()).issue(moduleNames(USERS))
  const alone = await material({ cert: leaf.certPem, key: leaf.keyPem })
  t.regex(await firstOf(alone), /does not lead to a root/)
})

test('refused: a leaf instead of the root, a leaf beside it, an intermediate alone', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const issuing = await ca.intermediate()
  const leaf = await issuing.issue(moduleNames(USERS))
  const asBundle = async (bundle: string) => await firstOf(await material({ ca: bundle }))
  t.regex(await asBundle(leaf.certPem), /^ca\.crt: the certificate CN=mod-users.* is not a CA/)
  t.regex(await asBundle(ca.certPem + leaf.certPem), /^ca\.crt: .* is not a CA/)
  t.regex(await asBundle(issuing.certPem), /^ca\.crt: .*no root certificate/)
  const hint = await hintOf(await material({ ca: issuing.certPem }))
  t.is(
    hint,
    'it holds CN=root1 intermediate: put the certificate of CN=root1 into it too, and so on up to the root',
  )
  t.regex(await asBundle(leaf.keyPem), /^ca\.crt: .*begins a PRIVATE KEY/)
})

test('an expired root beside a good one warns; alone it is refused', async (t) => {
  const old = await makeCa(undefined, 'old', { notAfter: new Date(Date.now() - 1000) })
  const ca = await makeCa(undefined, 'root1')
  const raw = await material({ ca: ca.certPem + old.certPem })
  t.regex(
    (await checkGeneration(raw, expected())).warnings.map(told).join(),
    /CN=old .* expired on/,
  )
  const byAgent = await checkGeneration({ ...raw, byAgent: true }, expected())
  t.deepEqual(byAgent.warnings, [], 'SPIRE leaves it there for a day and more')
  t.true(
    (await problemsOf(await material({ ca: old.certPem }))).some((each) =>
      /no root in it/.test(each),
    ),
  )
})

test('the same root twice is one', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const raw = await material({ ca: ca.certPem + ca.certPem })
  t.is((await checkGeneration(raw, expected())).caPems.length, 1)
})

/** One root, a leaf right below it, and lists as given. */
async function withLists(
  lists: (ca: TestCa) => Promise<string>,
  others: readonly TestCa[] = [],
): Promise<RawMaterial> {
  const ca = await makeCa(undefined, 'root1')
  const leaf = await ca.issue(moduleNames(USERS))
  const bundle = [ca, ...others].map(({ certPem }) => certPem).join('')
  const crl = await lists(ca)
  return material({ cert: leaf.certPem, key: leaf.keyPem, ca: bundle, crl })
}

const past = { thisUpdate: new Date('2026-01-01'), nextUpdate: new Date('2026-02-01') }
const future = {
  thisUpdate: new Date(Date.now() + DAY_MS),
  nextUpdate: new Date(Date.now() + 2 * DAY_MS),
}

test('lists: what is refused', async (t) => {
  const other = await makeCa(undefined, 'root2')
  const double = await makeCa(undefined, 'root1', { key: makePair('p256') })
  const cases: [string, RegExp, RawMaterial][] = [
    ['of another CA', /no authority of this name/, await withLists(() => other.crl())],
    ['of a CA of the same name', /signature is not/, await withLists(() => double.crl())],
    ['forged', /signature is not/, await withLists((ca) => ca.crl([], { forged: true }))],
    [
      'for one of two roots',
      /no revocation list of CN=root2/,
      await withLists((ca) => ca.crl(), [other]),
    ],
    ['expired', /expired on 2026-02-01/, await withLists((ca) => ca.crl([], past))],
    ['of tomorrow', /is not valid before/, await withLists((ca) => ca.crl([], future))],
    ['without an end', /broken/, await withLists((ca) => ca.crl([], { nextUpdate: null }))],
    ['a certificate', /begins a CERTIFICATE/, await withLists(async (ca) => ca.certPem)],
    [
      'one good and one of another CA',
      /no authority of this name/,
      await withLists(async (ca) => (await ca.crl()) + (await other.crl())),
    ],
  ]
  for (const [name, says, raw] of cases) {
    const problems = await problemsOf(raw)
    t.true(problems[0]?.startsWith('ca.crl: '), name)
    t.regex(problems.join('\n'), says, name)
  }
  const both = await withLists(async (ca) => (await ca.crl()) + (await other.crl()), [other])
  t.deepEqual(await problemsOf(both), [], 'a current list of both roots is fine')
})

test('lists: an authority that may not sign them', async (t) => {
  const ca = await makeCa(undefined, 'no lists', { keyUsage: [5] })
  const leaf = await ca.issue(moduleNames(USERS))
  const parts = { cert: leaf.certPem, key: leaf.keyPem, ca: ca.certPem }
  const raw = await material({ ...parts, crl: await ca.crl() })
  t.regex(await firstOf(raw), /may not sign lists/)
})

test('lists: an issuing authority in the bundle needs one, too', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const issuing = await ca.intermediate()
  const raw = (crl: string) => material({ ca: ca.certPem + issuing.certPem, crl })
  t.regex(await firstOf(await raw(await ca.crl())), /no revocation list of CN=root1 inter/)
  t.deepEqual(await problemsOf(await raw((await ca.crl()) + (await issuing.crl()))), [])
})

test('lists: only the newest of an authority is kept, an expired authority needs none', async (t) => {
  const old = await makeCa(undefined, 'old', { notAfter: new Date(Date.now() - 1000) })
  const raw = await withLists(async (ca) => (await ca.crl([], past)) + (await ca.crl()), [old])
  const { crls, crlPems } = await checkGeneration(raw, expected())
  t.is(crlPems.length, 1)
  t.true((crls[0]?.nextUpdate ?? 0) > Date.now())
})

test('our own certificate on a list warns, so that the list takes effect', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const leaf = await ca.issue(moduleNames(USERS))
  const parts = { cert: leaf.certPem, key: leaf.keyPem, crl: await ca.crl([leaf]) }
  const { warnings } = await checkGeneration(await material(parts), expected())
  t.regex(warnings.map(told).join(), /tls\.crt: our own certificate .* is revoked/)
})

test('files that others may write are refused, a key that all may read warns', async (t) => {
  const raw = await material()
  const withMode = (part: 'key' | 'cert' | 'ca', mode: number): RawMaterial => ({
    ...raw,
    [part]: { ...raw[part], mode },
  })
  for (const part of ['key', 'cert', 'ca'] as const) {
    for (const mode of [0o660, 0o606, 0o666]) {
      t.regex(await firstOf(withMode(part, mode)), /others may write it \(mode 06\d\d\)/)
    }
  }
  const { warnings } = await checkGeneration(withMode('key', 0o644), expected())
  t.regex(warnings.map(told).join(), /tls\.key: every user may read the private key \(mode 0644\)/)
  t.deepEqual(await problemsOf(withMode('key', 0o640)), [])
})

test('all errors are reported at once', async (t) => {
  const raw = await material({ key: '', ca: 'x' }, moduleNames('mod-login-1.0.0'))
  const files = (await problemsOf(raw)).map((each) => each.split(':')[0])
  t.deepEqual(files, ['ca.crt', 'tls.key', 'tls.crt'])
})

test('the clock that is passed in decides', async (t) => {
  const raw = await material()
  t.deepEqual(await problemsOf(raw, { now: Date.now() + 29 * DAY_MS }), [])
  t.regex(await firstOf(raw, { now: Date.now() + 31 * DAY_MS }), /not valid after/)
})
