import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, fault } from '../fault.ts'

/** For directories with keys in them: only their owner has access. */
export const DIRECTORY_MODE = 0o700

/** A file to be written. Modes are octal; the umask does not apply. */
export interface NewFile {
  readonly name: string
  readonly content: string | Uint8Array
  readonly mode: number
}

/** Writes a new file, synced to the disk when this resolves; it must not exist yet. */
export async function writeDown(
  path: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.chmod(mode)
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

const { O_RDONLY, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW } = constants
/** The largest list that a sidecar reads; certificates and keys are shorter. */
const MOST_BYTES = 67_108_864

/**
 * Reads a regular file of limited size. A module may be able to write in the folder of its certificate, and a pipe
 * there would be waited for without end. `shown`: the path for people.
 */
export async function readRegular(
  path: string,
  { flags = 0, shown = path } = {},
): Promise<{ readonly content: Buffer; readonly mode: number }> {
  const file = await open(path, O_RDONLY | O_NONBLOCK | flags)
  try {
    const found = await file.stat()
    const flaw = !found.isFile() ? 'this is not a regular file' : 'it is too large'
    if (!found.isFile() || found.size > MOST_BYTES) throw fault(flaw, { where: { file: shown } })
    return { content: await file.readFile(), mode: found.mode & 0o777 }
  } finally {
    await file.close()
  }
}

/** A rename is on the disk only when its directory is synced. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const DATA = '..data'
/** A generation in the directory itself; any other target of `..data` is not ours. */
const GENERATION = /^\.\.\d[^/]*$/

/** Whether a directory is written as Kubernetes mounts a secret: all files behind one symlink. */
export async function isMounted(directory: string): Promise<boolean> {
  const found = await lstat(join(directory, DATA)).catch((error) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  })
  return found?.isSymbolicLink() === true
}

/**
 * Writes all files of the next generation into a new directory, and copies those that do not change;
 * committing swaps the one symlink, so that no reader ever sees files of two generations.
 */
export async function stageSwap(
  directory: string,
  files: readonly NewFile[],
  written: string[],
): Promise<() => Promise<void>> {
  const stamp = new Date().toISOString().replaceAll(/[-:T]|\.\d+Z/g, '')
  const next = `..${stamp}.${randomBytes(4).toString('hex')}`
  const path = join(directory, next)
  written.push(path)
  await mkdir(path, { mode: DIRECTORY_MODE })
  const before = (await isMounted(directory)) ? await readlink(join(directory, DATA)) : undefined
  const kept = await keptFiles(directory, before, files)
  for (const { name, content, mode } of [...kept, ...files]) {
    await writeDown(join(path, name), content, mode)
  }
  await syncDirectory(path)
  return async () => {
    await point(directory, DATA, next)
    for (const { name } of [...kept, ...files]) await point(directory, name, join(DATA, name))
    await syncDirectory(directory)
    if (before !== undefined && GENERATION.test(before)) {
      await rm(join(directory, before), { recursive: true, force: true })
    }
  }
}

/**
 * Copies only files that lie in the folder itself: a module that may write there could otherwise lead `..data`, or a
 * name behind it, to the key of another.
 */
async function keptFiles(
  directory: string,
  before: string | undefined,
  files: readonly NewFile[],
): Promise<readonly NewFile[]> {
  if (before === undefined) return []
  const path = join(directory, before)
  if (!GENERATION.test(before)) throw astray(join(directory, DATA), before)
  const generation = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    // On Linux the folder that was opened, whatever its name leads to by now.
    const at = process.platform === 'linux' ? `/proc/self/fd/${generation.fd}` : path
    const replaced = new Set(files.map(({ name }) => name))
    const kept: NewFile[] = []
    for (const name of await readdir(at)) {
      if (replaced.has(name)) continue
      const options = { flags: O_NOFOLLOW, shown: join(path, name) }
      kept.push({ ...(await readRegular(join(at, name), options)), name })
    }
    return kept
  } finally {
    await generation.close()
  }
}

function astray(file: string, target: string) {
  return fault(`it leads to ${target}, which is not a generation of this folder`, {
    where: { file },
    hint: 'find out who changed it, then delete it and issue this certificate again',
  })
}

/** Makes `name` a symlink to `target` in one atomic step, whatever was there. */
async function point(directory: string, name: string, target: string): Promise<void> {
  const path = join(directory, name)
  if ((await readlink(path).catch(() => undefined)) === target) return
  const temporary = join(directory, `..${name.replaceAll('.', '')}_tmp`)
  await rm(temporary, { force: true })
  await symlink(target, temporary)
  await rename(temporary, path)
}
