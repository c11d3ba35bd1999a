import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { folderWritableByOthers, isShared, isStrangers, strangers } from '../fault/guard.ts'
import { errorCode, Fault, fault, type Problem } from '../fault.ts'
import type { RawFile } from './raw-material.ts'

/** A file of a folder of credentials. */
export interface WantedFile {
  readonly name: string
  readonly maxBytes: number
  readonly optional?: boolean
}

/** How often a read is repeated if the snapshot vanished meanwhile. */
const MAX_ATTEMPTS = 5

/**
 * Reads the files as one snapshot. Kubernetes replaces a mounted secret by renaming the symbolic
 * link `..data` to a new directory: that link is resolved once, and everything is read from where
 * it pointed, so that a swap midway cannot mix two secrets. Throws a Fault, also for a folder that
 * others may write. The result has the keys of `wanted`, but for what is optional and absent.
 */
export async function readFolder<K extends string>(
  directory: string,
  wanted: Readonly<Record<K, WantedFile>>,
): Promise<ReadonlyMap<K, RawFile>> {
  for (let attempt = 1; ; attempt++) {
    const snapshot = await snapshotOf(directory, wanted)
    const { files, problems } = await readSnapshot(directory, snapshot, wanted)
    if (problems.length === 0 && files.size === Object.keys(wanted).length) return files
    // The old snapshot is deleted right after the swap: a missing file may only have moved, and a
    // revocation list that vanished during the read does not count as missing.
    const moved = (await snapshotOf(directory, wanted)) !== snapshot
    if (!moved && problems.length === 0) return files
    if (!moved) throw new Fault(problems)
    if (attempt === MAX_ATTEMPTS) {
      throw fault('changes faster than it can be read', { where: { file: directory } })
    }
  }
}

async function snapshotOf(
  directory: string,
  wanted: Readonly<Record<string, WantedFile>>,
): Promise<string> {
  const links = [join(directory, '..data'), directory]
  for (const link of links) {
    try {
      return await realpath(link)
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOTDIR') throw fault('this is not a directory', { where: { file: directory } })
      // `..data` is Kubernetes' own: who reads the message knows the folder.
      if (code !== 'ENOENT') throw unreadable(directory, error)
    }
  }
  const names = Object.values(wanted)
    .flatMap(({ name, optional }) => (optional ? [] : [name]))
    .sort()
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  throw fault(`there is no directory ${directory}`, { hint: `it must hold ${list}` })
}

async function readSnapshot<K extends string>(
  directory: string,
  snapshot: string,
  wanted: Readonly<Record<K, WantedFile>>,
): Promise<{ files: ReadonlyMap<K, RawFile>; problems: readonly Problem[] }> {
  // Of a mounted secret both count: the mount, and the folder of the snapshot in it.
  const folders = new Set([await realpath(directory).catch(() => directory), snapshot])
  const problems = [...folders].flatMap(folderWritableByOthers)
  const shared = [...folders].some(isShared)
  const files = new Map<K, RawFile>()
  for (const key in wanted) {
    const { name, maxBytes, optional = false } = wanted[key]
    const path = join(directory, name)
    try {
      files.set(key, await readRegularFile(join(snapshot, name), path, { maxBytes, shared }))
    } catch (error) {
      if (!optional || errorCode(error) !== 'ENOENT') {
        problems.push(...unreadable(path, error).problems)
      }
    }
  }
  return { files, problems }
}

/** Reads a regular file, not a pipe or device, which could block. */
async function readRegularFile(
  at: string,
  path: string,
  { maxBytes, shared }: { maxBytes: number; shared: boolean },
): Promise<RawFile> {
  const handle = await open(at, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const { mode, size, uid } = await handle.stat()
    if (shared && isStrangers({ uid })) throw new Fault(strangers(path, uid))
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) {
      throw fault('this is not a regular file', { where: { file: path } })
    }
    if (size > maxBytes) {
      throw fault(`it is larger than ${maxBytes} bytes`, { where: { file: path } })
    }
    return { bytes: await handle.readFile(), path, mode: mode & 0o7777 }
  } finally {
    await handle.close()
  }
}

const DENIED = 'permission denied'
const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: DENIED,
  EPERM: DENIED,
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ELOOP: 'its symbolic links form a loop',
}

/** What a person is told of a file that cannot be read. Throws what is no error of the file system. */
function unreadable(file: string, error: unknown): Fault {
  if (error instanceof Fault) return error
  const code = errorCode(error)
  if (code === undefined) throw error
  const denied = MEANINGS[code] === DENIED
  const hint = `it must be readable for the user of the sidecar, here ${process.getuid?.()}`
  return fault(`cannot be read: ${MEANINGS[code] ?? code}`, {
    where: { file },
    ...(denied && { hint }),
  })
}
