import test from 'ava'
import { makeBundle, toAuthority } from '../../src/trust/chain.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import {
  type BoundCrl,
  type Crl,
  crlOf,
  isCurrent,
  isSignedBy,
  parseCrl,
} from '../../src/x509/crl.ts'
import { DerError } from '../../src/x509/der.ts'
import { splitPem } from '../../src/x509/pem.ts'
import { bits, der, explicit, integer, octets, sequence, time } from '../support/der.ts'
import {
  type CrlOptions,
  extension,
  type KeyKind,
  makeCa,
  makePair,
  nameOf,
} from '../support/pki.ts'

const read = (pem: string) => parseCrl(splitPem(Buffer.from(pem), ['X509 CRL'])[0]!.der)

test('issuer, dates and serial numbers', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const leaf = await ca.issue()
  const padded = Buffer.from('00c0ffee', 'hex')
  const dates = { thisUpdate: new Date('2026-01-01'), nextUpdate: new Date('2026-02-01') }
  const crl = read(await ca.crl([leaf, padded], dates))
  t.is(crl.issuer.key, parseCertificate(ca.certDer).subject.key)
  t.deepEqual([...crl.revoked], [Buffer.from(leaf.serial).toString('hex'), 'c0ffee'])
  t.false(isCurrent(crl, Date.parse('2025-12-31')))
  t.true(isCurrent(crl, Date.parse('2026-01-15')))
  t.false(isCurrent(crl, Date.parse('2026-02-02')))
})

test('a number of any size, or none', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  t.is(read(await ca.crl([], { number: 2 ** 80 })).number, 2n ** 80n)
  t.is(read(await ca.crl([], { number: 0 })).number, 0n)
  t.is(read(await ca.crl([], { number: null })).number, undefined)
  const below = await ca.crl([], {
    number: null,
    extensions: [extension('2.5.29.20', der(0x02, Buffer.of(0xff)))],
  })
  t.throws(() => read(below), { instanceOf: DerError, message: /number below zero/ })
})

test('an empty list', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  t.is(read(await ca.crl()).revoked.size, 0)
})

for (const key of ['p256', 'p384', 'rsa2048', 'ed25519'] as const satisfies KeyKind[]) {
  test(`the signature of a ${key} authority, and no other`, async (t) => {
    const ca = await makeCa(undefined, `root ${key}`, { key })
    const same = await makeCa(undefined, `root ${key}`, { key: makePair('p256') })
    const crl = read(await ca.crl())
    t.true(isSignedBy(crl, toAuthority(parseCertificate(ca.certDer)).key))
    t.false(isSignedBy(crl, toAuthority(parseCertificate(same.certDer)).key))
    const forged = read(await ca.crl([], { forged: true }))
    t.false(isSignedBy(forged, toAuthority(parseCertificate(ca.certDer)).key))
  })
}

test('a signature algorithm that is not accepted is no signature', async (t) => {
  const ca = await makeCa(undefined, 'root rsa', { key: 'rsa2048' })
  const { signed, ...rest } = read(await ca.crl())
  const crl: Crl = { ...rest, signed: { ...signed, algorithm: '1.2.840.113549.1.1.5' } }
  t.false(isSignedBy(crl, toAuthority(parseCertificate(ca.certDer)).key))
})

const refused: Readonly<Record<string, CrlOptions>> = {
  'without nextUpdate': { nextUpdate: null },
  'for a part only (issuingDistributionPoint)': {
    extensions: [extension('2.5.29.28', sequence(), true)],
  },
  'a delta': { extensions: [extension('2.5.29.27', integer(1), true)] },
}
for (const [name, options] of Object.entries(refused)) {
  test(`refused: a list ${name}`, async (t) => {
    const ca = await makeCa(undefined, 'root1')
    const pem = await ca.crl([], options)
    t.throws(() => read(pem), { instanceOf: DerError })
  })
}

test('refused: an entry with a critical extension (an indirect list)', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const now = time(new Date())
  const list = (critical: boolean) => {
    const entry = sequence(integer(7), now, sequence(extension('2.5.29.29', octets(now), critical)))
    const algorithm = sequence(Buffer.from('06082a8648ce3d040302', 'hex'))
    const items = [integer(1), algorithm, nameOf('root1'), now, now, sequence(entry)]
    return sequence(sequence(...items), algorithm, bits(Buffer.of(1)))
  }
  t.true(parseCrl(list(false)).revoked.has('07'))
  t.throws(() => parseCrl(list(true)), { instanceOf: DerError, message: /critical/ })
  t.is(ca.cn, 'root1')
})

test('refused: a certificate, garbage, and bytes after the end', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const der = splitPem(Buffer.from(await ca.crl()), ['X509 CRL'])[0]!.der
  t.throws(() => parseCrl(ca.certDer), { instanceOf: DerError })
  t.throws(() => parseCrl(Buffer.concat([der, Buffer.of(0)])), { instanceOf: DerError })
  t.throws(() => parseCrl(explicit(0, der)), { instanceOf: DerError })
})

test('of several lists of one authority the newest counts', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const { publicKey } = makeBundle([parseCertificate(ca.certDer)]).roots[0]!
  const signedBy = publicKey.spkiSha256
  const old = { ...read(await ca.crl([], { thisUpdate: new Date('2026-01-01') })), signedBy }
  const young = { ...read(await ca.crl([], { thisUpdate: new Date('2026-01-02') })), signedBy }
  t.is(crlOf([old, young], signedBy), young)
  t.is(crlOf([young, old], signedBy), young)
  t.is(crlOf([young], 'other'), undefined)
})

test('where one list of an authority has no number, thisUpdate decides among all of them', (t) => {
  const signedBy = 'key'
  const list = (number: bigint | undefined, day: number) => {
    return { number, thisUpdate: Date.UTC(2026, 0, day), signedBy } as BoundCrl
  }
  // In pairs: 5 is newer than 4 by number, 4 than the third by date, the third than 5 by date.
  const three = [list(5n, 1), list(4n, 3), list(undefined, 2)] as const
  const [a, b, c] = three
  for (const order of [three, [c, b, a], [b, c, a], [b, a, c], [a, c, b], [c, a, b]]) {
    t.is(crlOf(order, signedBy), b)
  }
  t.is(crlOf([a, b], signedBy), a)
})
