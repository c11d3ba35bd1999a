import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { Fault } from '../../src/fault.ts'
import { stage, stageAll } from '../../src/pki/files.ts'
import { everything, mode, place } from './tools.ts'

const files = (content: string) => [
  { name: 'tls.key', content: `key ${content}`, mode: 0o600 },
  { name: 'tls.crt', content: `crt ${content}`, mode: 0o644 },
]

test('nothing is in its place before the commit, everything after it', async (t) => {
  const dir = join(await place(t), 'a', 'b')
  const staged = await stage(dir, files('1'))
  t.false((await everything(dir)).includes('tls.key'))
  await staged.commit()
  t.deepEqual(await everything(dir), ['tls.crt', 'tls.key'])
  t.is(await mode(join(dir, 'tls.key')), '600')
  t.is(await mode(join(dir, 'tls.crt')), '644')
  t.is(await mode(dir), '700')
})

test('the umask changes no mode', async (t) => {
  const dir = await place(t)
  await (await stage(dir, [{ name: 'x', content: '', mode: 0o666 }])).commit()
  t.is(await mode(join(dir, 'x')), '666')
})

test('abandoning takes away the files and the directories that were made for them', async (t) => {
  const dir = await place(t)
  const staged = await stage(join(dir, 'a', 'b'), files('1'))
  await staged.abandon()
  t.deepEqual(await everything(dir), [])
})

test('abandoning leaves what others have put there', async (t) => {
  const dir = await place(t)
  const staged = await stage(join(dir, 'a', 'b'), files('1'))
  await writeFile(join(dir, 'a', 'theirs'), '')
  await staged.abandon()
  t.deepEqual(await everything(dir), ['a', join('a', 'theirs')])
})

test('a file that cannot be written stops all of them, in every directory', async (t) => {
  const dir = await place(t)
  await writeFile(join(dir, 'file'), '')
  const good = { directory: join(dir, 'good'), files: files('1') }
  const bad = { directory: join(dir, 'file', 'under'), files: files('1') }
  await t.throwsAsync(stageAll([good, bad]), { instanceOf: Fault, message: /cannot write/ })
  t.deepEqual(await everything(dir), ['file'])
  const names = [{ name: 'a', content: '', mode: 0o644 }]
  const below = [...names, { name: 'no/such/place', content: '', mode: 0o644 }]
  await t.throwsAsync(stage(join(dir, 'new'), below), { instanceOf: Fault })
  t.deepEqual(await everything(dir), ['file'])
})

test('a read-only file is replaced, because the directory says who may', async (t) => {
  const dir = await place(t)
  await writeFile(join(dir, 'tls.key'), 'old')
  await chmod(join(dir, 'tls.key'), 0o400)
  await (await stage(dir, files('new'))).commit()
  t.is(await readFile(join(dir, 'tls.key'), 'utf8'), 'key new')
})

test('mounted: one symlink changes, and with it every file', async (t) => {
  const dir = await place(t)
  await (await stage(dir, files('1'), true)).commit()
  t.is(await readlink(join(dir, 'tls.key')), join('..data', 'tls.key'))
  t.is(await readFile(join(dir, 'tls.key'), 'utf8'), 'key 1')
  const first = await readlink(join(dir, '..data'))

  // A directory that is mounted stays so, and keeps what is not replaced.
  const list = [{ name: 'ca.crl', content: 'crl', mode: 0o644 }]
  const staged = await stage(dir, list)
  t.is(await readlink(join(dir, '..data')), first)
  await staged.commit()
  t.not(await readlink(join(dir, '..data')), first)
  t.is(await readFile(join(dir, 'tls.key'), 'utf8'), 'key 1')
  t.is(await readFile(join(dir, 'ca.crl'), 'utf8'), 'crl')
  t.is(await mode(join(dir, 'tls.key')), '600')
  await t.throwsAsync(lstat(join(dir, first)), { code: 'ENOENT' })
})

test('mounted: abandoned, the generation in use is untouched', async (t) => {
  const dir = await place(t)
  await (await stage(dir, files('1'), true)).commit()
  const before = await everything(dir)
  await (await stage(dir, files('2'))).abandon()
  t.deepEqual(await everything(dir), before)
  t.is(await readFile(join(dir, 'tls.crt'), 'utf8'), 'crt 1')
})

test('mounted: plain files of before give way to symlinks', async (t) => {
  const dir = await place(t)
  await (await stage(dir, files('1'))).commit()
  await (await stage(dir, files('2'), true)).commit()
  t.is(await readFile(join(dir, 'tls.crt'), 'utf8'), 'crt 2')
  t.true((await lstat(join(dir, 'tls.crt'))).isSymbolicLink())
})

test('mounted: a generation that lies outside is neither copied nor removed', async (t) => {
  const dir = await place(t)
  const outside = join(dir, 'outside')
  await mkdir(outside)
  await writeFile(join(outside, 'tls.key'), 'theirs')
  for (const target of [outside, '../outside']) {
    const mount = join(dir, `mount${target.length}`)
    await mkdir(mount)
    await symlink(target, join(mount, '..data'))
    await t.throwsAsync(stage(mount, files('2')), {
      instanceOf: Fault,
      message: /\.\.data: it leads to .*outside, which is not a generation of this folder/,
    })
    t.deepEqual(await readdir(mount), ['..data'])
    t.is(await readFile(join(outside, 'tls.key'), 'utf8'), 'theirs')
  }
})
