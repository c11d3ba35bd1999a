import test from 'ava'
import type { Reason } from '../../src/refusal/reasons.ts'
import { isRefusal } from '../../src/refusal/refusal.ts'
import { judgePeer, type PeerFacts } from '../../src/trust/judge.ts'
import { implicit, octets, sequence } from '../support/der.ts'
import {
  type CertificateOptions,
  extension,
  makeCa,
  makePair,
  moduleNames,
} from '../support/pki.ts'
import { accepted, trusting } from '../support/trust.ts'

// Everything here was accepted by OpenSSL, as far as the judge is told: what is refused, our own
// profile refuses.

const USERS = 'mod-users-19.7.0'
const DAY_MS = 86_400_000
const constraints = extension('2.5.29.30', sequence(implicit(0, Buffer.of())), true)

async function judgeLeaf(options: CertificateOptions, role: PeerFacts['role'] = 'client') {
  const ca = await makeCa(undefined, 'root1')
  const leaf = await ca.issue({ ...moduleNames(USERS), ...options })
  return judgePeer(accepted([leaf, ca], role), trusting([ca]))
}

const accepts: Readonly<Record<string, CertificateOptions>> = {
  'the certificate that everything else differs from': {},
  'no basicConstraints': { ca: null },
  'P-384': { key: 'p384' },
  'P-521': { key: 'p521' },
  Ed25519: { key: 'ed25519' },
  'RSA-2048': { key: 'rsa2048' },
  'RSA-3072': { key: 'rsa3072' },
  'more uses of the key': { keyUsage: [0, 2, 4] },
  'a serial number of 20 octets': { serial: Buffer.alloc(20, 0x7f) },
  'an unknown extension that is not critical': {
    extensions: [extension('1.2.3.4', octets(Buffer.of(1)))],
  },
}
for (const [name, options] of Object.entries(accepts)) {
  test(`accepted: ${name}`, async (t) => {
    for (const role of ['client', 'server'] as const) {
      t.like(await judgeLeaf(options, role), { kind: 'module', id: USERS }, role)
    }
  })
}

const defects: Readonly<Record<string, readonly [Reason, CertificateOptions]>> = {
  'CA:TRUE (webpki::ee-basicconstraints-ca)': [
    'untrusted-certificate',
    { ca: true, keyUsage: [0] },
  ],
  'keyCertSign (leaf-ku-keycertsign)': ['untrusted-certificate', { keyUsage: [0, 5] }],
  'no digitalSignature': ['untrusted-certificate', { keyUsage: [2] }],
  'no keyUsage': ['untrusted-certificate', { keyUsage: null }],
  'no extKeyUsage (ee-without-eku)': ['untrusted-certificate', { eku: null }],
  'anyExtendedKeyUsage (ee-anyeku)': ['untrusted-certificate', { eku: ['any'] }],
  'another purpose': ['untrusted-certificate', { eku: ['1.3.6.1.5.5.7.3.3'] }],
  'version 1 (v1-cert)': ['untrusted-certificate', { version: 1 }],
  'no SAN (san::no-san)': ['bad-identity', { uri: [], dns: [], ip: [] }],
  'a wildcard name': ['untrusted-certificate', { dns: ['*.folio.test'] }],
  'an embedded wildcard': ['untrusted-certificate', { dns: ['mod-*.folio.test'] }],
  'nameConstraints (nc::not-allowed-in-ee)': [
    'untrusted-certificate',
    { extensions: [constraints] },
  ],
  'a path length without CA': ['untrusted-certificate', { pathLength: 0 }],
  'RSA-1024': ['untrusted-certificate', { key: 'rsa1024' }],
  'P-224': ['untrusted-certificate', { key: 'p224' }],
  secp256k1: ['untrusted-certificate', { key: 'secp256k1' }],
  'serial number zero': ['untrusted-certificate', { serial: Buffer.of(0) }],
  'a negative serial number': ['untrusted-certificate', { serial: Buffer.of(0x81) }],
  'a serial number of 21 octets': ['untrusted-certificate', { serial: Buffer.alloc(21, 1) }],
  'a signature with SHA-1': ['untrusted-certificate', { digest: 'sha1' }],
  'an unknown critical extension': [
    'untrusted-certificate',
    { extensions: [extension('1.2.3.4', octets(Buffer.of(1)), true)] },
  ],
  'an extension twice': [
    'untrusted-certificate',
    { extensions: [extension('2.5.29.37', sequence())] },
  ],
  'not valid yet': ['expired-certificate', { notBefore: new Date(Date.now() + DAY_MS) }],
  'no longer valid': ['expired-certificate', { notAfter: new Date(Date.now() - 1000) }],
  'a forged signature': ['untrusted-certificate', { forged: true }],
}
for (const [name, [reason, options]] of Object.entries(defects)) {
  test(`refused: ${name}`, async (t) => {
    for (const role of ['client', 'server'] as const) {
      t.like(await judgeLeaf(options, role), { reason, status: 403 }, role)
    }
  })
}

test('the purpose has to fit the role that the peer plays', async (t) => {
  t.like(await judgeLeaf({ eku: ['clientAuth'] }, 'client'), { id: USERS })
  t.like(await judgeLeaf({ eku: ['clientAuth'] }, 'server'), { reason: 'untrusted-certificate' })
  t.like(await judgeLeaf({ eku: ['serverAuth'] }, 'server'), { id: USERS })
  t.like(await judgeLeaf({ eku: ['serverAuth'] }, 'client'), { reason: 'untrusted-certificate' })
})

async function judgeBelow(root: CertificateOptions, between: CertificateOptions) {
  const ca = await makeCa(undefined, 'root1', root)
  const issuing = await ca.intermediate('issuing', between)
  const leaf = await issuing.issue(moduleNames(USERS))
  return judgePeer(accepted([leaf, issuing, ca]), trusting([ca]))
}

test('an intermediate that is as it should be', async (t) => {
  t.like(await judgeBelow({}, {}), { id: USERS })
  t.like(await judgeBelow({ pathLength: 1 }, { pathLength: 0 }), { id: USERS })
  t.like(await judgeBelow({ keyUsage: null }, {}), { id: USERS })
  t.like(await judgeBelow({}, { eku: ['clientAuth'] }), { id: USERS })
})

const badIntermediates: Readonly<Record<string, readonly [Reason, CertificateOptions]>> = {
  'version 1 (v1-cert)': ['untrusted-certificate', { version: 1 }],
  'CA:FALSE': ['untrusted-certificate', { ca: false, keyUsage: [5] }],
  'no basicConstraints': ['untrusted-certificate', { ca: null, keyUsage: [5] }],
  'no keyCertSign': ['untrusted-certificate', { keyUsage: [6] }],
  'no keyUsage': ['untrusted-certificate', { keyUsage: null }],
  'for another purpose': ['untrusted-certificate', { eku: ['serverAuth'] }],
  'RSA-1024': ['untrusted-certificate', { key: 'rsa1024' }],
  'serial number zero': ['untrusted-certificate', { serial: Buffer.of(0) }],
  'signed with SHA-1': ['untrusted-certificate', { digest: 'sha1' }],
  'an unknown critical extension': [
    'untrusted-certificate',
    { extensions: [extension('1.2.3.4', octets(Buffer.of(1)), true)] },
  ],
  expired: ['expired-certificate', { notAfter: new Date(Date.now() - 1000) }],
  'not valid yet': ['expired-certificate', { notBefore: new Date(Date.now() + DAY_MS) }],
}
for (const [name, [reason, options]] of Object.entries(badIntermediates)) {
  test(`refused: an intermediate with ${name}`, async (t) => {
    t.like(await judgeBelow({}, options), { reason })
  })
}

test('refused: path lengths that do not allow the intermediates', async (t) => {
  t.like(await judgeBelow({ pathLength: 0 }, {}), { reason: 'untrusted-certificate' })
  const ca = await makeCa(undefined, 'root1')
  const first = await ca.intermediate('first', { pathLength: 0 })
  const second = await first.intermediate('second')
  const leaf = await second.issue(moduleNames(USERS))
  const verdict = judgePeer(accepted([leaf, second, first, ca]), trusting([ca]))
  t.like(verdict, { reason: 'untrusted-certificate' })
})

test('refused: an expired root', async (t) => {
  const ca = await makeCa(undefined, 'old root', { notAfter: new Date(Date.now() - 1000) })
  const leaf = await ca.issue(moduleNames(USERS))
  t.like(judgePeer(accepted([leaf, ca]), trusting([ca])), { reason: 'expired-certificate' })
})

test('the root is at depth four at most', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  let issuing = await ca.intermediate('level 1')
  const shown = [issuing]
  for (const level of [2, 3, 4]) {
    const leaf = await issuing.issue(moduleNames(USERS))
    t.like(judgePeer(accepted([leaf, ...shown, ca]), trusting([ca])), { id: USERS }, `${level - 1}`)
    issuing = await issuing.intermediate(`level ${level}`)
    shown.unshift(issuing)
  }
  const leaf = await issuing.issue(moduleNames(USERS))
  const verdict = judgePeer(accepted([leaf, ...shown, ca]), trusting([ca]))
  t.like(verdict, { reason: 'untrusted-certificate' })
})

test('an issuer that is not shown is refused, with the hint to add it', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const issuing = await ca.intermediate()
  const leaf = await issuing.issue(moduleNames(USERS))
  const hidden = judgePeer(accepted([leaf]), trusting([ca]))
  t.true(isRefusal(hidden) && hidden.reason === 'untrusted-certificate')
  t.regex(isRefusal(hidden) ? (hidden.wouldAllow ?? '') : '', /add the issuing CA to ca\.crt/)
  t.like(judgePeer(accepted([leaf]), trusting([ca, issuing])), { id: USERS })
  t.like(judgePeer(accepted([leaf, issuing]), trusting([ca])), { id: USERS })
})

test('a chain that ends at a stranger’s root of the same name is refused', async (t) => {
  const ours = await makeCa(undefined, 'root1')
  const theirs = await makeCa(undefined, 'root1', { key: makePair('p256') })
  const leaf = await theirs.issue(moduleNames(USERS))
  const verdict = judgePeer(accepted([leaf, theirs]), trusting([ours]))
  t.like(verdict, { reason: 'untrusted-certificate' })
})

test('a good chain shown below a stranger’s leaf does not help it', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const good = await ca.issue(moduleNames(USERS))
  const self = await makeCa(undefined, USERS, { ...moduleNames(USERS), ca: false })
  const asIssuer = await makeCa(undefined, USERS, { key: good.pair })
  const below = await asIssuer.issue(moduleNames('mod-login-1.0.0'))
  for (const leaf of [self, below]) {
    const verdict = judgePeer(accepted([leaf, good, ca]), trusting([ca]))
    t.like(verdict, { reason: 'untrusted-certificate' })
  }
})

test('a root that is signed by another one ends the chain where the bundle says so', async (t) => {
  const old = await makeCa(undefined, 'old root')
  const young = await makeCa(undefined, 'young root')
  const crossed = await old.intermediate('young root', { key: young.pair })
  const leaf = await young.issue(moduleNames(USERS))
  for (const authorities of [[young], [old], [old, young]]) {
    const verdict = judgePeer(accepted([leaf, crossed]), trusting(authorities))
    t.like(verdict, { id: USERS })
  }
})
