import test from 'ava'
import fc from 'fast-check'
import { isRefusal } from '../../src/refusal/refusal.ts'
import { judgeConnection, judgePeer } from '../../src/trust/judge.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { type CrlOptions, makeCa, moduleNames, sha256 } from '../support/pki.ts'
import { accepted, trusting } from '../support/trust.ts'

const USERS = 'mod-users-19.7.0'
const AGO = new Date(Date.now() - 1000)

async function world() {
  const ca = await makeCa(undefined, 'root1')
  const issuing = await ca.intermediate()
  const leaf = await issuing.issue(moduleNames(USERS))
  return { ca, issuing, leaf, facts: accepted([leaf, issuing, ca]) }
}

test('without a certificate that is the reason, not a code of Node', async (t) => {
  const { ca, facts } = await world()
  for (const authorized of [true, false]) {
    for (const error of [undefined, 'UNABLE_TO_GET_ISSUER_CERT', 'CERT_HAS_EXPIRED']) {
      for (const chain of [[], [Buffer.of()]]) {
        const verdict = judgePeer({ ...facts, authorized, error, chain }, trusting([ca]))
        t.like(verdict, { reason: 'no-certificate', status: 403 })
      }
    }
  }
})

test('a certificate that begins later, or has ended, is reported with its dates', async (t) => {
  const { ca, leaf, facts } = await world()
  const now = Date.now()
  const judged = (error: string, at: number) => {
    const verdict = judgePeer({ ...facts, authorized: false, error }, trusting([ca], { now: at }))
    return isRefusal(verdict) ? verdict.because : ''
  }
  const { notBefore } = parseCertificate(leaf.certDer)
  const early = judged('CERT_NOT_YET_VALID', notBefore - 12_000)
  t.regex(early, /the certificate CN=mod-users-19\.7\.0 is not valid before 20.*Z \(in 12 s by/)
  t.regex(judged('CERT_HAS_EXPIRED', now + 40 * 86_400_000), /is not valid after 20\d\d-/)
  const later = { notBefore: new Date(now + 3 * 3_600_000), cn: 'between' }
  const between = await ca.intermediate('between', later)
  const shown = accepted([await between.issue(moduleNames(USERS)), between])
  const context = trusting([ca])
  const verdict = judgePeer({ ...shown, authorized: false, error: 'CERT_NOT_YET_VALID' }, context)
  t.regex(
    isRefusal(verdict) ? verdict.because : '',
    /CN=between is not valid before .* \(in 3 h by/,
  )
  t.like(verdict, { reason: 'expired-certificate' })
})

test('a failure without a code in Node is reported with a hint', async (t) => {
  const { ca, facts } = await world()
  const verdict = judgePeer({ ...facts, authorized: false, error: 'UNSPECIFIED' }, trusting([ca]))
  t.like(verdict, { reason: 'untrusted-certificate' })
  if (!isRefusal(verdict)) return
  t.false(verdict.because.includes('UNSPECIFIED'))
  t.regex(verdict.wouldAllow ?? '', /openssl verify/)
})

const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'expired-certificate',
  CERT_NOT_YET_VALID: 'expired-certificate',
  CERT_REVOKED: 'revoked-certificate',
  UNABLE_TO_GET_CRL: 'revocation-unknown',
  CRL_HAS_EXPIRED: 'revocation-unknown',
  CRL_NOT_YET_VALID: 'revocation-unknown',
  CRL_SIGNATURE_FAILURE: 'revocation-unknown',
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: 'revocation-unknown',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted-certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted-certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted-certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted-certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted-certificate',
  CERT_SIGNATURE_FAILURE: 'untrusted-certificate',
  INVALID_CA: 'untrusted-certificate',
  PATH_LENGTH_EXCEEDED: 'untrusted-certificate',
  INVALID_PURPOSE: 'untrusted-certificate',
  CERT_CHAIN_TOO_LONG: 'untrusted-certificate',
  CERT_UNTRUSTED: 'untrusted-certificate',
  ERR_TLS_CERT_ALTNAME_INVALID: 'untrusted-certificate',
  UNSPECIFIED: 'untrusted-certificate',
  SOMETHING_NEW: 'untrusted-certificate',
  '': 'untrusted-certificate',
}
for (const [code, reason] of Object.entries(reasons)) {
  test(`${code === '' ? 'an empty code' : code} is ${reason}`, async (t) => {
    const { ca, facts } = await world()
    const context = trusting([ca])
    t.like(judgePeer(facts, context), { id: USERS })
    for (const authorized of [true, false]) {
      t.like(judgePeer({ ...facts, authorized, error: code }, context), { reason })
    }
  })
}

test('not authorized and no code is refused', async (t) => {
  const { ca, facts } = await world()
  const verdict = judgePeer({ ...facts, authorized: false }, trusting([ca]))
  t.like(verdict, { reason: 'untrusted-certificate' })
})

test('a refusal names what the peer calls itself, in visible characters', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const leaf = await ca.issue({ cn: 'x', uri: ['spiffe://folio.test/module/a\u001b[31m\n'] })
  const facts = { ...accepted([leaf]), authorized: false, error: 'CERT_REVOKED' }
  const verdict = judgePeer(facts, trusting([ca]))
  t.true(isRefusal(verdict))
  t.regex(
    isRefusal(verdict) ? verdict.because : '',
    /a client calling itself "spiffe:[\x20-\x7e]+$/,
  )
})

test('the trust domain must be ours', async (t) => {
  const { ca, facts } = await world()
  const context = trusting([ca], { trustDomain: 'other.test' })
  t.like(judgePeer(facts, context), { reason: 'bad-identity' })
})

test('revocation: with one list every issuer needs a current one', async (t) => {
  const { ca, issuing, facts } = await world()
  const verdict = async (crls: readonly string[]) =>
    judgePeer(facts, trusting([ca, issuing], { crls }))
  const [root, between] = [await ca.crl(), await issuing.crl()]
  t.like(await verdict([]), { id: USERS })
  t.like(await verdict([root, between]), { id: USERS })
  t.like(await verdict([root]), { reason: 'revocation-unknown' })
  t.like(await verdict([between]), { reason: 'revocation-unknown' })
  const late: CrlOptions = { thisUpdate: new Date('2026-01-01'), nextUpdate: AGO }
  t.like(await verdict([root, await issuing.crl([], late)]), { reason: 'revocation-unknown' })
  const early: CrlOptions = { thisUpdate: new Date(Date.now() + 60_000) }
  t.like(await verdict([root, await issuing.crl([], early)]), { reason: 'revocation-unknown' })
})

test('revocation: the leaf or an intermediate stands on the list of its issuer', async (t) => {
  const { ca, issuing, leaf, facts } = await world()
  const verdict = async (ofRoot: Promise<string>, between: Promise<string>) =>
    judgePeer(facts, trusting([ca, issuing], { crls: [await ofRoot, await between] }))
  t.like(await verdict(ca.crl(), issuing.crl([leaf])), { reason: 'revoked-certificate' })
  t.like(await verdict(ca.crl([issuing]), issuing.crl()), { reason: 'revoked-certificate' })
  // A list speaks only for what its own authority issued.
  t.like(await verdict(ca.crl([leaf]), issuing.crl()), { id: USERS })
  const late: CrlOptions = { thisUpdate: new Date('2026-01-01'), nextUpdate: AGO }
  t.like(await verdict(ca.crl(), issuing.crl([leaf], late)), { reason: 'revoked-certificate' })
})

test('key pins come on top', async (t) => {
  const { ca, leaf, facts } = await world()
  const spki = sha256(leaf.pair.publicKey.export({ type: 'spki', format: 'der' }))
  const pinned = (keys: string[]) =>
    judgePeer(facts, trusting([ca], { spkiPins: new Map([['mod-users', new Set(keys)]]) }))
  t.like(pinned([spki]), { id: USERS })
  t.like(pinned(['00']), { reason: 'untrusted-certificate' })
})

test('validity is judged by the clock that is passed in', async (t) => {
  const { ca, facts } = await world()
  const at = (now: number) => judgePeer(facts, trusting([ca], { now }))
  t.like(at(Date.now() + 29 * 86_400_000), { id: USERS })
  t.like(at(Date.now() + 31 * 86_400_000), { reason: 'expired-certificate' })
  t.like(at(Date.now() - 86_400_000), { reason: 'expired-certificate' })
})

test('what is recorded for judging the connection again', async (t) => {
  const { ca, issuing, leaf, facts } = await world()
  const judged = judgeConnection(facts, trusting([ca]))
  if (isRefusal(judged)) return t.fail(judged.because)
  const { record } = judged
  const spkiOf = ({ pair }: typeof leaf) =>
    sha256(pair.publicKey.export({ type: 'spki', format: 'der' }))
  t.is(record.spkiSha256, spkiOf(leaf))
  t.deepEqual(record.issued, [
    { issuerSpkiSha256: spkiOf(issuing), serial: Buffer.from(leaf.serial).toString('hex') },
    { issuerSpkiSha256: spkiOf(ca), serial: Buffer.from(issuing.serial).toString('hex') },
  ])
  t.deepEqual(record.trusted, [sha256(ca.certDer)])
  t.like(record.identity, { id: USERS })
})

test('whatever bytes a peer shows, it is a refusal and never an exception', async (t) => {
  const { ca, issuing, leaf } = await world()
  const context = trusting([ca])
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1, maxLength: 4 }),
      (chain) => {
        const facts = { authorized: true, error: undefined, chain, role: 'client' } as const
        t.true(isRefusal(judgePeer(facts, context)))
      },
    ),
  )
  const real = [leaf, issuing, ca].map(({ certDer }) => certDer)
  fc.assert(
    fc.property(
      fc.nat(1),
      fc.nat(leaf.certDer.length - 1),
      fc.integer({ min: 1, max: 255 }),
      (which, at, flip) => {
        const chain = real.map((each) => Buffer.from(each))
        const target = chain[which]!
        target[at % target.length]! ^= flip
        const facts = { authorized: true, error: undefined, chain, role: 'client' } as const
        const verdict = judgePeer(facts, context)
        t.true(isRefusal(verdict), `byte ${at} of certificate ${which}`)
      },
    ),
    { numRuns: 500 },
  )
})
