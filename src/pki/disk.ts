import { open } from 'node:fs/promises'

/** Directories with keys in them are nobody else's. */
export const DIRECTORY_MODE = 0o700

/** A file to be written. Modes are octal; the umask is not asked. */
export interface NewFile {
  readonly name: string
  readonly content: string | Uint8Array
  readonly mode: number
}

/** A file that is on the disk when this resolves; it must not have been there. */
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

/** A rename is on the disk once its directory is. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
