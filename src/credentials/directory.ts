import { constants } from 'node:fs'
import { open, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, Fault, fault, type Problem } from '../fault.ts'
import type { CredentialSource, RawFile, RawMaterial } from './source.ts'
import { unreadable } from './unreadable.ts'
import { type WatchTimes, watchDirectory } from './watch-directory.ts'

/** The names that cert-manager and the csi-driver write. */
const NAMES = { key: 'tls.key', cert: 'tls.crt', ca: 'ca.crt', crl: 'ca.crl' } as const

/** Generous for any chain or bundle; a list of a million revoked certificates fits too. */
const MAX_FILE_BYTES = { key: 65_536, cert: 1_048_576, ca: 4_194_304, crl: 67_108_864 } as const

/** How often a snapshot that vanished while it was read is looked for again. */
const MAX_ATTEMPTS = 5

/** A directory with `tls.crt`, `tls.key`, `ca.crt` and perhaps `ca.crl`. */
export function directorySource(directory: string, times?: WatchTimes): CredentialSource {
  return {
    description: directory,
    read: () => readDirectory(directory),
    watch: (onChange) => watchDirectory(directory, onChange, times),
  }
}

/**
 * Reads the files as one snapshot. Kubernetes replaces a mounted secret by renaming the symbolic
 * link `..data` to a new directory: that link is resolved once, and everything is read from where
 * it pointed, so that a swap midway cannot mix two secrets. Throws a Fault.
 */
async function readDirectory(directory: string): Promise<RawMaterial> {
  for (let attempt = 1; ; attempt++) {
    const snapshot = await snapshotOf(directory)
    const { raw, problems } = await readSnapshot(directory, snapshot)
    if (raw?.crl !== undefined) return raw
    // The old snapshot is deleted right after the swap: what is missing may only have moved, and a
    // revocation list that vanished under our hands is no missing one.
    const moved = (await snapshotOf(directory)) !== snapshot
    if (!moved && raw !== undefined) return raw
    if (!moved) throw new Fault(problems)
    if (attempt === MAX_ATTEMPTS) {
      throw fault('changes faster than it can be read', { where: { file: directory } })
    }
  }
}

async function snapshotOf(directory: string): Promise<string> {
  const links = [join(directory, '..data'), directory]
  for (const link of links) {
    try {
      return await realpath(link)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw unreadable(link, error)
    }
  }
  throw fault(`there is no directory ${directory}`, {
    hint: 'it must hold tls.crt, tls.key and ca.crt',
  })
}

async function readSnapshot(
  directory: string,
  snapshot: string,
): Promise<{ raw?: RawMaterial; problems: readonly Problem[] }> {
  const problems: Problem[] = []
  const mode = (await stat(snapshot).catch(() => undefined))?.mode
  // With the sticky bit (Kubernetes' own mounts) others may add files, but replace none.
  if (mode !== undefined && (mode & 0o002) !== 0 && (mode & 0o1000) === 0) {
    const message = 'others may replace the files in this directory'
    const hint = `chmod o-w ${directory}`
    problems.push({ severity: 'error', message, where: { file: directory }, hint })
  }
  const read = async (which: keyof typeof NAMES): Promise<RawFile | undefined> => {
    const path = join(directory, NAMES[which])
    try {
      return await readRegularFile(join(snapshot, NAMES[which]), path, MAX_FILE_BYTES[which])
    } catch (error) {
      const optional = which === 'crl' && errorCode(error) === 'ENOENT'
      if (!optional) problems.push(...unreadable(path, error).problems)
      return undefined
    }
  }
  const [key, cert, ca, crl] = [
    await read('key'),
    await read('cert'),
    await read('ca'),
    await read('crl'),
  ]
  if (problems.length > 0 || key === undefined || cert === undefined || ca === undefined) {
    return { problems }
  }
  return { raw: { key, cert, ca, ...(crl !== undefined && { crl }) }, problems }
}

/** Reads a file, but no pipe or device, which could keep us waiting. */
async function readRegularFile(at: string, path: string, maxBytes: number): Promise<RawFile> {
  const handle = await open(at, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const { mode, size } = await handle.stat()
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) {
      throw fault('this is no regular file', { where: { file: path } })
    }
    if (size > maxBytes) {
      throw fault(`it is larger than ${maxBytes} bytes`, { where: { file: path } })
    }
    return { bytes: await handle.readFile(), path, mode: mode & 0o7777 }
  } finally {
    await handle.close()
  }
}
