import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { Fault } from '../../src/fault.ts'
import { readRequest } from '../../src/pki/signing.ts'
import { hasKeytool, keytool, openssl, place } from './tools.ts'

const SAN = 'subjectAltName=URI:spiffe://folio.test/module/mod-a-1.0.0,DNS:mod-a,IP:10.0.0.1'

async function request(dir: string, ...how: string[]): Promise<Buffer> {
  const out = join(dir, 'x.csr')
  const subject = ['-nodes', '-subj', '/CN=x', '-keyout', join(dir, 'k'), '-out', out]
  const { code, stderr } = await openssl('req', '-new', ...subject, ...how)
  if (code !== 0) throw new Error(stderr)
  return readFile(out)
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']

test("openssl's requests are read with their names, PEM and DER", async (t) => {
  const dir = await place(t)
  const kinds = [
    P256,
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1', '-sha384'],
    ['-newkey', 'rsa:2048'],
    ['-newkey', 'ed25519'],
  ]
  for (const kind of kinds) {
    for (const form of ['PEM', 'DER']) {
      const bytes = await request(dir, ...kind, '-addext', SAN, '-outform', form)
      const { names, publicKey } = readRequest(bytes, 'x.csr')
      t.deepEqual(names.uris, ['spiffe://folio.test/module/mod-a-1.0.0'])
      t.deepEqual(names.dns, ['mod-a'])
      t.deepEqual(names.ips, ['10.0.0.1'])
      t.is(publicKey.type, 'public')
    }
  }
  const bare = readRequest(await request(dir, ...P256), 'x.csr')
  t.deepEqual(bare.names, { uris: [], dns: [], ips: [], others: 0 })
})

test("Java's request is read", async (t) => {
  if (!(await hasKeytool(t.log))) {
    t.pass()
    return
  }
  const dir = await place(t)
  const store = ['-keystore', join(dir, 'ks.p12'), '-storepass', 'changeit', '-alias', 'a']
  await keytool('-genkeypair', ...store, '-keyalg', 'EC', '-dname', 'CN=a')
  const ext = ['-ext', 'SAN=URI:spiffe://folio.test/module/mod-j-1.0.0']
  const { stdout } = await keytool('-certreq', ...store, ...ext)
  const { names } = readRequest(Buffer.from(stdout), 'j.csr')
  t.deepEqual(names.uris, ['spiffe://folio.test/module/mod-j-1.0.0'])
})

test('a request whose key it does not prove is refused', async (t) => {
  const dir = await place(t)
  const der = await request(dir, ...P256, '-addext', SAN, '-outform', 'DER')
  // Another name under the old signature: a request that was changed on its way.
  const at = der.indexOf('mod-a-1.0.0')
  const changed = Buffer.from(der)
  changed.write('mod-b', at)
  t.throws(() => readRequest(changed, 'x.csr'), {
    instanceOf: Fault,
    message: /does not fit its key/,
  })
  t.notThrows(() => readRequest(der, 'x.csr'))
})

test('weak keys and weak signatures are refused', async (t) => {
  const dir = await place(t)
  const weak = [
    ['-newkey', 'rsa:1024'],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp224r1'],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
  ]
  for (const how of weak) {
    const bytes = await request(dir, ...how)
    t.throws(() => readRequest(bytes, 'x.csr'), {
      message: /x\.csr: its key \(.*\) is not accepted/,
    })
  }
  const sha1 = await request(dir, ...P256, '-sha1')
  t.throws(() => readRequest(sha1, 'x.csr'), { message: /does not fit its key/ })
})

test('a file that is no signing request is an error that says so', async (t) => {
  const dir = await place(t)
  await openssl(
    'req',
    '-x509',
    ...P256,
    '-nodes',
    '-subj',
    '/CN=x',
    '-keyout',
    join(dir, 'k'),
    '-out',
    join(dir, 'c'),
  )
  const der = await request(dir, ...P256, '-outform', 'DER')
  const certificate = await readFile(join(dir, 'c'))
  await writeFile(join(dir, 'half'), der.subarray(0, der.length - 9))
  const wrong = [
    Buffer.alloc(0),
    Buffer.from('hello'),
    certificate,
    await readFile(join(dir, 'half')),
  ]
  for (const bytes of wrong) {
    t.throws(() => readRequest(bytes, 'x.csr'), { message: /not a certificate signing request/ })
  }
})
