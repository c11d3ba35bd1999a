import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type CertificateAuthority, createAuthority } from '../../src/pki/ca.ts'
import { certs, everything, hasKeytool, keytool, mode, openssl, place } from '../pki/tools.ts'
import { typed } from '../support/typed.ts'

async function authority(t: ExecutionContext): Promise<CertificateAuthority> {
  return createAuthority(join(await place(t), 'ca'), { trustDomain: 'folio.test' })
}

const SAN = 'subjectAltName=URI:spiffe://folio.test/module/mod-a-1.0.0,DNS:mod-a'

async function request(dir: string, ...more: string[]): Promise<string> {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const files = ['-keyout', join(dir, 'csr.key'), '-out', join(dir, 'x.csr')]
  await openssl('req', '-new', ...curve, '-nodes', '-subj', '/CN=x', ...files, ...more)
  return join(dir, 'x.csr')
}

test('sign: a request becomes a certificate, and the key stays where it was', async (t) => {
  const { directory } = await authority(t)
  const csr = await request(directory, '-addext', SAN)
  const { code, stdout, stderr } = await certs('sign', csr, '--dir', directory)
  t.is(code, 0, stderr)
  const leaf = join(directory, 'mod-a-1.0.0')
  t.deepEqual(await everything(leaf), ['ca.crt', 'tls.crt'])
  t.regex(stdout, /spiffe:\/\/folio\.test\/module\/mod-a-1\.0\.0/)
  const file = join(leaf, 'tls.crt')
  t.is((await openssl('verify', '-x509_strict', '-CAfile', join(leaf, 'ca.crt'), file)).code, 0)
  const public1 = await openssl('x509', '-noout', '-pubkey', '-in', file)
  const public2 = await openssl('pkey', '-pubout', '-in', join(directory, 'csr.key'))
  t.is(public1.stdout, public2.stdout)
})

const POWERFUL = 'subjectAltName=URI:spiffe://folio.test/module/okapi-7.2.0'
const TWO =
  'subjectAltName=URI:spiffe://folio.test/module/mod-a-1.0.0,URI:spiffe://folio.test/module/okapi-7.2.0'
const WRONG_SIGN: readonly (readonly [string, string | null, string[], RegExp])[] = [
  ['no name at all', null, [], /asks for no URI[\s\S]*--name/],
  ['another name', SAN, ['--name', 'mod-b-1.0.0'], /asks for mod-a-1\.0\.0, not for mod-b/],
  ['two identities', TWO, [], /asks for several URIs/],
  ['Okapi without --powerful', POWERFUL, [], /--powerful/],
  ['another trust domain', SAN.replace('folio.test', 'evil.test'), [], /does not certify/],
  ['a wildcard', `${SAN},DNS:*.folio.test`, [], /not a DNS name/],
]

for (const [what, san, argv, message] of WRONG_SIGN) {
  test(`sign: a request with ${what} is refused and nothing is written`, async (t) => {
    const { directory } = await authority(t)
    const csr = await request(directory, ...(san === null ? [] : ['-addext', san]))
    const before = await everything(directory)
    const index = await readFile(join(directory, 'index.json'), 'utf8')
    const { code, stderr } = await certs('sign', csr, '--dir', directory, ...argv)
    t.is(code, 2, stderr)
    t.regex(stderr, message)
    t.deepEqual(await everything(directory), before)
    t.is(await readFile(join(directory, 'index.json'), 'utf8'), index)
  })
}

test('sign: a key of ours that does not fit the request is not left beside it', async (t) => {
  const ca = await authority(t)
  const { dir, certPem } = await ca.issue('mod-a-1.0.0')
  const csr = await request(ca.directory, '-addext', SAN)
  const { code, stderr } = await certs('sign', csr, '--dir', ca.directory)
  t.is(code, 2)
  t.regex(stderr, /tls\.key: this key is not the one of the request/)
  t.is(await readFile(join(dir, 'tls.crt'), 'utf8'), certPem)
  const missing = await certs('sign', join(dir, 'none.csr'), '--dir', ca.directory)
  t.is(missing.code, 2)
  t.regex(missing.stderr, /cannot read .*none\.csr \(ENOENT\)/)
})

test('renew: the same names with a new key, by name and by directory', async (t) => {
  const ca = await authority(t)
  const first = await ca.issue('mod-a-1.0.0', { dns: ['mod-a'] })
  const named = await certs('renew', 'mod-a-1.0.0', '--dir', ca.directory, '--json')
  t.is(named.code, 0, named.stderr)
  const said = JSON.parse(named.stdout)
  t.deepEqual(said.dns, ['mod-a'])
  t.true(said.replaced)
  t.not(said.serial, first.certificate.serialNumber.toLowerCase())
  const key = await readFile(join(first.dir, 'tls.key'), 'utf8')
  t.not(key, first.keyPem)
  const placed = await certs('renew', first.dir, '--dir', ca.directory, '--keep-key')
  t.is(placed.code, 0, placed.stderr)
  t.is(await readFile(join(first.dir, 'tls.key'), 'utf8'), key)
  t.is(await mode(join(first.dir, 'tls.key')), '600')
})

test('renew: what is not there, or not ours, ends with 2', async (t) => {
  const ca = await authority(t)
  const { dir, certPem } = await ca.issue('mod-a-1.0.0')
  const none = await certs('renew', 'mod-b-1.0.0', '--dir', ca.directory)
  t.is(none.code, 2)
  t.regex(none.stderr, /there is no certificate for `mod-b-1\.0\.0`/)
  const index = join(ca.directory, 'index.json')
  const register = JSON.parse(await readFile(index, 'utf8'))
  await writeFile(index, JSON.stringify({ ...register, issued: [] }))
  const foreign = await certs('renew', 'mod-a-1.0.0', '--dir', ca.directory)
  t.is(foreign.code, 2)
  t.regex(
    foreign.stderr,
    /this CA has signed it, and its index does not know it: was a backup restored\?\n.*certs issue mod-a-1\.0\.0/,
  )
  t.is(await readFile(join(dir, 'tls.crt'), 'utf8'), certPem)
})

test('revoke: by name and by serial number; openssl refuses them and no others', async (t) => {
  const ca = await authority(t)
  const { dir: a, certificate } = await ca.issue('mod-a-1.0.0')
  const { dir: b } = await ca.issue('mod-b-1.0.0')
  const { dir: c } = await ca.issue('mod-c-1.0.0')
  const why = ['--reason', 'keyCompromise']
  const named = await certs('revoke', 'mod-b-1.0.0', '--dir', ca.directory, ...why)
  t.is(named.code, 0, named.stderr)
  t.regex(named.stdout, /mod-b-1\.0\.0/)
  t.false((await everything(c)).includes('ca.crl'), 'only on request')
  const serial = certificate.serialNumber.slice(0, 8)
  const numbered = await certs('revoke', serial, '--dir', ca.directory, '--distribute', '--json')
  t.is(numbered.code, 0, numbered.stderr)
  const said = JSON.parse(numbered.stdout)
  t.is(said.number, 2)
  t.is(said.distributed.length, 3)
  const verify = async (dir: string) => {
    const files = ['-CAfile', join(c, 'ca.crt'), '-CRLfile', join(c, 'ca.crl')]
    return openssl('verify', '-x509_strict', '-crl_check', ...files, join(dir, 'tls.crt'))
  }
  t.regex((await verify(a)).stderr, /certificate revoked/)
  t.regex((await verify(b)).stderr, /certificate revoked/)
  t.is((await verify(c)).code, 0)
  const later = await ca.issue('mod-d-1.0.0')
  t.true(later.files.includes('ca.crl'), 'who comes later gets the list too')
})

test('revoke: --refresh writes the list anew, with a later end', async (t) => {
  const ca = await authority(t)
  await ca.issue('mod-a-1.0.0')
  await certs('revoke', 'mod-a-1.0.0', '--dir', ca.directory)
  const again = ['--refresh', '--crl-valid-for', '60d', '--dir', ca.directory, '--json']
  const { code, stdout } = await certs('revoke', ...again)
  t.is(code, 0)
  const said = JSON.parse(stdout)
  t.is(said.number, 2)
  t.deepEqual(said.revoked, [])
  t.true(new Date(said.nextUpdate).getTime() > Date.now() + 59 * 24 * 3600_000)
  const text = await openssl('crl', '-noout', '-text', '-in', join(ca.directory, 'ca.crl'))
  t.is(text.stdout.split('Serial Number').length - 1, 1, 'who was revoked stays so')
})

test('revoke: wrong arguments end with 2 and write no list', async (t) => {
  const ca = await authority(t)
  await ca.issue('mod-a-1.0.0')
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [[], /NAME, SERIAL or FILE is missing/],
    [['mod-b-1.0.0'], /has issued nothing to `mod-b-1\.0\.0`\n.*did you mean `mod-a-1\.0\.0`\?/],
    [['0000000000'], /has issued nothing/],
    [['4'], /has issued nothing/],
    [['mod-a-1.0.0', '--reason', 'because'], /no reason `because`[\s\S]*keyCompromise/],
    [['mod-a-1.0.0', '--crl-valid-for', 'long'], /not a duration/],
    [['mod-a-1.0.0', '--refresh'], /one argument too many/],
  ]
  for (const [argv, message] of wrong) {
    const { code, stderr } = await certs('revoke', ...argv, '--dir', ca.directory)
    t.is(code, 2, stderr)
    t.regex(stderr, message)
  }
  t.false((await everything(ca.directory)).includes('ca.crl'))
  await certs('revoke', 'mod-a-1.0.0', '--dir', ca.directory)
  const twice = await certs('revoke', 'mod-a-1.0.0', '--dir', ca.directory)
  t.is(twice.code, 2)
  t.regex(twice.stderr, /already revoked or expired.*--refresh --distribute/s)
})

test('export: stores that keytool opens with the password of the file or the environment', async (t) => {
  const ca = await authority(t)
  const { dir } = await ca.issue('mod-a-1.0.0')
  const secret = join(ca.directory, 'password')
  await writeFile(secret, '\ufeffchangeit\nnot this line\n')
  const how = ['--pkcs12', '--password-file', secret, '--dir', ca.directory]
  const { code, stdout, stderr } = await certs('export', 'mod-a-1.0.0', ...how)
  t.is(code, 0, stderr)
  t.regex(stdout, /keystore\.p12[\s\S]*truststore\.p12/)
  t.notRegex(stdout, /changeit/)
  t.is(await mode(join(dir, 'keystore.p12')), '600')
  const out = join(ca.directory, 'java')
  const argv = ['certs', 'export', dir, '--pkcs12', '--out', out]
  t.is((await typed(argv, { env: { CERTS_PASSWORD: 'otherwise\n' } })).code, 0)
  t.deepEqual(await everything(out), ['keystore.p12', 'truststore.p12'])
  if (!(await hasKeytool(t.log))) return
  for (const [store, password] of [
    [join(dir, 'keystore.p12'), 'changeit'],
    [join(out, 'keystore.p12'), 'otherwise'],
  ] as const) {
    const list = ['-list', '-keystore', store, '-storepass', password]
    t.regex((await keytool(...list)).stdout, /mod-a-1\.0\.0, .*PrivateKeyEntry/)
  }
  const trust = ['-list', '-keystore', join(dir, 'truststore.p12'), '-storepass', 'changeit']
  t.regex((await keytool(...trust)).stdout, /trustedCertEntry/)
})

test('export: without a password, a key or --pkcs12, it ends with 2 and writes nothing', async (t) => {
  const ca = await authority(t)
  const { dir } = await ca.issue('mod-a-1.0.0')
  const { keyPem } = await ca.issue('mod-b-1.0.0')
  const short = join(ca.directory, 'short')
  await writeFile(short, 'abc\n')
  const before = await everything(ca.directory)
  const pkcs12 = ['--pkcs12', '--dir', ca.directory]
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [['mod-a-1.0.0', '--dir', ca.directory], /--pkcs12 is missing/],
    [['mod-a-1.0.0', ...pkcs12], /needs a password[\s\S]*CERTS_PASSWORD/],
    [['mod-a-1.0.0', ...pkcs12, '--password-file', short], /6 to 1024 printable ASCII/],
    [['mod-a-1.0.0', ...pkcs12, '--password-file', join(dir, 'no')], /cannot read .*no \(ENOENT\)/],
    [['mod-z-1.0.0', ...pkcs12], /no certificate for `mod-z/],
  ]
  for (const [argv, message] of wrong) {
    const { code, stderr } = await certs('export', ...argv)
    t.is(code, 2, stderr)
    t.regex(stderr, message)
  }
  await writeFile(join(dir, 'tls.key'), keyPem)
  await writeFile(short, 'long enough\n')
  const other = await certs('export', 'mod-a-1.0.0', ...pkcs12, '--password-file', short)
  t.is(other.code, 2)
  t.regex(other.stderr, /tls\.key: it is not the key of the certificate/)
  t.deepEqual(await everything(ca.directory), before)
})
