import { appendFile, chmod, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { createAuthority } from '../../src/pki/ca.ts'
import { revoke } from '../../src/pki/crl-issuance.ts'
import { makeKeys } from '../../src/pki/keys.ts'
import { makeCertificate } from '../../src/x509/certificate.ts'
import { toPem } from '../../src/x509/pem.ts'
import { certs, place } from '../pki/tools.ts'
import { typed } from '../support/typed.ts'

const DAY_MS = 24 * 3600_000

async function authority(t: ExecutionContext, now?: Date) {
  const clock = now === undefined ? {} : { now: () => now }
  return createAuthority(join(await place(t), 'ca'), { trustDomain: 'folio.test', ...clock })
}

async function problems(dir: string): Promise<Record<string, string[]>> {
  const { stdout } = await certs('status', dir, '--json')
  const { certificates } = JSON.parse(stdout)
  return Object.fromEntries(
    certificates.map((one: { place: string; problems: string[] }) => [
      one.place.split('/').at(-1),
      one.problems,
    ]),
  )
}

test('a healthy CA: a table without problems, exit 0', async (t) => {
  const ca = await authority(t)
  await ca.issue('mod-a-1.0.0')
  await ca.issue('operator/anna', { powerful: true })
  const { code, stdout } = await certs('status', ca.directory)
  t.is(code, 0)
  t.regex(stdout, /^module +serial +key +not after +left +issuer +sha-256\n/)
  t.regex(stdout, /\nmod-a-1\.0\.0 +[0-9a-f]{8} +P-256 +\d\d-\d\d \d\d:\d\d +23h +[0-9a-f]{8} /)
  t.regex(stdout, /\noperator\/anna /)
  t.regex(stdout, /\n3 certificates: 3 fine\n$/)
})

test('--within sets how soon an end is reported, and the exit code', async (t) => {
  const ca = await authority(t)
  await ca.issue('mod-a-1.0.0', { validForMs: 10 * DAY_MS })
  t.is((await certs('status', ca.directory)).code, 0)
  t.is((await certs('status', ca.directory, '--within', '9d')).code, 0)
  const soon = await certs('status', ca.directory, '--within', '30d')
  t.is(soon.code, 1)
  t.regex(soon.stdout, /mod-a-1\.0\.0 .*\n {4}ends soon\n/)
  t.regex(soon.stdout, /2 certificates: 1 fine, 1 ends soon/)
})

test('each way in which credentials can be broken is named', async (t) => {
  const ca = await authority(t)
  const dir = async (name: string) => (await ca.issue(`mod-${name}-1.0.0`)).dir
  const [key, bundle, cut, open] = [
    await dir('key'),
    await dir('bundle'),
    await dir('cut'),
    await dir('open'),
  ]
  const [other, empty, gone, garbage] = [
    await dir('other'),
    await dir('empty'),
    await dir('gone'),
    await dir('garbage'),
  ]
  await dir('listed')
  const put =
    (...path: string[]) =>
    (content: string) =>
      writeFile(join(...path), content)
  await revoke(ca, 'mod-listed-1.0.0', { distribute: true })
  await put(key, 'tls.key')(await readFile(join(open, 'tls.key'), 'utf8'))
  await rm(join(bundle, 'ca.crt'))
  const whole = await readFile(join(cut, 'tls.crt'), 'utf8')
  await put(cut, 'tls.crt')(whole.slice(0, 300))
  await chmod(join(open, 'tls.key'), 0o666)
  const foreign = await createAuthority(join(ca.directory, '..', 'other'), {
    trustDomain: 'folio.test',
  })
  await put(other, 'ca.crt')(await readFile(join(foreign.directory, 'ca.crt'), 'utf8'))
  await put(empty, 'ca.crt')('')
  await rm(join(gone, 'tls.key'))
  await put(garbage, 'ca.crl')('-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n')
  const said = await problems(ca.directory)
  t.deepEqual(said['mod-key-1.0.0'], ['tls.key is not its key'])
  t.deepEqual(said['mod-bundle-1.0.0'], ['no ca.crt'])
  t.deepEqual(said['mod-cut-1.0.0'], ['no certificate in tls.crt'])
  t.deepEqual(said['mod-open-1.0.0'], ['others may write tls.key'])
  t.true(said['mod-other-1.0.0']?.includes('no root in ca.crt certifies it'))
  t.true(said['mod-other-1.0.0']?.some((problem) => /^ca\.crl has no list of/.test(problem)))
  t.deepEqual(said['mod-empty-1.0.0'], ['no certificate in ca.crt'])
  t.deepEqual(said['mod-listed-1.0.0'], ['revoked'])
  t.deepEqual(said['mod-gone-1.0.0'], ['no tls.key'])
  t.deepEqual(said['mod-garbage-1.0.0'], ['a broken CRL in ca.crl'])
  t.is((await certs('status', ca.directory)).code, 1)
})

test('dates are judged: expired, not yet valid, a CRL that has expired', async (t) => {
  const past = await authority(t, new Date(Date.now() - 3 * DAY_MS))
  await past.issue('mod-old-1.0.0')
  const { dir } = await past.issue('mod-list-1.0.0', { validForMs: 30 * DAY_MS })
  await revoke(past, null, { crlValidForMs: DAY_MS, distribute: true })
  const said = await problems(past.directory)
  t.true(said['mod-old-1.0.0']?.includes('expired'))
  t.true(
    said[dir.split('/').at(-1)!]?.some((problem) => /ca\.crl of .* has expired$/.test(problem)),
  )
  const future = await authority(t, new Date(Date.now() + 3 * DAY_MS))
  await future.issue('mod-new-1.0.0')
  t.true((await problems(future.directory))['mod-new-1.0.0']?.includes('not valid yet'))
})

test('a leaf that every sidecar refuses is reported with the reasons', async (t) => {
  const ca = await authority(t)
  const { dir } = await ca.issue('mod-a-1.0.0')
  const { signing } = await ca.read()
  const { publicKey, privateKey } = await makeKeys()
  const bare = makeCertificate({
    subject: { commonName: 'mod-a' },
    issuer: signing.name,
    publicKey,
    signWith: signing.key,
    notBefore: new Date(Date.now() - 1000),
    notAfter: new Date(Date.now() + DAY_MS),
    extensions: [],
  })
  await writeFile(join(dir, 'tls.crt'), toPem('CERTIFICATE', bare))
  await writeFile(join(dir, 'tls.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const said = (await problems(dir))['mod-a-1.0.0']
  t.deepEqual(said, ['the certificate has no URI SAN', 'the certificate has no keyUsage'])
})

test('eighty modules fit in 80 columns, and in 160 problems are printed beside them', async (t) => {
  const ca = await authority(t)
  for (let i = 0; i < 80; i++) {
    const long = i % 7 === 0 ? 'data-export-spring-of-a-library-consortium' : 'users'
    await ca.issue(`mod-${long}-${i}.0.0-SNAPSHOT.${i}`)
  }
  const broken = (await ca.issue('mod-broken-1.0.0')).dir
  await appendFile(join(broken, 'tls.key'), 'x')
  await rm(join(broken, 'tls.key'))
  const look = async (columns: string) => {
    const argv = ['certs', 'status', ca.directory]
    const { stdout } = await typed(argv, { env: { COLUMNS: columns } })
    return stdout.split('\n')
  }
  const narrow = await look('80')
  t.true(narrow.every((line) => line.length <= 80))
  t.is(narrow.filter((line) => / P-256 /.test(line)).length, 82)
  t.true(narrow.includes('    no tls.key'))
  t.true(narrow.some((line) => line.includes('…')))
  const wide = await look('160')
  t.true(wide.every((line) => line.length <= 160))
  t.false(wide.some((line) => line.includes('…')))
  t.true(wide.some((line) => /^mod-broken-1\.0\.0 .* no tls\.key$/.test(line)))
  t.true(wide.some((line) => line.startsWith('82 certificates: 81 fine, 1 broken')))
})

test('modules with similar names stay apart in 80 columns, and problems are printed whole', async (t) => {
  const ca = await authority(t)
  const ids = ['mod-circulation-storage-17.6.0-SNAPSHOT', 'mod-circulation-24.6.0-SNAPSHOT']
  for (const id of ids) await ca.issue(id)
  const restored = join(ca.directory, ids[0]!)
  await cp(join(ca.directory, ids[1]!), restored, { recursive: true })
  const argv = ['certs', 'status', ca.directory]
  const { stdout } = await typed(argv, { env: { COLUMNS: '80' } })
  t.true(stdout.split('\n').every((line) => line.length <= 80))
  t.notRegex(stdout, /…/)
  t.regex(
    stdout.replaceAll(/\n */g, ' '),
    /it is in the folder of mod-circulation-storage-17\.6\.0/,
  )
})

test('through a pipe names are whole and problems are beside them, for grep', async (t) => {
  const ca = await authority(t)
  const id = 'mod-data-export-spring-of-a-library-consortium-1.0.0-SNAPSHOT.1'
  const { dir } = await ca.issue(id)
  await rm(join(dir, 'tls.key'))
  const { stdout } = await typed(['certs', 'status', ca.directory])
  t.regex(stdout, new RegExp(`^${id} .* no tls\\.key$`, 'm'))
})

test('wrong arguments end with 2', async (t) => {
  const dir = await place(t)
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [[dir], /there is no tls\.crt in/],
    [[join(dir, 'no')], /cannot read .*no \(ENOENT\)/],
    [['a', 'b'], /one argument too many/],
    [[dir, '--within', 'soon'], /--within: `soon` is not a duration/],
    [['localhost:0'], /cannot read|not a peer/],
    [['localhost:99999'], /cannot read/],
  ]
  for (const [argv, message] of wrong) {
    const { code, stderr } = await certs('status', ...argv)
    t.is(code, 2, stderr)
    t.regex(stderr, message)
  }
})
