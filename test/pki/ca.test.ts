import { X509Certificate } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { Fault } from '../../src/fault.ts'
import { mustBeIssued, renewalOf, round } from '../../src/pki/agent.ts'
import { createAuthority, openAuthority } from '../../src/pki/ca.ts'
import { revoke } from '../../src/pki/crl-issuance.ts'
import { readRegister } from '../../src/pki/register.ts'
import { renew } from '../../src/pki/renewal.ts'
import { finish, progress, reissue, start } from '../../src/pki/rollover.ts'
import { pemBlocks } from '../../src/x509/pem.ts'
import { makeIntermediate } from '../support/intermediate.ts'
import { everything, openssl, place } from './tools.ts'

const HOUR_MS = 3600_000
const trusted = { trustDomain: 'folio.test' }

// In its turn: each waits for the lock, and no longer than ten seconds.
test.serial('leaves issued at the same time all get into the index', async (t) => {
  const authority = await createAuthority(await place(t), trusted)
  const names = Array.from({ length: 12 }, (_, i) => `mod-${'abcdefghijkl'[i]}-1.0.${i}`)
  const issued = await Promise.all(names.map((name) => authority.issue(name)))
  const register = await readRegister(authority.directory)
  t.deepEqual(register.issued.map(({ name }) => name).toSorted(), names.toSorted())
  t.is(new Set(issued.map(({ certificate }) => certificate.serialNumber)).size, names.length)
  t.false((await everything(authority.directory)).includes('.lock'))
})

test('an opened CA is the one that was made', async (t) => {
  const dir = await place(t)
  await createAuthority(dir, trusted)
  const {
    certPem,
    keyPem,
    dir: written,
  } = await (await openAuthority(dir)).issue('mod-a-1.0.0', {
    dns: ['localhost'],
    ips: ['127.0.0.1'],
  })
  t.is(await readFile(join(written, 'tls.crt'), 'utf8'), certPem)
  t.is(await readFile(join(written, 'tls.key'), 'utf8'), keyPem)
  await t.throwsAsync(openAuthority(join(dir, 'nowhere')), {
    instanceOf: Fault,
    message: /no development CA/,
  })
})

test('brokers and databases read the common name: no operator or client has that of a module', async (t) => {
  const authority = await createAuthority(await place(t), trusted)
  const names = ['mod-a-1.0.0', 'client/mod-a-1.0.0', 'operator/mod-a-1.0.0']
  const subjects: string[] = []
  for (const name of names) {
    subjects.push((await authority.issue(name, { powerful: true })).certificate.subject)
  }
  t.deepEqual(
    subjects,
    names.map((name) => `CN=${name}`),
  )
})

/** The root of a CA made again by openssl: the same key, another key identifier, or none. */
async function madeByOpenssl(directory: string, keyId: string): Promise<void> {
  const root = ['-key', join(directory, 'ca.key'), '-subj', '/O=folio.test/CN=made by openssl']
  const extensions = [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign',
    `subjectKeyIdentifier=${keyId}`,
    `authorityKeyIdentifier=${keyId === 'none' ? 'none' : 'keyid:always'}`,
  ].flatMap((extension) => ['-addext', extension])
  const config = join(directory, 'empty.cnf')
  await writeFile(config, '[req]\ndistinguished_name=dn\n[dn]\n')
  const out = ['-days', '9', '-config', config, '-out', join(directory, 'ca.crt')]
  const { code, stderr } = await openssl('req', '-x509', ...root, ...extensions, ...out)
  if (code !== 0) throw new Error(stderr)
}

test('under a root whose key identifier was computed otherwise: openssl takes leaf, intermediate and list', async (t) => {
  for (const [keyId, strict] of [
    ['01:02:03:04:05', ['-x509_strict']],
    ['none', []],
  ] as const) {
    const dir = await place(t)
    await createAuthority(dir, trusted)
    await madeByOpenssl(dir, keyId)
    const authority = await openAuthority(dir)
    const { signing } = await authority.read()
    const under = await makeIntermediate(signing, {
      commonName: 'between',
      now: new Date(),
      validForMs: HOUR_MS,
    })
    const direct = await authority.issue('mod-a-1.0.0')
    const below = await authority.issue('mod-b-1.0.0', { under, validForMs: HOUR_MS / 2 })
    await revoke(authority, null, {})
    const trust = ['-CAfile', join(dir, 'ca.crt'), '-CRLfile', join(dir, 'ca.crl')]
    const verify = (...argv: string[]) => openssl('verify', ...strict, ...trust, ...argv)
    const leaf = await verify('-crl_check', join(direct.dir, 'tls.crt'))
    t.is(leaf.code, 0, leaf.stderr)
    const file = join(below.dir, 'tls.crt')
    const chain = await verify('-untrusted', file, file)
    t.is(chain.code, 0, chain.stderr)
  }
})

test('the clock is the one that was passed in', async (t) => {
  const now = new Date('2049-12-31T12:00:00Z')
  const authority = await createAuthority(await place(t), { ...trusted, now: () => now })
  const { certificate, certPem, dir } = await authority.issue('mod-a-1.0.0')
  t.is(certificate.validFromDate.toISOString(), '2049-12-31T11:59:00.000Z')
  t.is(certificate.validToDate.toISOString(), '2050-01-01T12:00:00.000Z')
  t.is(pemBlocks('CERTIFICATE', certPem).length, 1)
  const at = String(Date.UTC(2050, 0, 1) / 1000)
  const verify = ['verify', '-x509_strict', '-attime', at, '-CAfile', join(dir, 'ca.crt')]
  const { code, stderr } = await openssl(...verify, join(dir, 'tls.crt'))
  t.is(code, 0, stderr)
})

test('a leaf under an intermediate comes with its chain', async (t) => {
  const authority = await createAuthority(await place(t), trusted)
  const { signing } = await authority.read()
  const life = { now: new Date(), validForMs: 48 * HOUR_MS }
  const under = await makeIntermediate(signing, { ...life, commonName: 'middle' })
  const { certPem, dir } = await authority.issue('mod-a-1.0.0', { under })
  t.is(pemBlocks('CERTIFICATE', certPem).length, 2)
  const files = ['-CAfile', join(dir, 'ca.crt'), '-untrusted', join(dir, 'tls.crt')]
  const { code } = await openssl('verify', '-x509_strict', ...files, join(dir, 'tls.crt'))
  t.is(code, 0)
  await t.throwsAsync(revoke(authority, 'mod-a-1.0.0'), { message: /no root of this CA/ })
})

test('renewing keeps names and life, and takes a new key unless it is to stay', async (t) => {
  const authority = await createAuthority(await place(t), trusted)
  const names = { dns: ['mod-a', 'localhost'], ips: ['::1', '10.0.0.1'] }
  const life = { validForMs: 6 * HOUR_MS, key: 'rsa2048' } as const
  const first = await authority.issue('mod-a-1.0.0', { ...names, ...life })
  const second = await renew(authority, 'mod-a-1.0.0')
  t.deepEqual(second.dns, names.dns)
  t.is(second.ips.length, 2)
  const lasts = ({ validFromDate, validToDate }: X509Certificate) =>
    validToDate.getTime() - validFromDate.getTime()
  t.is(lasts(second.certificate), lasts(first.certificate))
  t.is(second.certificate.publicKey.asymmetricKeyDetails?.modulusLength, 2048)
  t.false(second.certificate.publicKey.equals(first.certificate.publicKey))
  const third = await renew(authority, second.dir, { keepKey: true })
  t.true(third.certificate.publicKey.equals(second.certificate.publicKey))
  t.is(third.keyPem, null)
  t.is(second.keyPem, await readFile(join(third.dir, 'tls.key'), 'utf8'))
})

test('only what this CA has issued is renewed', async (t) => {
  const dir = await place(t)
  const ours = await createAuthority(join(dir, 'ours'), trusted)
  const theirs = await createAuthority(join(dir, 'theirs'), trusted)
  const foreign = await theirs.issue('okapi-7.2.0', { powerful: true })
  await t.throwsAsync(renew(ours, foreign.dir), { message: /this CA has not issued it/ })
  await ours.issue('mod-a-1.0.0')
  await revoke(ours, 'mod-a-1.0.0')
  await t.throwsAsync(renew(ours, 'mod-a-1.0.0'), { message: /it was revoked at/ })
  await t.throwsAsync(renew(ours, 'mod-b-1.0.0'), { message: /no certificate for `mod-b-1/ })
})

test('a key that is not the one of the root signs nothing', async (t) => {
  const dir = await place(t)
  const authority = await createAuthority(join(dir, 'a'), trusted)
  const other = await createAuthority(join(dir, 'b'), trusted)
  const key = await readFile(join(other.directory, 'ca.key'))
  await writeFile(join(dir, 'stolen'), key)
  await rename(join(dir, 'stolen'), join(authority.directory, 'ca.key'))
  await t.throwsAsync(authority.issue('mod-a-1.0.0'), { message: /not the key of the root/ })
})

test('a rollover changes the root step by step, and old and new meet at every step', async (t) => {
  const authority = await createAuthority(await place(t), trusted)
  const a = await authority.issue('mod-a-1.0.0')
  const b = await authority.issue('mod-b-1.0.0')
  await revoke(authority, null, { distribute: true })
  const before = await progress(authority)
  t.is(before.phase, 'idle')
  const accepts = async (bundle: string, leaf: string) => {
    const crl = ['-crl_check', '-CRLfile', join(bundle, 'ca.crl')]
    const files = ['-CAfile', join(bundle, 'ca.crt'), join(leaf, 'tls.crt')]
    return (await openssl('verify', '-x509_strict', ...crl, ...files)).code === 0
  }
  await t.throwsAsync(reissue(authority), { message: /no rollover/ })
  await t.throwsAsync(finish(authority), { message: /no rollover/ })

  await start(authority)
  await t.throwsAsync(start(authority), { message: /under way already/ })
  await t.throwsAsync(finish(authority), { message: /still has a certificate of the old root/ })
  t.is((await progress(authority)).phase, 'bundles')
  t.true((await accepts(a.dir, b.dir)) && (await accepts(b.dir, a.dir)))
  t.is(pemBlocks('CERTIFICATE', await readFile(join(a.dir, 'ca.crt'), 'utf8')).length, 2)
  t.is(pemBlocks('X509 CRL', await readFile(join(a.dir, 'ca.crl'), 'utf8')).length, 2)
  const still = await authority.issue('mod-c-1.0.0')
  t.true(still.certificate.checkIssued(before.from.certificate), 'the new root is not used yet')

  const issued = await reissue(authority)
  t.deepEqual(
    issued.map(({ subject }) => subject.title),
    ['mod-a-1.0.0', 'mod-b-1.0.0', 'mod-c-1.0.0'],
  )
  t.deepEqual(await reissue(authority), [], 'a second time there is nothing left to do')
  t.true((await accepts(a.dir, b.dir)) && (await accepts(b.dir, a.dir)))

  await finish(authority)
  const after = await progress(authority)
  t.is(after.phase, 'idle')
  t.not(after.from.id, before.from.id)
  t.true((await accepts(a.dir, b.dir)) && (await accepts(b.dir, a.dir)))
  t.is(pemBlocks('CERTIFICATE', await readFile(join(a.dir, 'ca.crt'), 'utf8')).length, 1)
  t.is(pemBlocks('X509 CRL', await readFile(join(a.dir, 'ca.crl'), 'utf8')).length, 1)
  t.false((await everything(authority.directory)).includes('ca.key'), 'the old key is destroyed')
  t.false(
    new X509Certificate(await readFile(join(a.dir, 'tls.crt'))).checkIssued(
      before.from.certificate,
    ),
  )
  await start(authority)
  t.is((await progress(authority)).phase, 'bundles', 'and the next one can begin')
})

test('a directory that missed the new root holds the rollover back', async (t) => {
  const authority = await createAuthority(await place(t), trusted)
  const { dir } = await authority.issue('mod-a-1.0.0')
  const old = await readFile(join(dir, 'ca.crt'), 'utf8')
  await start(authority)
  await writeFile(join(dir, 'ca.crt'), old)
  await t.throwsAsync(reissue(authority), {
    message: /mod-a-1\.0\.0 does not trust the new root yet/,
  })
  t.is((await progress(authority)).phase, 'bundles')
})

test('the agent renews at two thirds, spread out, and swaps all files in one step', async (t) => {
  let now = new Date()
  const authority = await createAuthority(await place(t), { ...trusted, now: () => now })
  const names = ['mod-a-1.0.0', 'operator/anna']
  for (const name of names) await authority.issue(name, { powerful: true })
  await mustBeIssued(authority, names)
  await t.throwsAsync(mustBeIssued(authority, ['mod-z-1.0.0']), {
    message: /no certificate for mod-z-1.0.0 to renew/,
  })
  const idle = await round(authority, names)
  t.deepEqual(idle.renewed, [])
  t.true(idle.next.getTime() > now.getTime() + 14 * HOUR_MS)
  t.true(idle.next.getTime() < now.getTime() + 18 * HOUR_MS)

  now = new Date(now.getTime() + 18 * HOUR_MS)
  const busy = await round(authority, names)
  t.deepEqual(busy.failed, [])
  t.deepEqual(
    busy.renewed.map(({ subject }) => subject.title),
    names,
  )
  for (const { dir, certificate } of busy.renewed) {
    t.true((await everything(dir)).includes('..data'))
    t.true(renewalOf(certificate) > now)
  }
  t.deepEqual((await round(authority, names)).renewed, [])
})

test('the agent writes the CRL anew before it expires, and goes on when one name fails', async (t) => {
  let now = new Date()
  const long = { ...trusted, now: () => now, validForMs: 90 * 24 * HOUR_MS }
  const authority = await createAuthority(await place(t), long)
  const good = await authority.issue('mod-a-1.0.0', { validForMs: 60 * 24 * HOUR_MS })
  const bad = await authority.issue('mod-b-1.0.0', { validForMs: 24 * HOUR_MS })
  await revoke(authority, 'mod-b-1.0.0', { distribute: true })
  t.is((await round(authority, ['mod-a-1.0.0'])).crl, undefined)
  now = new Date(now.getTime() + 21 * 24 * HOUR_MS)
  const { crl, failed } = await round(authority, ['mod-b-1.0.0', 'mod-a-1.0.0'])
  t.is(crl?.number, 2)
  t.deepEqual(crl?.distributed, [good.dir, bad.dir])
  t.deepEqual(
    failed.map(({ name }) => name),
    ['mod-b-1.0.0'],
  )
})

test('the index forgets what ended long ago, revoked or not', async (t) => {
  let now = new Date()
  const authority = await createAuthority(await place(t), { ...trusted, now: () => now })
  await authority.issue('mod-a-1.0.0')
  now = new Date(now.getTime() + 32 * 24 * HOUR_MS)
  await authority.issue('mod-b-1.0.0')
  const { issued } = await readRegister(authority.directory)
  t.deepEqual(
    issued.map(({ name }) => name),
    ['mod-b-1.0.0'],
  )
})
