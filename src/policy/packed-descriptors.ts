import { fault } from '../fault.ts'
import {
  type DescriptorFile,
  type DescriptorSet,
  descriptorSet,
  type InstalledModule,
  installDescriptors,
} from './descriptors.ts'
import { type Grant, isFor } from './grants.ts'
import { cutDescriptor } from './packed-form.ts'

const FORMAT = 'okapi-sidecar/descriptors/1'

/** The installed set cut to what policy reads, as one JSON document. */
export interface PackedDescriptors {
  readonly format: typeof FORMAT
  /** Of the modules in this file, as `DescriptorSet.hash`. */
  readonly hash: string
  readonly modules: readonly { readonly file: string; readonly descriptor: unknown }[]
}

/** Cuts a set. Lists keep their order, so that pointers stay true for the files they name. */
export function packDescriptors({ modules, hash }: DescriptorSet): PackedDescriptors {
  return {
    format: FORMAT,
    hash,
    modules: [...modules.values()].map(({ file, descriptor }) => ({
      file,
      descriptor: cutDescriptor(descriptor),
    })),
  }
}

/**
 * The part of a set that the sidecar of one module needs: the module, and every provider of an
 * interface that it asks for, provides itself or is granted. A grant by path may reach every route
 * with the same beginning. For modules that call it, by their descriptors or a grant, it needs what
 * they require, to judge calls that Okapi makes on their behalf. A module with filters is called
 * for every request, and needs the whole set as Okapi's sidecar does. `grants`: those of all
 * callers.
 */
export function descriptorsFor(
  set: DescriptorSet,
  id: string,
  grants: readonly Grant[] = [],
): DescriptorSet {
  const own = set.modules.get(id)
  if (own === undefined) throw fault(`no descriptor of ${id} is in the set`)
  const { requires, optional, provides, filters } = own.descriptor
  if (filters.length > 0) return set
  const called = provides.filter(({ id: provided }) => !provided.startsWith('_'))
  const wanted = new Set([...requires, ...optional, ...called].map((entry) => entry.id))
  const begins = new Set<string>()
  const atOkapi = grants.filter(({ at }) => at === 'okapi')
  for (const { opens } of atOkapi.filter((grant) => isFor(grant, { kind: 'module', id }))) {
    if (opens.kind === 'interface') wanted.add(opens.id)
    if (opens.kind === 'route') begins.add(firstSegment(opens.pattern.text))
  }
  const needed = ({ descriptor }: InstalledModule) =>
    descriptor === own.descriptor ||
    descriptor.provides.some(
      (entry) =>
        wanted.has(entry.id) ||
        entry.handlers.some(({ pathPattern, path }) =>
          begins.has(firstSegment(pathPattern ?? path ?? '')),
        ),
    )
  const offers = new Set(called.map((entry) => entry.id))
  const opening = atOkapi.filter(
    ({ opens }) => opens.kind === 'route' || (opens.kind === 'interface' && offers.has(opens.id)),
  )
  const calls = ({ descriptor }: InstalledModule) =>
    [...descriptor.requires, ...descriptor.optional].some((entry) => offers.has(entry.id)) ||
    opening.some((grant) => isFor(grant, { kind: 'module', id: descriptor.id.id }))
  return descriptorSet(
    [...set.modules.values()].flatMap((module) =>
      needed(module) ? [module] : calls(module) ? [asCaller(module)] : [],
    ),
  )
}

/** A module that calls and is not called. */
function asCaller({ descriptor, file }: InstalledModule): InstalledModule {
  return { file, descriptor: { ...descriptor, provides: [], filters: [] } }
}

function firstSegment(path: string): string {
  return path.split('/')[1] ?? ''
}

/** The documents in a packed file; undefined where the value is something else. Throws a Fault. */
export function readPacked(path: string, value: unknown): DescriptorFile[] | undefined {
  if (typeof value !== 'object' || value === null || !('format' in value)) return undefined
  const where = { file: path }
  if (value.format !== FORMAT) throw fault(`this is not a file of format ${FORMAT}`, { where })
  const modules = 'modules' in value ? value.modules : undefined
  if (!Array.isArray(modules)) throw fault('modules must be a list', { where })
  const files = modules.map((entry: unknown, i): DescriptorFile => {
    if (typeof entry !== 'object' || entry === null || !('descriptor' in entry)) {
      throw fault('must be an object with file and descriptor', {
        where: { ...where, pointer: `/modules/${i}` },
      })
    }
    const file = 'file' in entry && typeof entry.file === 'string' ? entry.file : `#${i}`
    return { file, path: `${path}: ${file}`, value: entry.descriptor }
  })
  const { set } = installDescriptors(files)
  if (set !== undefined && 'hash' in value && value.hash !== set.hash) {
    throw fault('the content is not what its hash says', { where, hint: 'pack it again' })
  }
  return files
}
