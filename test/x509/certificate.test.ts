import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import fc from 'fast-check'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { DerError, readElement } from '../../src/x509/der.ts'
import { extensionList, readExtensionList } from '../../src/x509/extensions.ts'
import { readGeneralNames } from '../../src/x509/general-name.ts'
import { distinguishedName, readName } from '../../src/x509/name.ts'
import { splitPem } from '../../src/x509/pem.ts'
import { boolean, integer, octets, oid, sequence } from '../support/der.ts'
import { extension, type KeyKind, makeCa, moduleNames, nameOf, sha256 } from '../support/pki.ts'

const run = promisify(execFile)

test('what is read agrees with what node:crypto reads', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const { certDer } = await ca.issue(moduleNames('mod-users-19.7.0'))
  const read = parseCertificate(certDer)
  const node = new X509Certificate(certDer)
  t.is(read.fingerprint256, node.fingerprint256.replaceAll(':', '').toLowerCase())
  t.is(read.serial.hex, node.serialNumber.toLowerCase())
  t.is(read.notBefore, node.validFromDate.getTime())
  t.is(read.notAfter, node.validToDate.getTime())
  t.is(read.subject.text, node.subject)
  t.is(read.issuer.key, parseCertificate(ca.certDer).subject.key)
  t.deepEqual(
    Buffer.from(read.publicKey.spki),
    node.publicKey.export({ type: 'spki', format: 'der' }),
  )
  t.is(read.publicKey.spkiSha256, sha256(read.publicKey.spki))
  t.deepEqual(
    read.extensions.subjectAltName?.map(({ type, text }) => [type, text]),
    [
      ['uri', 'spiffe://folio.test/module/mod-users-19.7.0'],
      ['dns', 'localhost'],
    ],
  )
  t.deepEqual(read.extensions.basicConstraints, { ca: false })
  t.deepEqual([...read.extensions.keyUsage!], [0])
})

test('keys: kind, curve and size', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const keyOf = async (key: KeyKind) => {
    const { publicKey } = parseCertificate((await ca.issue({ key })).certDer)
    return [publicKey.algorithm, publicKey.curve ?? publicKey.bits]
  }
  t.deepEqual(await keyOf('p256'), ['ec', 'P-256'])
  t.deepEqual(await keyOf('p384'), ['ec', 'P-384'])
  t.deepEqual(await keyOf('p521'), ['ec', 'P-521'])
  t.deepEqual(await keyOf('secp256k1'), ['ec', '1.3.132.0.10'])
  t.deepEqual(await keyOf('rsa2048'), ['rsa', 2048])
  t.deepEqual(await keyOf('rsa1024'), ['rsa', 1024])
  t.deepEqual(await keyOf('ed25519'), ['ed25519', undefined])
  t.deepEqual(await keyOf('rsa-pss2048'), ['other', undefined])
})

test('a certificate that openssl made itself is read', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-'))
  const at = (name: string) => join(directory, name)
  const uri = 'spiffe://folio.test/module/mod-tags-3.1.0'
  await writeFile(at('ext'), `subjectAltName=URI:${uri},DNS:a\nextendedKeyUsage=serverAuth\n`)
  const keyArgs = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj']
  await run('openssl', [
    'req',
    '-x509',
    ...keyArgs,
    '/CN=r/O=Ex',
    '-keyout',
    at('k'),
    '-out',
    at('r'),
  ])
  await run('openssl', ['req', '-new', ...keyArgs, '/CN=l', '-keyout', at('lk'), '-out', at('csr')])
  const sign = ['-CA', at('r'), '-CAkey', at('k'), '-CAcreateserial', '-extfile', at('ext')]
  await run('openssl', ['x509', '-req', '-in', at('csr'), ...sign, '-out', at('l')])
  const [block] = splitPem(await readFile(at('l')), ['CERTIFICATE'])
  const leaf = parseCertificate(block!.der)
  t.is(leaf.issuer.text, 'CN=r, O=Ex')
  t.deepEqual(leaf.extensions.extKeyUsage, ['1.3.6.1.5.5.7.3.1'])
  t.is(leaf.extensions.subjectAltName?.[0]?.text, uri)
})

const brokenExtensions: Readonly<Record<string, readonly Buffer[]>> = {
  'an extension twice': [
    extension('1.2.3', octets(Buffer.of(1))),
    extension('1.2.3', octets(Buffer.of(1))),
  ],
  'subjectAltName twice': [
    extension('2.5.29.17', sequence(Buffer.from([0x86, 1, 0x61]))),
    extension('2.5.29.17', sequence(Buffer.from([0x86, 1, 0x62]))),
  ],
  'an empty subjectAltName': [extension('2.5.29.17', sequence())],
  'a subjectAltName that is no sequence': [extension('2.5.29.17', octets(Buffer.of(1)))],
  'a name of no known type': [extension('2.5.29.17', sequence(Buffer.from([0x89, 1, 0x61])))],
  'a URI in constructed form': [extension('2.5.29.17', sequence(Buffer.from([0xa6, 1, 0x61])))],
  'bytes after an extension value': [
    sequence(oid('1.2.4'), octets(Buffer.of(1)), octets(Buffer.of(1))),
  ],
  'bytes after the names': [
    sequence(oid('2.5.29.17'), octets(Buffer.from([0x30, 3, 0x86, 1, 0x61, 0]))),
  ],
  'a critical flag that is neither true nor false': [
    sequence(oid('1.2.4'), Buffer.from([1, 1, 1]), octets(Buffer.of(1))),
  ],
}
for (const [name, extensions] of Object.entries(brokenExtensions)) {
  test(`refused: ${name}`, async (t) => {
    const ca = await makeCa(undefined, 'root1')
    const { certDer } = await ca.issue({ extensions })
    t.throws(() => parseCertificate(certDer), { instanceOf: DerError })
  })
}

test('extensions are told whether they are critical', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const extensions = [extension('1.2.4', octets(Buffer.of(1)), true)]
  const { critical, present } = parseCertificate(
    (await ca.issue({ extensions })).certDer,
  ).extensions
  t.true(critical.has('1.2.4'))
  t.false(critical.has('2.5.29.37'))
  t.true(present.has('2.5.29.37'))
})

test('an explicit critical FALSE is read as not critical', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const extensions = [sequence(oid('1.2.4'), boolean(false), octets(Buffer.of(1)))]
  t.false(
    parseCertificate((await ca.issue({ extensions })).certDer).extensions.critical.has('1.2.4'),
  )
})

test('two different signature algorithms are refused', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const { certDer } = await ca.issue()
  const altered = Buffer.from(certDer)
  // ecdsa-with-SHA256 becomes ecdsa-with-SHA384 in the part that is not signed.
  const at = altered.lastIndexOf(Buffer.from('2a8648ce3d040302', 'hex'))
  altered[at + 7] = 3
  t.throws(() => parseCertificate(altered), { instanceOf: DerError, message: /algorithms/ })
})

test('names are compared by their bytes and shown without control characters', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const { subject } = parseCertificate((await ca.issue({ cn: 'a\u001b[2Jb\n\u202e' })).certDer)
  t.is(subject.text, 'CN=a?[2Jb????')
  t.is(subject.key, nameOf('a\u001b[2Jb\n\u202e').toString('hex'))
})

test('serial numbers: zero, negative and long ones are told apart', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const serialOf = async (hex: string) =>
    parseCertificate((await ca.issue({ serial: Buffer.from(hex, 'hex') })).certDer).serial
  t.is((await serialOf('00')).sign, 0)
  t.is((await serialOf('80')).sign, -1)
  t.is((await serialOf(`01${'00'.repeat(20)}`)).octets, 21)
})

test('a mutated certificate gives a certificate or a DerError, nothing else', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const { certDer } = await ca.issue(moduleNames('mod-users-19.7.0'))
  let read = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(certDer.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(certDer.length),
      (edits, cut) => {
        const input = Buffer.from(certDer)
        for (const [at, value] of edits) input[at] = value
        for (const candidate of [input, input.subarray(0, cut)]) {
          try {
            parseCertificate(candidate)
            read++
          } catch (error) {
            if (!(error instanceof DerError)) throw error
          }
        }
      },
    ),
    { numRuns: 3000 },
  )
  t.true(read > 0)
})

test('a version that does not exist, and extensions before version 3', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  t.is(parseCertificate((await ca.issue({ version: 1 })).certDer).version, 1)
  const { certDer } = await ca.issue()
  const at = certDer.indexOf(Buffer.concat([Buffer.from([0xa0, 3]), integer(2)]))
  for (const version of [1, 3]) {
    const altered = Buffer.from(certDer)
    altered[at + 4] = version
    t.throws(() => parseCertificate(altered), { instanceOf: DerError })
  }
})

test('a certificate of more parts than any CA writes is not read to its end', (t) => {
  const value = Buffer.alloc(2, 0)
  const list = (length: number) => {
    const each = Array.from({ length }, (_, i) => ({ oid: `1.2.3.${i}`, critical: false, value }))
    return readElement(extensionList(each))
  }
  t.is(readExtensionList(list(64)).length, 64)
  t.throws(() => readExtensionList(list(65)), { instanceOf: DerError })
  const names = (length: number) =>
    sequence(...Array.from({ length }, () => Buffer.from('8600', 'hex')))
  t.is(readGeneralNames(names(1000)).length, 1000)
  t.throws(() => readGeneralNames(names(1001)), { instanceOf: DerError })
  const part = distinguishedName({ commonName: 'a' }).subarray(2)
  const name = (length: number) => readElement(sequence(...Array.from({ length }, () => part)))
  t.is(readName(name(64)).empty, false)
  t.throws(() => readName(name(65)), { instanceOf: DerError })
})
