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

/** Files written completely under temporary names: either all are put into place, or none is left. */
export interface Staged {
  /** Puts every file into its place, each in one step. */
  commit(): Promise<void>
  /** Takes away what was staged, with the directories that were made for it. */
  abandon(): Promise<void>
}

/**
 * Writes files beside their places, down to the disk: what can go wrong goes wrong here, before
 * anything that is in use is touched. A directory that is written the way Kubernetes mounts a
 * secret (it has `..data`) keeps that way; `mounted` begins it. Throws a Fault on a full disk, a
 * missing permission and the like, with nothing left behind.
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

/** Each file under a temporary name; they take their places one by one. */
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

/** Directories from `deepest` up to `top`, unless they are not empty. */
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

/** A system error while writing, as something that a person can mend. */
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
