import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Problem } from '../fault.ts'

const GROUP_OR_OTHERS_WRITE = 0o022
const OTHERS_WRITE = 0o002
const OTHERS_READ = 0o004
const STICKY = 0o1000

/**
 * Trust rule 7: what decides over trust is refused when others may write it. A folder counts with
 * every file in it. What is absent or unreadable is for its own reader to report.
 */
export function writableByOthers(path: string): Problem[] {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return []
  if (!stats.isDirectory()) return [...ofFile(path, stats.mode), ...ofParent(path)]
  const files = readdirSync(path, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.'))
    .map(({ name }) => join(path, name))
  return [...ofDirectory(path, stats.mode), ...files.flatMap(inFolder)]
}

/** Like `writableByOthers`, and a private key that everyone may read is a warning. */
export function credentialsOfOthers(directory: string): Problem[] {
  const key = join(directory, 'tls.key')
  const mode = statSync(key, { throwIfNoEntry: false })?.mode ?? 0
  const readable: Problem = {
    severity: 'warning',
    message: 'this private key may be read by everyone',
    where: { file: key },
    hint: `chmod 0600 ${key}; in Kubernetes set the volume's defaultMode to 0440`,
  }
  return [...writableByOthers(directory), ...((mode & OTHERS_READ) === 0 ? [] : [readable])]
}

function inFolder(file: string): Problem[] {
  const stats = statSync(file, { throwIfNoEntry: false })
  return stats?.isFile() ? ofFile(file, stats.mode) : []
}

function ofFile(file: string, mode: number): Problem[] {
  return (mode & GROUP_OR_OTHERS_WRITE) === 0 ? [] : [refused(file, `mode ${octal(mode)}`)]
}

/**
 * The sticky bit keeps others from replacing a file: Kubernetes mounts secrets and ConfigMaps in
 * folders of mode 1777, read-only.
 */
function ofDirectory(directory: string, mode: number): Problem[] {
  const open = (mode & GROUP_OR_OTHERS_WRITE) !== 0 && (mode & STICKY) === 0
  return open ? [refused(directory, `folder with mode ${octal(mode)}`)] : []
}

/** Whoever may write into the folder of a file can put another in its place. */
function ofParent(file: string): Problem[] {
  const directory = dirname(file)
  const mode = statSync(directory, { throwIfNoEntry: false })?.mode ?? 0
  const open = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0
  return open ? [refused(directory, `folder with mode ${octal(mode)}`)] : []
}

function refused(file: string, what: string): Problem {
  return {
    severity: 'error',
    message: `others may write this (${what})`,
    where: { file },
    hint: `chmod go-w ${file}`,
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
