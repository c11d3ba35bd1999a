import { accessSync, constants, lstatSync, readdirSync, type Stats, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorCode, type Problem } from '../fault.ts'

const GROUP_OR_OTHERS_WRITE = 0o022
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

/**
 * Trust rule 7: what decides over trust is refused when others may write it. A folder counts with
 * every file in it. What is absent or unreadable is for its own reader to report.
 */
export function writableByOthers(path: string): Problem[] {
  const stats = look(path)
  if (stats === undefined) return []
  if (!stats.isDirectory()) return [...ofFile(path, stats), ...ofParent(path)]
  return [
    ...folderWritableByOthers(path),
    ...namesIn(path)
      // Kubernetes' `..data` is a link into the same folder.
      .filter((name) => !name.startsWith('.'))
      .flatMap((name) => inFolder(path, name)),
  ]
}

/**
 * The same for a folder alone; who reads the files judges their modes (credentials do so each time
 * they are read).
 */
export function folderWritableByOthers(directory: string): Problem[] {
  const stats = look(directory)
  if (stats === undefined || !stats.isDirectory()) return []
  return isShared(directory)
    ? namesIn(directory).flatMap((name) => ofStranger(join(directory, name), lstatSync))
    : ofDirectory(directory, stats.mode)
}

/** Is it a folder where others may put files, but replace none (the sticky bit)? */
export function isShared(directory: string): boolean {
  const mode = look(directory)?.mode ?? 0
  const sticky = (mode & STICKY) !== 0 && (mode & GROUP_OR_OTHERS_WRITE) !== 0
  return sticky && !isReadOnly(directory)
}

/** In a folder that is shared, a file counts only where it is root's or our own. */
export function isStrangers({ uid }: Pick<Stats, 'uid'>): boolean {
  return uid !== 0 && uid !== process.geteuid?.()
}

/** Can all others put another file in the place of those in this folder? */
export function isOpenToAll(directory: string): boolean {
  const mode = look(directory)?.mode ?? 0
  return (mode & OTHERS_WRITE) !== 0 && !isKept(directory, mode)
}

function look(path: string, stat: (path: string) => Stats = statSync): Stats | undefined {
  try {
    return stat(path)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return []
  }
}

function inFolder(directory: string, name: string): Problem[] {
  const file = join(directory, name)
  const stats = look(file)
  if (!stats?.isFile()) return []
  return [...ofFile(file, stats), ...(isShared(directory) ? ofStranger(file, statSync) : [])]
}

function ofStranger(file: string, stat: (path: string) => Stats): Problem[] {
  const stats = look(file, stat)
  return stats !== undefined && isStrangers(stats) ? [strangers(file, stats.uid)] : []
}

/** What others have put into a folder that is shared. */
export function strangers(file: string, uid: number): Problem {
  return {
    severity: 'error',
    message: `it belongs to user ${uid}, in a folder where everyone may put files (mode 1777)`,
    where: { file },
    hint: 'chmod go-w the folder, and look what was put there',
  }
}

function ofFile(file: string, stats: Stats): Problem[] {
  if ((stats.mode & GROUP_OR_OTHERS_WRITE) === 0) return []
  // Who follows a hint must not take /dev/null from everyone else.
  if (!stats.isFile())
    return [{ severity: 'error', message: 'this is not a file', where: { file } }]
  return [refused(file, `mode ${octal(stats.mode)}`)]
}

function ofDirectory(directory: string, mode: number): Problem[] {
  return (mode & GROUP_OR_OTHERS_WRITE) !== 0 && !isKept(directory, mode)
    ? [refusedFolder(directory, mode)]
    : []
}

/** A user who may write into the folder of a file can put another in its place. */
function ofParent(file: string): Problem[] {
  const directory = dirname(file)
  return isOpenToAll(directory) ? [refusedFolder(directory, look(directory)?.mode ?? 0)] : []
}

/**
 * The sticky bit keeps others from replacing a file, a read-only mount from everything: Kubernetes
 * mounts secrets with mode 1777 and ConfigMaps with mode 0777, both read-only.
 */
function isKept(directory: string, mode: number): boolean {
  return (mode & STICKY) !== 0 || isReadOnly(directory)
}

function isReadOnly(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK)
    return false
  } catch (error) {
    return errorCode(error) === 'EROFS'
  }
}

function refused(file: string, what: string): Problem {
  return {
    severity: 'error',
    message: `others may write this (${what})`,
    where: { file },
    hint: `chmod go-w ${file}`,
  }
}

/** An emptyDir has mode 0777, or 2777 with an fsGroup, and only root may change that. */
function refusedFolder(directory: string, mode: number): Problem {
  const problem = refused(directory, `folder with mode ${octal(mode)}`)
  const inPod = 'in a pod mount it with readOnly: true, and elsewhere only where it is written'
  return { ...problem, hint: `${problem.hint}; ${inPod}` }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
