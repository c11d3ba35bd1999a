import { existsSync, realpathSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errorCode, fault } from '../../fault.ts'
import { syncDirectory, writeDown } from '../../pki/disk.ts'
import { namesIn } from '../write.ts'

/**
 * The files that a folder lacks, and its surplus ones. Throws a Fault if it contains anything but
 * `*.json`: then it is not a folder of descriptors, and must not be replaced.
 */
export function foldersDiffer(
  folder: string,
  names: readonly string[],
): { added: readonly string[]; gone: readonly string[] } {
  const before = namesIn(folder)
  const foreign = before.find((name) => !name.endsWith('.json'))
  if (foreign !== undefined) {
    throw fault(`${folder} holds ${foreign}, which is not a descriptor`, {
      hint: 'name a folder of its own: all of it is replaced',
    })
  }
  return {
    added: names.filter((name) => !before.includes(name)),
    gone: before.filter((name) => !names.includes(name)),
  }
}

/**
 * Replaces `folder` by one with exactly these files, by renaming: no reader sees an incomplete folder,
 * and if anything fails, the old one stays. Throws a Fault.
 */
export async function replaceFolder(
  folder: string,
  files: ReadonlyMap<string, string>,
): Promise<void> {
  const place = existsSync(folder) ? realpathSync(folder) : resolve(folder)
  const scratch = `${place}.${process.pid}.tmp`
  const old = `${place}.${process.pid}.old`
  try {
    await mkdir(scratch)
    for (const [name, text] of files) await writeDown(`${scratch}/${name}`, text, 0o644)
    await syncDirectory(scratch)
    if (existsSync(place)) await rename(place, old)
    try {
      await rename(scratch, place)
    } catch (error) {
      if (existsSync(old)) await rename(old, place)
      throw error
    }
    await syncDirectory(dirname(place))
    await rm(old, { recursive: true, force: true })
  } catch (error) {
    await rm(scratch, { recursive: true, force: true })
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot write ${folder}: ${code}`)
  }
}
