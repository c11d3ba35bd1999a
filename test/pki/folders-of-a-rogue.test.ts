import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { round } from '../../src/pki/agent.ts'
import { type CertificateAuthority, createAuthority } from '../../src/pki/ca.ts'
import { namesIssued } from '../../src/pki/places.ts'
import { certs, place } from './tools.ts'

const TAGS = 'mod-tags-3.1.0'
const OKAPI = 'okapi-7.2.0'

/** A CA whose modules can write in the folders of their certificates, and one of them is hijacked. */
async function installation(t: ExecutionContext, now?: () => Date) {
  const ca = await createAuthority(join(await place(t), 'ca'), {
    trustDomain: 'folio.test',
    ...(now && { now }),
  })
  const okapi = await ca.issue(OKAPI, { powerful: true })
  const tags = await ca.issue(TAGS)
  return { ca, okapi, tags }
}

/** All texts in a folder, as the module in it could read them. */
async function textsIn(directory: string): Promise<string> {
  const all = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = all.filter((entry) => entry.isFile())
  const texts = files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8'))
  return (await Promise.all(texts)).join('')
}

async function leadAstray(dir: string, target: string): Promise<void> {
  await rm(join(dir, '..data'), { force: true })
  await symlink(target, join(dir, '..data'))
}

const distribute = (ca: CertificateAuthority) =>
  certs('revoke', '--refresh', '--distribute', '--dir', ca.directory)

test('a symlink that a module put into its folder brings it no key of another', async (t) => {
  const { ca, okapi, tags } = await installation(t)
  const stages: (() => Promise<void>)[] = [
    () => leadAstray(tags.dir, `../${OKAPI}`),
    () => leadAstray(tags.dir, okapi.dir),
    async () => {
      await symlink(`../${OKAPI}`, join(tags.dir, '..1'))
      await leadAstray(tags.dir, '..1')
    },
    async () => {
      await mkdir(join(tags.dir, '..2'))
      await symlink(`../../${OKAPI}/tls.key`, join(tags.dir, '..2', 'kept'))
      await leadAstray(tags.dir, '..2')
    },
  ]
  for (const attack of stages) {
    await attack()
    const { code, stdout, stderr } = await distribute(ca)
    t.is(code, 1)
    t.regex(stdout, /copied into 1 directory/)
    t.regex(stderr, new RegExp(`${TAGS} did not get the list: .*\n.*hint: all others have it`))
    await rm(join(tags.dir, 'tls.key'), { force: true })
    const { failed } = await round(ca, [TAGS])
    t.false((await textsIn(tags.dir)).includes(okapi.keyPem))
    t.true(failed.length <= 1)
  }
})

test('what is no file in a generation is named by its own path', async (t) => {
  const { ca, tags } = await installation(t)
  await mkdir(join(tags.dir, '..3', 'folder'), { recursive: true })
  await leadAstray(tags.dir, '..3')
  const { stderr } = await distribute(ca)
  t.true(stderr.includes(`${join(tags.dir, '..3', 'folder')}: this is not a regular file`), stderr)
})

test('pipes that a module put into its folder stop neither revocation nor renewal', async (t) => {
  let now = new Date()
  const { ca, okapi, tags } = await installation(t, () => now)
  t.is((await distribute(ca)).code, 0)
  for (const name of ['ca.crl', 'tls.crt', 'ca.crt']) {
    await rm(join(tags.dir, name))
    execFileSync('mkfifo', [join(tags.dir, name)])
  }
  now = new Date(now.getTime() + 18 * 3600_000)
  const { renewed, failed } = await round(ca, [TAGS, OKAPI])
  t.deepEqual(
    renewed.map(({ dir }) => dir),
    [okapi.dir],
  )
  t.regex(String(failed[0]?.error), /tls\.crt: this is not a regular file/)
  const revoked = await certs('revoke', TAGS, '--distribute', '--dir', ca.directory)
  t.is(revoked.code, 0, revoked.stderr)
  t.is((await certs('status', ca.directory)).code, 1)
})

test('a folder that could not get the list gets it when it can be written again', async (t) => {
  let now = new Date()
  const { ca, okapi, tags } = await installation(t, () => now)
  t.is((await distribute(ca)).code, 0)
  const before = await readFile(join(tags.dir, 'ca.crl'), 'utf8')
  await leadAstray(tags.dir, '../elsewhere')
  now = new Date(now.getTime() + 21 * 24 * 3600_000)
  for (const expected of [true, false]) {
    const { crl, failed } = await round(ca, [])
    t.is(crl !== undefined, expected)
    t.deepEqual(
      failed.map(({ name }) => name),
      [`the CRL in ${tags.dir}`],
    )
  }
  const list = await readFile(join(ca.directory, 'ca.crl'), 'utf8')
  t.is(await readFile(join(okapi.dir, 'ca.crl'), 'utf8'), list)
  t.is(await readFile(join(tags.dir, 'ca.crl'), 'utf8'), before)
  await rm(join(tags.dir, '..data'))
  await writeFile(join(okapi.dir, 'ca.crl'), 'broken')
  t.deepEqual((await round(ca, [])).failed, [])
  for (const { dir } of [tags, okapi]) t.is(await readFile(join(dir, 'ca.crl'), 'utf8'), list)
})

test('the certificate of another that a module put below its own folder is not renewed for it', async (t) => {
  let now = new Date()
  const { ca, okapi, tags } = await installation(t, () => now)
  await rm(join(tags.dir, 'tls.crt'))
  await mkdir(join(tags.dir, 'below'))
  await writeFile(join(tags.dir, 'below', 'tls.crt'), okapi.certPem)
  const names = await namesIssued(await ca.read())
  t.deepEqual(names, [TAGS, OKAPI])
  now = new Date(now.getTime() + 20 * 3600_000)
  const { renewed, failed } = await round(ca, names)
  t.deepEqual(
    renewed.map(({ subject }) => subject.title),
    [OKAPI],
  )
  t.deepEqual(
    failed.map(({ name }) => name),
    [TAGS],
  )
  t.deepEqual(await readdir(join(tags.dir, 'below')), ['tls.crt'])
})
