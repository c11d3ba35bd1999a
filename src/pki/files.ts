import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { errorCode, Fault, fault } from '../fault.ts'
import {
  DIRECTORY_MODE,
  isMounted,
  type NewFile,
  stageSwap,
  syncDirectory,
  writeDown,
} from './disk.ts'

export type { NewFile } from './disk.ts'

/** For files that every user may read: certificates and CRLs. */
export const PUBLIC_MODE = 0o644
/** For a leaf's key: the pod's own user reads and replaces it. */
export const LEAF_KEY_MODE = 0o600
/** For the key of a CA: it is never written again. */
export const CA_KEY_MODE = 0o400

/** Files written completely under temporary names: either all are moved to their final names, or none is left. */
export interface Staged {
  /** Moves every file to its final name, each atomically. */
  commit(): Promise<void>
  /** Deletes what was staged, and the directories that were made for it. */
  abandon(): Promise<void>
}

/**
 * Writes and syncs files under temporary names beside the final ones, so that errors occur before
 * anything in use is changed. A directory in the form of a Kubernetes secret mount (it has
 * `..data`) keeps that form; `mounted` starts it. Throws a Fault on a full disk, a missing
 * permission and the like, and then leaves nothing behind.
 */
export async function stage(
  directory: string,
  files: readonly NewFile[],
  mounted = false,
): Promise<Staged> {
  let made: string | undefined
  const written: string[] = []
  const abandon = async () => {
    for (const path of written) await rm(path, { recursive: true, force: true })
    if (made !== undefined) await removeEmpty(directory, made)
  }
  try {
    made = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE })
    const commit =
      mounted || (await isMounted(directory))
        ? await stageSwap(directory, files, written)
        : await stageRenames(directory, files, written)
    return { abandon, commit }
  } catch (error) {
    await abandon()
    throw cannotWrite(directory, error)
  }
}

/** Each file under a temporary name; they are renamed one by one. */
async function stageRenames(directory: string, files: readonly NewFile[], written: string[]) {
  const moves: { from: string; to: string }[] = []
  for (const { name, content, mode } of files) {
    const from = join(directory, `.${name}.${randomBytes(6).toString('hex')}`)
    written.push(from)
    moves.push({ from, to: join(directory, name) })
    await writeDown(from, content, mode)
  }
  return async () => {
    for (const { from, to } of moves) await rename(from, to)
    await syncDirectory(directory)
  }
}

/** Removes the directories from `deepest` up to `top`, as far as they are empty. */
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

/** Stages in several directories, then commits all: if one cannot be written, none is changed. */
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

/** A directory that could not be written, and why. */
export interface Unwritten {
  readonly directory: string
  readonly error: unknown
}

/**
 * The same, except that a directory that cannot be written does not stop the others. After the commit `unwritten` has
 * all that were left out.
 */
export async function stageEach(
  places: readonly { readonly directory: string; readonly files: readonly NewFile[] }[],
): Promise<Staged & { readonly unwritten: readonly Unwritten[] }> {
  const unwritten: Unwritten[] = []
  const staged: (Staged & { readonly directory: string })[] = []
  for (const { directory, files } of places) {
    try {
      staged.push({ ...(await stage(directory, files)), directory })
    } catch (error) {
      unwritten.push({ directory, error })
    }
  }
  return {
    unwritten,
    async abandon() {
      await Promise.allSettled(staged.map((one) => one.abandon()))
    },
    async commit() {
      for (const { directory, commit, abandon } of staged) {
        try {
          await commit()
        } catch (error) {
          unwritten.push({ directory, error: cannotWrite(directory, error) })
          await abandon()
        }
      }
    },
  }
}

/** A system error while writing, as a Fault that says what to do. */
export function cannotWrite(path: string, error: unknown): unknown {
  const code = errorCode(error)
  if (error instanceof Fault || code === undefined) return error
  const hint =
    code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
      ? 'choose a directory that you may write'
      : code === 'ENOTDIR' || code === 'EEXIST'
        ? 'a file exists where a directory is needed'
        : undefined
  return fault(`cannot write ${path} (${code})`, hint === undefined ? {} : { hint })
}
