import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rmdir, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { errorCode, Fault, fault } from '../fault.ts'

/** A file to be written. Modes are octal; the umask is not asked. */
export interface NewFile {
  readonly name: string
  readonly content: string | Uint8Array
  readonly mode: number
}

/** For everything that anybody may read: certificates, lists of revoked ones. */
export const PUBLIC_MODE = 0o644
/** For a leaf's key: the pod's own user reads and replaces it. */
export const LEAF_KEY_MODE = 0o600
/** For the key of a CA: nobody writes it again. */
export const CA_KEY_MODE = 0o400
const DIRECTORY_MODE = 0o700

/** Files that stand complete beside their places. Either all of it is taken, or nothing is left. */
export interface Staged {
  /** Puts every file into its place, each in one step. */
  commit(): Promise<void>
  /** Takes away what was staged, with the directories that were made for it. */
  abandon(): Promise<void>
}

/**
 * Writes files under temporary names in their own directory, down to the disk: what can go wrong
 * goes wrong here, before anything that is in use is touched. Throws a Fault on a full disk, a
 * missing permission and the like, with nothing left behind.
 */
export async function stage(directory: string, files: readonly NewFile[]): Promise<Staged> {
  const temporary: { from: string; to: string }[] = []
  let made: string | undefined
  const abandon = async () => {
    await Promise.allSettled(temporary.map(({ from }) => unlink(from)))
    if (made !== undefined) await removeEmpty(directory, made)
  }
  try {
    made = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE })
    for (const { name, content, mode } of files) {
      const from = join(directory, `.${name}.${randomBytes(6).toString('hex')}`)
      temporary.push({ from, to: join(directory, name) })
      await writeDown(from, content, mode)
    }
  } catch (error) {
    await abandon()
    throw cannotWrite(directory, error)
  }
  return {
    abandon,
    async commit() {
      for (const { from, to } of temporary) await rename(from, to)
      await syncDirectory(directory)
    },
  }
}

/** Directories from `deepest` up to `top`, unless somebody has put something there meanwhile. */
async function removeEmpty(deepest: string, top: string): Promise<void> {
  let at = resolve(deepest)
  const last = dirname(resolve(top))
  while (at !== last && at !== dirname(at)) {
    const removed = await rmdir(at).then(
      () => true,
      () => false,
    )
    if (!removed) return
    at = dirname(at)
  }
}

/** Stages in several directories, then commits them all: one that cannot be written stops every one. */
export async function stageAll(
  places: readonly { readonly directory: string; readonly files: readonly NewFile[] }[],
): Promise<Staged> {
  const staged: Staged[] = []
  const abandon = async () => {
    await Promise.allSettled(staged.map((one) => one.abandon()))
  }
  try {
    for (const { directory, files } of places) staged.push(await stage(directory, files))
  } catch (error) {
    await abandon()
    throw error
  }
  return {
    abandon,
    async commit() {
      for (const one of staged) await one.commit()
    },
  }
}

async function writeDown(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.chmod(mode)
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename is on the disk once its directory is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A system error while writing, as something that a person can mend. */
export function cannotWrite(path: string, error: unknown): unknown {
  const code = errorCode(error)
  if (error instanceof Fault || code === undefined) return error
  const hint =
    code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
      ? 'choose a directory that you may write'
      : code === 'ENOTDIR' || code === 'EEXIST'
        ? 'a file stands where a directory is needed'
        : undefined
  return fault(`cannot write ${path} (${code})`, hint === undefined ? {} : { hint })
}
