import { type KeyObject, X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { chainPem, type Issuer, makeLeaf, makeRoot } from '../../src/pki/issuer.ts'
import { makeKeys } from '../../src/pki/keys.ts'
import { leafNames } from '../../src/pki/naming.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { isSignedBy, makeCrl, parseCrl } from '../../src/x509/crl.ts'
import { toPem } from '../../src/x509/pem.ts'
import { makeIntermediate } from '../support/intermediate.ts'
import { openssl, place } from './tools.ts'

const DAY_MS = 24 * 3600_000
const now = new Date()
const life = { now, validForMs: DAY_MS }
const dates = { thisUpdate: now, nextUpdate: new Date(now.getTime() + DAY_MS) }
let root: Issuer
let publicKey: KeyObject

test.before(async () => {
  root = await makeRoot({ ...life, commonName: 'röot', organization: 'folio.test' })
  publicKey = (await makeKeys()).publicKey
})

function leaf(parent = root): X509Certificate {
  const names = leafNames('spiffe://folio.test/module/mod-a-1.0.0', [], [])
  return new X509Certificate(makeLeaf(parent, { ...life, commonName: 'mod-a', names, publicKey }))
}

test('openssl accepts the CRL and refuses the certificates on it, no others', async (t) => {
  const dir = await place(t)
  const [bad, good] = [leaf(), leaf()]
  const revoked = [{ serial: bad.serialNumber, at: now, reason: 'keyCompromise' as const }]
  const crl = makeCrl(root, { number: 7, ...dates, revoked })
  await writeFile(join(dir, 'ca'), toPem('CERTIFICATE', root.certificate.raw))
  await writeFile(join(dir, 'crl'), toPem('X509 CRL', crl))
  await writeFile(join(dir, 'bad'), toPem('CERTIFICATE', bad.raw))
  await writeFile(join(dir, 'good'), toPem('CERTIFICATE', good.raw))
  const checked = await openssl(
    'crl',
    '-noout',
    '-in',
    join(dir, 'crl'),
    '-CAfile',
    join(dir, 'ca'),
  )
  t.regex(checked.stderr, /verify OK/)
  const text = (await openssl('crl', '-noout', '-text', '-in', join(dir, 'crl'))).stdout
  t.regex(text, /Version 2 /)
  t.regex(text, /X509v3 CRL Number: \n\s+7\n/)
  t.regex(text, /Authority Key Identifier/)
  t.regex(text, new RegExp(`Serial Number: ${bad.serialNumber}\\n`))
  t.regex(text, /Key Compromise/)
  const verify = ['verify', '-x509_strict', '-crl_check', '-CAfile', join(dir, 'ca')]
  const against = [...verify, '-CRLfile', join(dir, 'crl')]
  t.is((await openssl(...against, join(dir, 'good'))).code, 0)
  t.regex((await openssl(...against, join(dir, 'bad'))).stderr, /certificate revoked/)
})

test('with an intermediate each CA has its own list, and openssl wants them all', async (t) => {
  const dir = await place(t)
  const middle = await makeIntermediate(root, { ...life, commonName: 'middle' })
  const bad = leaf(middle)
  const revoked = [{ serial: bad.serialNumber, at: now, reason: 'unspecified' as const }]
  const ofRoot = toPem('X509 CRL', makeCrl(root, { number: 1, ...dates, revoked: [] }))
  const empty = toPem('X509 CRL', makeCrl(middle, { number: 1, ...dates, revoked: [] }))
  const full = toPem('X509 CRL', makeCrl(middle, { number: 2, ...dates, revoked }))
  await writeFile(join(dir, 'ca'), toPem('CERTIFICATE', root.certificate.raw))
  await writeFile(join(dir, 'leaf'), chainPem(bad.raw, middle))
  const verify = async (lists: string) => {
    await writeFile(join(dir, 'crl'), lists)
    const files = ['-CAfile', join(dir, 'ca'), '-CRLfile', join(dir, 'crl')]
    const chain = ['-untrusted', join(dir, 'leaf'), join(dir, 'leaf')]
    return openssl('verify', '-x509_strict', '-crl_check_all', ...files, ...chain)
  }
  t.is((await verify(ofRoot + empty)).code, 0)
  t.regex((await verify(ofRoot + full)).stderr, /certificate revoked/)
  t.regex((await verify(ofRoot)).stderr, /unable to get certificate CRL/)
})

test('what is written is what is read, and only its issuer has signed it', async (t) => {
  const other = await makeRoot({ ...life, commonName: 'other', organization: 'x' })
  const serial = fc
    .uint8Array({ minLength: 2, maxLength: 18 })
    .map((bytes) => Buffer.from([1, ...bytes]).toString('hex'))
  fc.assert(
    fc.property(fc.uniqueArray(serial, { maxLength: 20 }), (serials) => {
      const revoked = serials.map((one) => ({
        serial: one,
        at: now,
        reason: 'superseded' as const,
      }))
      const read = parseCrl(makeCrl(root, { number: 1, ...dates, revoked }))
      t.deepEqual([...read.revoked], serials)
      t.true(isSignedBy(read, root.certificate.publicKey))
      t.false(isSignedBy(read, other.certificate.publicKey))
    }),
    { numRuns: 30 },
  )
  const crl = makeCrl(root, { number: 1, ...dates, revoked: [] })
  const read = parseCrl(crl)
  t.is(read.issuer.key, parseCertificate(root.certificate.raw).subject.key)
  t.is(read.nextUpdate, Math.floor(dates.nextUpdate.getTime() / 1000) * 1000)
  const forged = Buffer.from(crl)
  forged[forged.length - 1]! ^= 1
  t.false(isSignedBy(parseCrl(forged), root.certificate.publicKey))
  t.throws(() => parseCrl(crl.subarray(0, 40)))
  const endless = makeCrl(root, { number: 1, thisUpdate: now, nextUpdate: null, revoked: [] })
  t.throws(() => parseCrl(endless), { message: /nextUpdate/ })
})
