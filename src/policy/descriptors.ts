import { createHash } from 'node:crypto'
import { nearest } from '../fault/nearest.ts'
import type { Problem } from '../fault.ts'
import type { ModuleDescriptor } from '../folio/descriptor.ts'
import { productOf } from '../folio/module-id.ts'
import { readDescriptor } from '../folio/read-descriptor.ts'
import { cutDescriptor } from './packed-form.ts'

/** A parsed JSON document and where it came from. */
export interface DescriptorFile {
  /** The bare name, which rules and sentences quote. */
  readonly file: string
  /** The path as a person gave it, for problems. */
  readonly path: string
  readonly value: unknown
}

/** A descriptor of the installed set. */
export interface InstalledModule {
  readonly descriptor: ModuleDescriptor
  readonly file: string
}

/** The full id of an installed module. */
export function idOf({ descriptor }: InstalledModule): string {
  return descriptor.id.id
}

/** The id or product that was most likely meant; any version of the same product. */
export function nearestModule(name: string, known: Iterable<string>): string | null {
  const all = [...known]
  const product = productOf(name)
  const versions = all.filter((candidate) => productOf(candidate) === product)
  return nearest(name, versions.length === 0 ? all : versions) ?? versions[0] ?? null
}

/** The installed set, in the order of ids. */
export interface DescriptorSet {
  readonly modules: ReadonlyMap<string, InstalledModule>
  /** Hash of ids and the content that policy reads; a folder and its packed file have the same. */
  readonly hash: string
}

/**
 * Validates the documents and puts them together. The set is undefined when there is an error; the
 * same full id twice is one, several versions of a product are not.
 */
export function installDescriptors(files: readonly DescriptorFile[]): {
  set: DescriptorSet | undefined
  problems: readonly Problem[]
} {
  const problems: Problem[] = []
  const found = new Map<string, InstalledModule & { path: string }>()
  for (const { file, path, value } of files) {
    const { descriptor, findings } = readDescriptor(value)
    for (const { severity, message, pointer } of findings) {
      problems.push({ severity, message, where: { file: path, pointer } })
    }
    if (descriptor === undefined) continue
    const { id } = descriptor.id
    const earlier = found.get(id)
    if (earlier === undefined) found.set(id, { descriptor, file, path })
    else {
      const message = `${id} is in two files; the other is ${earlier.path}`
      problems.push({ severity: 'error', message, where: { file: path, pointer: '/id' } })
    }
  }
  if (problems.some(({ severity }) => severity === 'error')) return { set: undefined, problems }
  return { set: descriptorSet([...found.values()]), problems }
}

/** The set of modules that were read before, for instance of a part of another set. */
export function descriptorSet(modules: readonly InstalledModule[]): DescriptorSet {
  const sorted = modules
    .map(({ descriptor, file }) => ({ descriptor, file }))
    .sort((a, b) => (a.descriptor.id.id < b.descriptor.id.id ? -1 : 1))
  const hash = createHash('sha256')
  for (const { descriptor } of sorted) {
    hash.update(`${JSON.stringify(cutDescriptor(descriptor))}\n`)
  }
  return {
    modules: new Map(sorted.map((module) => [module.descriptor.id.id, module])),
    hash: hash.digest('hex'),
  }
}
