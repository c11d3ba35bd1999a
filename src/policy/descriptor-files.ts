import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readText } from '../fault/text-file.ts'
import { errorCode, Fault, fault, type Problem } from '../fault.ts'
import { type DescriptorFile, type DescriptorSet, installDescriptors } from './descriptors.ts'
import { jsonFlaw } from './json-flaw.ts'
import { readPacked } from './packed-descriptors.ts'

const MAX_FILE_BYTES = 64 * 1024 * 1024

/** What was read, with warnings. */
export interface LoadedDescriptors {
  readonly set: DescriptorSet
  readonly warnings: readonly Problem[]
}

/** The documents of an installed set as they were read, not yet checked. */
export interface DescriptorFiles {
  /** Path of the folder or file. */
  readonly path: string
  readonly files: readonly DescriptorFile[]
}

/**
 * Reads the installed set: a folder of `*.json`, one packed file, one descriptor, or a list of
 * descriptors as Okapi answers `/_/proxy/modules?full=true`. Throws a Fault with every problem.
 */
export function readDescriptorFiles(path: string): DescriptorFiles {
  return { path, files: isFolder(path) ? readFolder(path) : readOne(path) }
}

/** Makes a set from what is at this path, or was read before. Throws a Fault with every problem. */
export function loadDescriptors(from: string | DescriptorFiles): LoadedDescriptors {
  const { path, files } = typeof from === 'string' ? readDescriptorFiles(from) : from
  const { set, problems } = installDescriptors(files)
  if (set === undefined) throw new Fault(problems)
  if (set.modules.size === 0) {
    throw fault(`${path} holds no descriptor`, { hint: 'put ModuleDescriptors as *.json there' })
  }
  return { set, warnings: problems }
}

/** The grants that ship with the product: YAML, a list with a product as each caller. */
export const KNOWN_GRANTS_FILE = fileURLToPath(new URL('../../grants/known.yaml', import.meta.url))

function readFolder(folder: string): DescriptorFile[] {
  const names = namesIn(folder).filter((name) => name.endsWith('.json') && !name.startsWith('.'))
  if (names.length === 0) {
    const hint = 'put the ModuleDescriptors of all installed modules there'
    throw fault(`${folder} holds no *.json`, { hint })
  }
  const problems: Problem[] = []
  const files = names.sort().flatMap((file) => {
    const path = join(folder, file)
    try {
      return [{ file, path, value: parseJson(path, textOf(path)) }]
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      problems.push(...error.problems)
      return []
    }
  })
  if (problems.length > 0) throw new Fault(problems)
  return files
}

function readOne(path: string): DescriptorFile[] {
  const value = parseJson(path, textOf(path))
  const packed = readPacked(path, value)
  if (packed !== undefined) return packed
  const file = basename(path)
  if (!Array.isArray(value)) return [{ file, path, value }]
  return value.map((entry: unknown, i) => ({
    file: `${file}#/${i}`,
    path: `${path}#/${i}`,
    value: entry,
  }))
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    throw readable(path, error)
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw readable(folder, error)
  }
}

function textOf(path: string): string {
  try {
    const { size } = statSync(path)
    if (size > MAX_FILE_BYTES) throw fault(`${path} is larger than ${MAX_FILE_BYTES} bytes`)
    return readText(path)
  } catch (error) {
    throw readable(path, error)
  }
}

function readable(path: string, error: unknown): unknown {
  const code = errorCode(error)
  if (error instanceof Fault || code === undefined) return error
  return fault(code === 'ENOENT' ? `there is no ${path}` : `cannot read ${path}: ${code}`)
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw fault('this is not JSON', { where: { file: path, ...jsonFlaw(text) } })
  }
}
