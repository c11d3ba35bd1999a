import { execFile } from 'node:child_process'
import {
  chmod,
  chown,
  lchown,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { directorySource } from '../../src/credentials/directory.ts'
import { Fault } from '../../src/fault.ts'

const run = promisify(execFile)
const NAMES = ['tls.key', 'tls.crt', 'ca.crt', 'ca.crl'] as const

const temporary = () => mkdtemp(join(tmpdir(), 'okapi-sidecar-'))

async function fill(directory: string, text: string, names: readonly string[] = NAMES) {
  await mkdir(directory, { recursive: true })
  for (const name of names) {
    await writeFile(join(directory, name), text)
    await chmod(join(directory, name), 0o600)
  }
  return directory
}

/** A secret as the kubelet mounts it: links to `..data`, which is a link to the newest directory. */
async function mountSecret(text: string): Promise<string> {
  const directory = await temporary()
  await swapSecret(directory, text)
  for (const name of NAMES) await symlink(join('..data', name), join(directory, name))
  return directory
}

async function swapSecret(directory: string, text: string): Promise<string> {
  const snapshot = `..${text}`
  await fill(join(directory, snapshot), text)
  await symlink(snapshot, join(directory, '..data_tmp'))
  await rename(join(directory, '..data_tmp'), join(directory, '..data'))
  return join(directory, snapshot)
}

const textsOf = async (directory: string) => {
  const { key, cert, ca, crl } = await directorySource(directory).read()
  return [key, cert, ca, crl].map((file) => file?.bytes.toString())
}

async function problemsOf(directory: string): Promise<readonly string[]> {
  try {
    await directorySource(directory).read()
    return []
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.problems.map(({ where, message }) => {
      return `${where?.file?.replace(`${directory}/`, '') ?? ''}: ${message}`
    })
  }
}

test('a plain directory, with and without lists', async (t) => {
  const directory = await fill(await temporary(), 'a')
  t.deepEqual(await textsOf(directory), ['a', 'a', 'a', 'a'])
  await unlink(join(directory, 'ca.crl'))
  t.deepEqual(await textsOf(directory), ['a', 'a', 'a', undefined])
  const { key } = await directorySource(directory).read()
  t.like(key, { path: join(directory, 'tls.key'), mode: 0o600 })
})

test('a mounted secret, before and after a swap', async (t) => {
  const directory = await mountSecret('first')
  t.deepEqual(await textsOf(directory), ['first', 'first', 'first', 'first'])
  await swapSecret(directory, 'second')
  await rm(join(directory, '..first'), { recursive: true })
  t.deepEqual(await textsOf(directory), ['second', 'second', 'second', 'second'])
})

test('swaps while it is read never mix two secrets', async (t) => {
  const directory = await mountSecret('0')
  let swapping = true
  const swaps = (async () => {
    for (let number = 1; swapping; number++) {
      await swapSecret(directory, String(number))
      // The kubelet deletes the old one right away.
      await rm(join(directory, `..${number - 1}`), { recursive: true })
    }
  })()
  const seen = new Set<string>()
  let reads = 0
  try {
    for (; reads < 20_000 && seen.size < 50; reads++) {
      const problems = await problemsOf(directory)
      // Overtaken five times in a row it says so; a mixture would be a wrong answer.
      if (problems.length > 0) continue
      const texts = new Set(await textsOf(directory).catch(() => []))
      t.true(texts.size <= 1, [...texts].join())
      for (const text of texts) seen.add(text ?? '')
    }
  } finally {
    swapping = false
    await swaps
  }
  t.true(seen.size >= 10, `saw ${seen.size} secrets in ${reads} reads`)
})

test('every missing file is named', async (t) => {
  const directory = await fill(await temporary(), 'a', ['tls.crt'])
  t.deepEqual(await problemsOf(directory), [
    'tls.key: cannot be read: there is no such file',
    'ca.crt: cannot be read: there is no such file',
  ])
  const gone = join(directory, 'gone')
  t.regex((await problemsOf(gone))[0] ?? '', /there is no directory .*gone/)
  const fileInstead = join(directory, 'tls.crt')
  t.true((await problemsOf(fileInstead)).length > 0)
})

test('a file that is not a regular file, or too large, is refused', async (t) => {
  const directory = await fill(await temporary(), 'a')
  await unlink(join(directory, 'ca.crt'))
  await mkdir(join(directory, 'ca.crt'))
  t.deepEqual(await problemsOf(directory), ['ca.crt: this is not a regular file'])
  await rm(join(directory, 'ca.crt'), { recursive: true })
  await run('mkfifo', [join(directory, 'ca.crt')])
  t.deepEqual(await problemsOf(directory), ['ca.crt: this is not a regular file'])
  await unlink(join(directory, 'ca.crt'))
  await writeFile(join(directory, 'ca.crt'), '')
  await truncate(join(directory, 'ca.crt'), 5_000_000)
  t.regex((await problemsOf(directory))[0] ?? '', /ca\.crt: it is larger than/)
  await unlink(join(directory, 'ca.crt'))
  await symlink('ca.crt', join(directory, 'ca.crt'))
  t.regex((await problemsOf(directory))[0] ?? '', /ca\.crt: .*form a loop/)
})

test('an unreadable list does not count as a missing one', async (t) => {
  const directory = await fill(await temporary(), 'a')
  await unlink(join(directory, 'ca.crl'))
  await mkdir(join(directory, 'ca.crl'))
  t.deepEqual(await problemsOf(directory), ['ca.crl: this is not a regular file'])
})

test('a directory that others may write is refused, unless it is sticky', async (t) => {
  const directory = await fill(await temporary(), 'a')
  await chmod(directory, 0o777)
  t.regex((await problemsOf(directory))[0] ?? '', /others may write this \(folder with mode 0777\)/)
  await chmod(directory, 0o1777)
  t.deepEqual(await problemsOf(directory), [])
})

test('in a folder where others may put files theirs are refused, and a `..data` of theirs', async (t) => {
  if (process.getuid?.() !== 0) {
    t.log('skipped: only root gives files away')
    t.pass()
    return
  }
  const stranger = /it belongs to user 4711, in a folder where everyone may put files/
  const directory = await fill(await temporary(), 'a')
  await chmod(directory, 0o1777)
  await chown(join(directory, 'ca.crl'), 4711, 4711)
  t.regex((await problemsOf(directory))[0] ?? '', stranger)
  await chown(join(directory, 'ca.crl'), 0, 0)
  t.deepEqual(await problemsOf(directory), [])
  const theirs = await fill(await temporary(), 'b')
  await symlink(theirs, join(directory, '..data'))
  await lchown(join(directory, '..data'), 4711, 4711)
  t.regex((await problemsOf(directory))[0] ?? '', stranger)
  // A link that was exchanged after it was looked at: the files themselves are looked at when they are open.
  await lchown(join(directory, '..data'), 0, 0)
  await chown(join(theirs, 'ca.crt'), 4711, 4711)
  t.regex((await problemsOf(directory))[0] ?? '', stranger)
  // What only its owner can write to is another matter: an init container has a user of its own.
  await unlink(join(directory, '..data'))
  await chmod(directory, 0o755)
  await chown(join(directory, 'ca.crt'), 4711, 4711)
  t.deepEqual(await problemsOf(directory), [])
})

test('a file in the place of the directory', async (t) => {
  const file = join(await temporary(), 'certs')
  await writeFile(file, '')
  const error = await t.throwsAsync(directorySource(file).read())
  t.is(error?.message, `${file}: this is not a directory`)
})

test('a key that may not be read', async (t) => {
  if (process.getuid?.() === 0) {
    t.log('skipped: root reads every file')
    t.pass()
    return
  }
  const directory = await fill(await temporary(), 'a')
  await chmod(join(directory, 'tls.key'), 0)
  t.deepEqual(await problemsOf(directory), ['tls.key: cannot be read: permission denied'])
})

/** Resolves with the number of calls once there was one after `act`. */
async function callsAfter(directory: string, act: () => Promise<unknown>): Promise<void> {
  const times = { debounceMs: 5, pollMs: 3_600_000 }
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = directorySource(directory, times).watch(resolve)
  const alive = setInterval(() => {}, 1000)
  try {
    await act()
    await promise
  } finally {
    clearInterval(alive)
    stop()
  }
}

test('changes are noticed: written, renamed, swapped three times, deleted', async (t) => {
  const plain = await fill(await temporary(), 'a')
  await callsAfter(plain, () => writeFile(join(plain, 'tls.crt'), 'b'))
  await writeFile(join(plain, 'new'), 'c')
  await callsAfter(plain, () => rename(join(plain, 'new'), join(plain, 'ca.crt')))
  await callsAfter(plain, () => unlink(join(plain, 'ca.crl')))
  const mounted = await mountSecret('0')
  for (const text of ['1', '2', '3']) await callsAfter(mounted, () => swapSecret(mounted, text))
  t.deepEqual(await textsOf(mounted), ['3', '3', '3', '3'])
})

test('a poll looks again, also where the directory was deleted and made anew', async (t) => {
  const directory = join(await temporary(), 'certs')
  await fill(directory, 'a')
  let calls = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = directorySource(directory, { debounceMs: 5, pollMs: 20 }).watch(() => {
    calls++
    if (calls === 5) resolve()
  })
  const alive = setInterval(() => {}, 1000)
  await rm(directory, { recursive: true })
  await promise
  clearInterval(alive)
  await fill(directory, 'b')
  stop()
  const before = calls
  await writeFile(join(directory, 'tls.crt'), 'c')
  t.is(calls, before, 'nothing is told after the stop')
  t.deepEqual(await textsOf(directory), ['b', 'c', 'b', 'b'])
})
