import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readText } from '../fault/text-file.ts'
import { errorCode, fault } from '../fault.ts'
import { hasAuthFilter, isSystemInterface, type ModuleDescriptor } from '../folio/descriptor.ts'
import { isCompatible } from '../folio/interface-version.ts'
import { isOkapi } from '../folio/module-id.ts'
import { readDescriptor } from '../folio/read-descriptor.ts'

/** What an attacker learns from the descriptors of an installation, which are public. */
export class KnownModules {
  readonly #modules: readonly ModuleDescriptor[]

  constructor(modules: readonly ModuleDescriptor[]) {
    this.#modules = modules
  }

  /** The module of this id, or the first of this product. */
  module(name: string): ModuleDescriptor | undefined {
    return this.#modules.find(({ id }) => id.id === name || id.product === name)
  }

  get okapi(): string | undefined {
    return this.#modules.find(({ id }) => isOkapi(id.id))?.id.id
  }

  /** An ordinary module that provides something, to use as the rogue if none was given. */
  get anyModule(): ModuleDescriptor | undefined {
    return this.#modules.find(
      (module) => !isOkapi(module.id.id) && !hasAuthFilter(module) && getPath(module) !== undefined,
    )
  }

  /** A GET path of an interface that this caller neither requires nor lists nor provides. */
  closedTo(caller: ModuleDescriptor): string | undefined {
    const asked = [...caller.requires, ...caller.optional, ...caller.provides]
    const open = new Set(asked.map(({ id }) => id))
    const others = this.#modules.filter(({ id }) => !isOkapi(id.id))
    const paths = others.flatMap(({ provides }) =>
      provides.filter(({ id }) => !open.has(id)).map((provided) => getPathOf(provided.handlers)),
    )
    return paths.find((path) => path !== undefined)
  }

  /** A caller with a required interface that is provided, but in no compatible version. */
  mismatch(): { caller: string; path: string } | undefined {
    for (const { id, requires } of this.#modules) {
      for (const wanted of requires) {
        const provided = this.#modules.flatMap(({ provides }) =>
          provides.filter((one) => one.id === wanted.id && !isSystemInterface(one)),
        )
        if (provided.some(({ version }) => isCompatible(version, wanted.version))) continue
        const path = provided.map(({ handlers }) => getPathOf(handlers)).find((one) => one)
        if (path !== undefined) return { caller: id.id, path }
      }
    }
    return undefined
  }
}

type Handlers = ModuleDescriptor['provides'][number]['handlers']

/** An ordinary GET path of a module. */
export function getPath({ provides }: ModuleDescriptor): string | undefined {
  const ordinary = provides.filter((one) => one.type === 'proxy' && !isSystemInterface(one))
  return ordinary.map(({ handlers }) => getPathOf(handlers)).find((path) => path !== undefined)
}

/** A route of a module's `_timer` interface. */
export function timerPath({ provides }: ModuleDescriptor): string | undefined {
  const timers = provides.filter(({ id }) => id === '_timer').flatMap(({ handlers }) => handlers)
  const path = timers.map((entry) => entry.pathPattern ?? entry.path).find((one) => one)
  return path === undefined ? undefined : filled(path)
}

/** The shortest path, so that what attacks append to it is visible in reports. */
function getPathOf(handlers: Handlers): string | undefined {
  const patterns = handlers
    .filter(({ methods, redirectPath }) => methods?.includes('GET') && redirectPath === undefined)
    .map(({ pathPattern }) => pathPattern ?? '')
    .filter((pattern) => pattern !== '' && !pattern.includes('*'))
  const [shortest] = patterns.toSorted((a, b) => a.length - b.length)
  return shortest === undefined ? undefined : filled(shortest)
}

/** Replaces parameters by an id that does not exist. */
function filled(pattern: string): string {
  return pattern.replace(/\{[^}]*\}/g, '00000000-0000-4000-8000-000000000000')
}

/** Reads every `*.json` of a folder, and skips what is not a descriptor. Throws a Fault for the folder. */
export function readKnownModules(folder: string): KnownModules {
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  } catch (error) {
    throw fault(`cannot read the descriptors in ${folder} (${errorCode(error) ?? String(error)})`)
  }
  const modules = names.flatMap((name) => {
    const { descriptor } = readDescriptor(parsed(join(folder, name)))
    return descriptor === undefined ? [] : [descriptor]
  })
  if (modules.length === 0) throw fault(`there is no ModuleDescriptor in ${folder}`)
  return new KnownModules(modules)
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readText(file))
  } catch {
    return null
  }
}
