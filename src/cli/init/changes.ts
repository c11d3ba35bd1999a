import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorCode, fault } from '../../fault.ts'
import { namesIn, replaceFile } from '../write.ts'

/** A file to be written. Its path is relative to the folder of the installation. */
export interface StartFile {
  readonly path: string
  readonly text: string
  readonly mode: number
  /** Written only once; afterwards the user maintains it. */
  readonly once?: true
}

/** The change that writing a file would make. */
export interface FileChange {
  readonly file: StartFile
  /** Undefined: it is new. */
  readonly before: string | undefined
}

/** Folders with a file for each module. */
const OF_MODULES = ['descriptors', 'policy', 'sidecars', 'values']
const FOLDER_MODE = 0o755
const MOST_LINES = 60

/** The files that are new or differ, in the order of their paths. Throws a Fault. */
export function changesOf(folder: string, files: readonly StartFile[]): readonly FileChange[] {
  return files
    .map((file) => ({ file, before: textAt(join(folder, file.path)) }))
    .filter(({ file, before }) => before === undefined || (before !== file.text && !file.once))
    .sort((a, b) => (a.file.path < b.file.path ? -1 : 1))
}

/** The changes as shown for confirmation. */
export function changeText({ file, before }: FileChange): string {
  if (before === undefined) return `+ ${file.path}\n`
  // It is one line of JSON; `policy diff` shows what it opens.
  if (file.path.startsWith('policy/')) return `~ ${file.path}\n`
  const lines = lineDiff(before.split('\n'), file.text.split('\n'))
  const shown = lines.slice(0, MOST_LINES).map((line) => `    ${line.slice(0, 160)}\n`)
  const more = lines.length - shown.length
  return `~ ${file.path}\n${shown.join('')}${more > 0 ? `    (${more} lines more)\n` : ''}`
}

/** Files from an earlier run for modules that are no longer in the source. Throws a Fault. */
export function leftOvers(folder: string, files: readonly StartFile[]): readonly string[] {
  const paths = new Set(files.map(({ path }) => path))
  const inFolders = OF_MODULES.flatMap((part) =>
    namesIn(join(folder, part)).map((name) => `${part}/${name}`),
  )
  // For systemd each sidecar has its own folder.
  const own = namesIn(folder)
    .map((name) => `${name}/sidecar.yaml`)
    .filter((path) => existsSync(join(folder, path)))
  return [...inFolders, ...own]
    .filter((path) => /\.(json|yaml)$/.test(path) && !paths.has(path))
    .sort()
}

/** Writes it atomically: a reader sees the old file or the new one. Throws a Fault. */
export function writeChange(folder: string, { file }: FileChange): void {
  const path = join(folder, file.path)
  makeFolder(dirname(path), folder)
  // The umask may let the group write, and sidecars refuse such files.
  replaceFile(path, file.text, file.mode)
}

function makeFolder(path: string, top: string): void {
  if (path !== top && path.length > top.length) makeFolder(dirname(path), top)
  try {
    const made = mkdirSync(path, { recursive: true, mode: FOLDER_MODE })
    if (made !== undefined) chmodSync(path, FOLDER_MODE)
  } catch (error) {
    const code = errorCode(error)
    throw code === undefined ? error : fault(`cannot write ${path}: ${code}`)
  }
}

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT') return undefined
    if (code === undefined) throw error
    throw fault(`cannot read ${path}: ${code}`)
  }
}

/** Removed and added lines, without the equal parts at both ends. */
function lineDiff(before: readonly string[], after: readonly string[]): string[] {
  const shorter = Math.min(before.length, after.length)
  let head = 0
  while (head < shorter && before[head] === after[head]) head++
  let tail = 0
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  const middle = (lines: readonly string[]) => lines.slice(head, lines.length - tail)
  const [old, young] = [middle(before), middle(after)]
  const gone = old.filter((line) => !young.includes(line)).map((line) => `- ${line}`)
  const come = young.filter((line) => !old.includes(line)).map((line) => `+ ${line}`)
  return [...gone, ...come]
}
