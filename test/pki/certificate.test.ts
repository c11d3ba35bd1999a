import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { chainPem, makeLeaf, makeRoot } from '../../src/pki/issuer.ts'
import { makeKeys } from '../../src/pki/keys.ts'
import { leafNames } from '../../src/pki/naming.ts'
import { certificateNames, makeCertificate, randomSerial } from '../../src/x509/certificate.ts'
import {
  basicConstraints,
  extendedKeyUsage,
  keyIdentifier,
  keyUsage,
  subjectAltName,
} from '../../src/x509/extensions.ts'
import { type AlternativeName, addressBytes } from '../../src/x509/general-name.ts'
import { toPem } from '../../src/x509/pem.ts'
import { makeIntermediate } from '../support/intermediate.ts'
import { anyCharacter } from '../support/texts.ts'
import { openssl, place } from './tools.ts'

const DAY_MS = 24 * 3600_000
const now = new Date()
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function plain(more: Partial<Parameters<typeof makeCertificate>[0]> = {}): Buffer {
  return makeCertificate({
    subject: { commonName: 'subject' },
    issuer: { commonName: 'issuer' },
    publicKey,
    signWith: privateKey,
    notBefore: now,
    notAfter: new Date(now.getTime() + DAY_MS),
    extensions: [],
    ...more,
  })
}

test('openssl finds the key id that we write', async (t) => {
  const dir = await place(t)
  for (const kind of ['p256', 'p384', 'rsa2048'] as const) {
    const keys = await makeKeys(kind)
    const file = join(dir, `${kind}.key`)
    await writeFile(file, String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })))
    const own = join(dir, `${kind}.crt`)
    const request = ['req', '-x509', '-new', '-key', file, '-subj', '/CN=x', '-out', own]
    t.is((await openssl(...request, '-addext', 'subjectKeyIdentifier=hash')).code, 0)
    const { stdout } = await openssl('x509', '-noout', '-ext', 'subjectKeyIdentifier', '-in', own)
    const hex = keyIdentifier(keys.publicKey).toString('hex').toUpperCase()
    t.true(stdout.replaceAll(':', '').includes(hex), kind)
  }
})

test('a chain through an intermediate passes the strict rules, for every kind of key', async (t) => {
  const dir = await place(t)
  for (const kind of ['p256', 'p384', 'rsa2048', 'rsa3072'] as const) {
    const life = { now, validForMs: DAY_MS, key: kind }
    const root = await makeRoot({ ...life, commonName: 'root', organization: 'folio.test' })
    const middle = await makeIntermediate(root, { ...life, commonName: 'middle' })
    const keys = await makeKeys(kind)
    const names = leafNames('spiffe://folio.test/module/mod-a-1.0.0', ['mod-a'], ['::1'])
    const plan = { ...life, commonName: 'mod-a-1.0.0', names, publicKey: keys.publicKey }
    const leaf = makeLeaf(middle, plan)
    const [ca, under, own] = ['ca', 'middle', 'leaf'].map((name) =>
      join(dir, `${kind}-${name}.pem`),
    )
    await writeFile(ca!, toPem('CERTIFICATE', root.certificate.raw))
    await writeFile(under!, toPem('CERTIFICATE', middle.certificate.raw))
    await writeFile(own!, chainPem(leaf, middle))
    const verify = ['verify', '-x509_strict', '-CAfile', ca!]
    const good = await openssl(...verify, '-untrusted', under!, own!)
    t.is(good.code, 0, good.stderr)
    t.not((await openssl(...verify, own!)).code, 0, 'without the intermediate')
  }
})

test('an intermediate signs leaves only', async (t) => {
  const dir = await place(t)
  const life = { now, validForMs: DAY_MS }
  const root = await makeRoot({ ...life, commonName: 'root', organization: 'x', pathLength: 3 })
  const middle = await makeIntermediate(root, { ...life, commonName: 'middle' })
  const lower = await makeIntermediate(middle, { ...life, commonName: 'lower' })
  const names = leafNames('spiffe://folio.test/module/mod-a-1.0.0', [], [])
  const leaf = makeLeaf(lower, { ...life, commonName: 'x', names, publicKey })
  await writeFile(join(dir, 'ca'), toPem('CERTIFICATE', root.certificate.raw))
  await writeFile(join(dir, 'chain'), chainPem(leaf, lower))
  const verify = ['verify', '-CAfile', join(dir, 'ca'), '-untrusted', join(dir, 'chain')]
  const { code, stderr } = await openssl(...verify, join(dir, 'chain'))
  t.not(code, 0)
  t.regex(stderr, /path length constraint exceeded/)
})

test('serial numbers are positive, long and never the same', (t) => {
  const seen = new Set<string>()
  for (let i = 0; i < 1000; i++) {
    const serial = randomSerial()
    t.is(serial.length, 16)
    t.true(serial[0]! >= 0x40 && serial[0]! < 0x80)
    seen.add(serial.toString('hex'))
  }
  t.is(seen.size, 1000)
})

test('any positive serial number stands in the certificate as it was given', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 19 }), (bytes) => {
      const serial = Buffer.from([0x01, ...bytes])
      const { serialNumber } = new X509Certificate(plain({ serial }))
      t.is(serialNumber, serial.toString('hex').toUpperCase())
    }),
    { numRuns: 50 },
  )
})

test('dates are UTCTime through 2049 and GeneralizedTime from 2050 on', async (t) => {
  const dir = await place(t)
  const last = new Date('2049-12-31T23:59:59Z')
  const first = new Date('2050-01-01T00:00:00Z')
  const der = plain({ notBefore: last, notAfter: first })
  t.true(der.includes(Buffer.from('\x17\x0d491231235959Z', 'latin1')))
  t.true(der.includes(Buffer.from('\x18\x0f20500101000000Z', 'latin1')))
  await writeFile(join(dir, 'x'), toPem('CERTIFICATE', der))
  const { stdout } = await openssl('x509', '-noout', '-dates', '-in', join(dir, 'x'))
  t.regex(stdout, /notBefore=Dec 31 23:59:59 2049 GMT\nnotAfter=Jan {2}1 00:00:00 2050 GMT/)
  t.throws(() => plain({ notAfter: new Date('+010000-01-01T00:00:00Z') }), {
    instanceOf: RangeError,
  })
})

test('every second from 1950 to 9999 is read back as it was written', (t) => {
  const second = fc.integer({
    min: Date.UTC(1950, 0, 1) / 1000,
    max: Date.UTC(9999, 11, 31, 23, 59, 59) / 1000,
  })
  const near = fc.integer({ min: -5, max: 5 }).map((n) => Date.UTC(2050, 0, 1) / 1000 + n)
  fc.assert(
    fc.property(fc.oneof(second, near), (seconds) => {
      const date = new Date(seconds * 1000)
      const { validFromDate } = new X509Certificate(plain({ notBefore: date }))
      t.is(validFromDate.getTime(), date.getTime())
    }),
    { numRuns: 100 },
  )
})

test('every name is written in UTF-8 and read back whole', (t) => {
  const text = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(text, (commonName) => {
      const der = plain({ subject: { commonName } })
      t.true(der.includes(Buffer.from(commonName, 'utf8')))
      t.notThrows(() => new X509Certificate(der))
    }),
    { numRuns: 50 },
  )
})

test('alternative names come back in their order, whatever their kind', (t) => {
  const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/)
  const name: fc.Arbitrary<AlternativeName> = fc.oneof(
    label.map((id) => ({ kind: 'uri', value: `spiffe://folio.test/module/${id}` }) as const),
    label.map((value) => ({ kind: 'dns', value }) as const),
    fc.ipV4().map((value) => ({ kind: 'ip', value }) as const),
    fc.ipV6().map((value) => ({ kind: 'ip', value }) as const),
  )
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 8 }), (names) => {
      const found = certificateNames(plain({ extensions: [subjectAltName(names)] }))
      const of = (kind: string) => names.filter((one) => one.kind === kind).map((one) => one.value)
      t.deepEqual(found.uris, of('uri') as string[])
      t.deepEqual(found.dns, of('dns') as string[])
      t.deepEqual(
        found.ips.map(addressBytes),
        of('ip').map((ip) => addressBytes(String(ip))),
      )
      t.is(found.others, 0)
    }),
    { numRuns: 100 },
  )
})

test('IPv6 addresses have the bytes that openssl reads', async (t) => {
  const dir = await place(t)
  const ips = ['::', '::1', '1::', 'fe80::1:2', '::ffff:10.0.0.1', '2001:db8:1:2:3:4:5:6']
  const names = ips.map((value) => ({ kind: 'ip', value }) as const)
  await writeFile(
    join(dir, 'x'),
    toPem('CERTIFICATE', plain({ extensions: [subjectAltName(names)] })),
  )
  const { stdout } = await openssl(
    'x509',
    '-noout',
    '-ext',
    'subjectAltName',
    '-in',
    join(dir, 'x'),
  )
  t.deepEqual(
    [...stdout.matchAll(/IP Address:([0-9A-F:]+)/g)].map(([, ip]) => ip),
    [
      '0:0:0:0:0:0:0:0',
      '0:0:0:0:0:0:0:1',
      '1:0:0:0:0:0:0:0',
      'FE80:0:0:0:0:0:1:2',
      '0:0:0:0:0:FFFF:A00:1',
      '2001:DB8:1:2:3:4:5:6',
    ],
  )
  for (const wrong of ['', '1', '1.2.3', '1.2.3.4.5', 'fe80::1%eth0', ':::', '1:2', 'g::']) {
    t.is(addressBytes(wrong), undefined, wrong)
  }
})

test('hostile certificates are made as they were asked for', async (t) => {
  const dir = await place(t)
  const text = async (der: Buffer) => {
    await writeFile(join(dir, 'x'), toPem('CERTIFICATE', der))
    return (await openssl('x509', '-noout', '-text', '-in', join(dir, 'x'))).stdout
  }
  t.regex(await text(plain({ version: 1, extensions: [keyUsage(['keyCertSign'])] })), /Version: 1 /)
  t.notRegex(await text(plain()), /X509v3 extensions/)
  t.regex(await text(plain({ digest: 'sha1' })), /ecdsa-with-SHA1/)
  t.regex(
    await text(plain({ serial: Buffer.from([0xff]) })),
    /Serial Number:\s+(-1 |\(Negative\)01)/,
  )
  const authority = [basicConstraints({ ca: true }), extendedKeyUsage(['any', '1.2.3.4'])]
  t.regex(
    await text(plain({ extensions: authority })),
    /CA:TRUE[\s\S]*Any Extended Key Usage, 1\.2\.3\.4/,
  )
  const nul = [{ kind: 'dns', value: Buffer.from('mod-a\0.evil') } as const]
  t.true(plain({ extensions: [subjectAltName(nul)] }).includes(Buffer.from('mod-a\0.evil')))
  const junk = [{ oid: '1.2.3.4', critical: true, value: Buffer.from('junk') }]
  t.regex(await text(plain({ extensions: junk })), /1\.2\.3\.4: critical/)
  const ed25519: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync('ed25519')
  const der = plain({ publicKey: ed25519.publicKey, signWith: ed25519.privateKey })
  t.true(new X509Certificate(der).verify(ed25519.publicKey))
})

test('key usage has no zero bits at its end', (t) => {
  t.is(Buffer.from(keyUsage(['digitalSignature']).value).toString('hex'), '03020780')
  t.is(Buffer.from(keyUsage(['keyCertSign', 'cRLSign']).value).toString('hex'), '03020106')
  t.is(Buffer.from(keyUsage([]).value).toString('hex'), '030100')
})
