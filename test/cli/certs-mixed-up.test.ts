import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type CertificateAuthority, createAuthority } from '../../src/pki/ca.ts'
import { certs, openssl, place } from '../pki/tools.ts'

async function authority(t: ExecutionContext): Promise<CertificateAuthority> {
  return createAuthority(join(await place(t), 'ca'), { trustDomain: 'folio.test' })
}

/** The files of one module in the folder of another, as a hand does it at night. */
async function mixedUp(ca: CertificateAuthority) {
  const users = await ca.issue('mod-users-1.0.0')
  const tags = await ca.issue('mod-tags-1.0.0')
  for (const name of ['tls.crt', 'tls.key']) await cp(join(tags.dir, name), join(users.dir, name))
  return users
}

test('renew: a certificate in the folder of another is not renewed there, by name or by folder', async (t) => {
  const ca = await authority(t)
  const { dir } = await mixedUp(ca)
  const before = await readFile(join(dir, 'tls.crt'), 'utf8')
  for (const target of ['mod-users-1.0.0', dir]) {
    const { code, stderr } = await certs('renew', target, '--dir', ca.directory)
    t.is(code, 2, target)
    t.regex(
      stderr,
      /tls\.crt: it is the certificate of mod-tags-1\.0\.0, in the folder of mod-users-1\.0\.0\n.*hint: .*certs issue mod-users-1\.0\.0/,
    )
  }
  t.is(await readFile(join(dir, 'tls.crt'), 'utf8'), before)
  const { code, stdout } = await certs('status', ca.directory, '--json')
  t.is(code, 1)
  const { certificates } = JSON.parse(stdout)
  const problems = certificates.map(({ problems: said }: { problems: string[] }) => said)
  t.deepEqual(problems, [[], [], ['it is in the folder of mod-users-1.0.0']])
})

test('renew: a copy in a folder that the CA has not written is renewed where it is', async (t) => {
  const ca = await authority(t)
  const { dir } = await ca.issue('mod-users-1.0.0')
  const copy = join(ca.directory, '..', 'mod-tags-1.0.0')
  await cp(dir, copy, { recursive: true })
  const { code, stderr } = await certs('renew', copy, '--dir', ca.directory)
  t.is(code, 0, stderr)
})

test('rollover leaves: one that cannot be renewed does not keep the others', async (t) => {
  const ca = await authority(t)
  await ca.issue('mod-a-1.0.0')
  await mixedUp(ca)
  await ca.issue('mod-z-1.0.0')
  const at = ['--dir', ca.directory]
  t.is((await certs('rollover', 'start', ...at)).code, 0)
  const { code, stderr } = await certs('rollover', 'leaves', ...at)
  t.is(code, 2)
  t.regex(stderr, /in the folder of mod-users-1\.0\.0/)
  const { stdout } = await certs('rollover', 'status', ...at)
  t.deepEqual(stdout.match(/.*has a certificate of the old root/g)?.length, 1)
  t.regex(stdout, /mod-users-1\.0\.0 has a certificate of the old root/)
  t.regex(stdout, /^next, .*\n {4}okapi-sidecar certs rollover leaves --dir/m)
})

test('rollover status: a folder that was filled by hand is named, with the command that helps', async (t) => {
  const ca = await authority(t)
  const { dir } = await ca.issue('mod-a-1.0.0')
  const at = ['--dir', ca.directory]
  const old = await readFile(join(dir, 'ca.crt'), 'utf8')
  t.is((await certs('rollover', 'start', ...at)).code, 0)
  await writeFile(join(dir, 'ca.crt'), old)
  const { code, stdout } = await certs('rollover', 'status', ...at)
  t.is(code, 1)
  t.true(stdout.includes(`\nfirst:\n    cp ${ca.directory}/ca.crt ${dir}/\n`), stdout)
})

/** The index as it was before mod-b was issued and mod-a renewed. */
async function restored(t: ExecutionContext) {
  const ca = await authority(t)
  const a = await ca.issue('mod-a-1.0.0')
  const index = join(ca.directory, 'index.json')
  const backup = await readFile(index, 'utf8')
  const stolen = join(ca.directory, '..', 'stolen.crt')
  const { certPem } = await ca.issue('mod-c-1.0.0')
  await writeFile(stolen, certPem)
  await certs('renew', 'mod-c-1.0.0', '--dir', ca.directory)
  await certs('renew', 'mod-a-1.0.0', '--dir', ca.directory)
  const b = await ca.issue('mod-b-1.0.0')
  await writeFile(index, backup)
  return { ca, a, b, stolen }
}

test('after a backup: certificates issued since are named, and can be revoked', async (t) => {
  const { ca, a, b, stolen } = await restored(t)
  const at = ['--dir', ca.directory]
  const { code, stdout: told } = await certs('status', ca.directory)
  t.is(code, 1)
  t.is(told.match(/the index of the CA does not know it: issue a new one/g)?.length, 3)

  const named = await certs('revoke', 'mod-a-1.0.0', ...at, '--json')
  t.is(named.code, 0, named.stderr)
  t.is(JSON.parse(named.stdout).revoked.length, 2, 'the one in the index and the one in its folder')
  const serial = b.certificate.serialNumber.toLowerCase()
  t.is((await certs('revoke', serial, ...at)).code, 0)
  const file = await certs('revoke', stolen, ...at, '--distribute', '--json')
  t.is(file.code, 0, file.stderr)
  const said = JSON.parse(file.stdout)
  t.is(said.revoked[0].name, 'mod-c-1.0.0')

  const list = ['-crl_check', '-CAfile', join(a.dir, 'ca.crt'), '-CRLfile', join(a.dir, 'ca.crl')]
  for (const one of [join(a.dir, 'tls.crt'), join(b.dir, 'tls.crt'), stolen]) {
    t.regex((await openssl('verify', '-x509_strict', ...list, one)).stderr, /revoked/)
  }
})

test('revoke: a file that another CA has signed is not its business', async (t) => {
  const ca = await authority(t)
  await ca.issue('mod-a-1.0.0')
  const other = await authority(t)
  const { dir } = await other.issue('mod-a-1.0.0')
  const { code, stderr } = await certs('revoke', join(dir, 'tls.crt'), '--dir', ca.directory)
  t.is(code, 2)
  t.regex(stderr, /tls\.crt: no root of this CA has signed it\n/)
  await mkdir(join(ca.directory, 'empty'))
  const folder = await certs('revoke', join(ca.directory, 'empty'), '--dir', ca.directory)
  t.is(folder.code, 2)
  t.regex(folder.stderr, /has issued nothing to/)
})

test('status: a folder that has lost its certificate is told; one that is gone belongs to no module', async (t) => {
  const ca = await authority(t)
  const { dir } = await ca.issue('mod-a-1.0.0')
  const gone = await ca.issue('mod-b-1.0.0')
  await rm(gone.dir, { recursive: true })
  await rm(join(dir, 'tls.crt'))
  const { code, stdout } = await certs('status', ca.directory)
  t.is(code, 1)
  t.regex(stdout, /^mod-a-1\.0\.0 +- .*\n {4}.*tls\.crt/m)
  t.notRegex(stdout, /mod-b/)
})

test('after a backup: what a newer list in a folder revokes stays revoked, under a higher number', async (t) => {
  const ca = await authority(t)
  const at = ['--dir', ca.directory]
  const { dir } = await ca.issue('mod-a-1.0.0')
  const early = join(ca.directory, '..', 'early.crt')
  await cp(join(dir, 'tls.crt'), early)
  const backup = join(ca.directory, '..', 'backup')
  await cp(ca.directory, backup, { recursive: true })
  const { dir: late, certPem } = await ca.issue('mod-late-1.0.0')
  await writeFile(join(ca.directory, '..', 'late.crt'), certPem)
  for (const name of ['mod-a-1.0.0', 'mod-late-1.0.0']) {
    t.is((await certs('revoke', name, ...at, '--distribute')).code, 0)
  }
  // All but one folder comes back as it was.
  await rm(join(ca.directory, 'ca.crl'))
  await rm(late, { recursive: true })
  await cp(join(backup, 'index.json'), join(ca.directory, 'index.json'))

  const { code, stdout, stderr } = await certs(
    'revoke',
    '--refresh',
    '--distribute',
    ...at,
    '--json',
  )
  t.is(code, 0, stderr)
  t.is(JSON.parse(stdout).number, 3)
  const list = ['-crl_check', '-CAfile', join(dir, 'ca.crt'), '-CRLfile', join(dir, 'ca.crl')]
  for (const one of [early, join(ca.directory, '..', 'late.crt')]) {
    t.regex((await openssl('verify', '-x509_strict', ...list, one)).stderr, /revoked/, one)
  }
  const renewed = await certs('renew', 'mod-a-1.0.0', ...at)
  t.is(renewed.code, 2)
  t.regex(renewed.stderr, /it was revoked at/)
})

test('a list in a folder that another CA has signed changes nothing', async (t) => {
  const [ca, other] = [await authority(t), await authority(t)]
  const { dir } = await ca.issue('mod-a-1.0.0')
  await other.issue('mod-a-1.0.0')
  const foreign = ['--dir', other.directory]
  for (let i = 0; i < 3; i++) await certs('revoke', '--refresh', ...foreign)
  await certs('revoke', 'mod-a-1.0.0', ...foreign)
  await cp(join(other.directory, 'ca.crl'), join(dir, 'ca.crl'))
  const { stdout } = await certs('revoke', '--refresh', '--dir', ca.directory, '--json')
  t.is(JSON.parse(stdout).number, 1)
})
