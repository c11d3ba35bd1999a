import { basename, join } from 'node:path'
import { readText } from '../../fault/text-file.ts'
import { errorCode, fault } from '../../fault.ts'
import { isOkapi, productOf } from '../../folio/module-id.ts'
import { type DescriptorFiles, loadDescriptors } from '../../policy/descriptor-files.ts'
import { readKnownGrants } from '../../policy/known-grants.ts'
import type { RuleSource } from '../../policy/rule-source.ts'
import { assignPorts, deployable, targetOf } from '../discovery/instances.ts'

/** A member with a sidecar. */
export interface InstalledMember {
  readonly id: string
  readonly product: string
  /** `edge`: it calls Okapi and is never called by it. */
  readonly role: 'okapi' | 'module' | 'edge'
  /** Its port in the range of `egress.modules.listen`; 0 if Okapi never calls it. */
  readonly okapiPort: number
  /** Its number, from which its addresses follow; it stays when members are added. */
  readonly place: number
  /** Where the module listens in its container, as its launchDescriptor says. */
  readonly modulePort: number
  readonly image: string
  /** The shipped grants that it needs. */
  readonly knownGrants: readonly string[]
}

/** All parts of an installation. */
export interface InstallationPlan {
  readonly okapi: InstalledMember
  readonly members: readonly InstalledMember[]
  /** Ids without a sidecar: user interfaces, and modules that neither call Okapi nor are called by it. */
  readonly without: readonly string[]
  /** Names and texts of the descriptors for the folder. */
  readonly descriptors: ReadonlyMap<string, string>
}

/** Number of ports of Okapi's sidecar for modules. */
export const MODULE_PORTS = 200
/** Numbers for all: modules, then edge modules. */
export const PLACES = 230

/**
 * Reads what to install. `wanted`: the ids of an install.json, or undefined for all. Throws a Fault for
 * what cannot be read, is missing or is duplicated.
 */
export function planInstallation(
  source: DescriptorFiles,
  options: {
    readonly wanted: readonly string[] | undefined
    readonly okapiId: string | undefined
    readonly firstPort: number
    /** Ports assigned earlier, which stay. */
    readonly taken: ReadonlyMap<string, number>
    readonly known: readonly RuleSource[]
  },
): InstallationPlan {
  const { wanted, firstPort, taken, known } = options
  const files = wanted === undefined ? source.files : source.files.filter(isWanted(wanted))
  const { set } = loadDescriptors({ ...source, files })
  const missing = (wanted ?? []).filter((id) => !set.modules.has(id))
  if (missing.length > 0) {
    throw fault(`no descriptor of ${missing.join(', ')} is in ${source.path}`, {
      hint: 'put the ModuleDescriptor of each as *.json there',
    })
  }
  const okapis = [...set.modules.keys()].filter(isOkapi)
  const okapiId = options.okapiId ?? okapis[0]
  if (okapis.length > 1) throw fault(`two versions of Okapi: ${okapis.join(', ')}`)
  if (okapiId === undefined) {
    throw fault('there is no descriptor of Okapi, so that its version is not known', {
      hint: '--okapi-module okapi-7.0.3',
    })
  }
  for (const id of [okapiId, ...set.modules.keys()]) checkId(id)
  if (!isOkapi(okapiId) || okapiId === productOf(okapiId)) {
    throw fault(`${okapiId} is not a module id of Okapi`, { hint: '--okapi-module okapi-7.0.3' })
  }
  const callees = deployable(set)
  const to = firstPort + MODULE_PORTS - 1
  const ports = assignPorts(callees, { host: '127.0.0.1', from: firstPort, to }, taken)
  const edges = [...set.modules.keys()].filter(
    (id) => !ports.has(id) && productOf(id).startsWith('edge-'),
  )
  const edgePlaces = { host: '127.0.0.1', from: MODULE_PORTS, to: PLACES - 1 }
  const places = assignPorts(edges, edgePlaces)
  const grants = readKnownGrants(known, [])
  const named = (ids: readonly string[]) => [
    ...new Set(
      grants
        .filter(({ grant }) => ids.some((id) => grant.caller === productOf(id)))
        .map(({ name }) => name),
    ),
  ]
  const raw = new Map(files.map(({ value }) => [idIn(value), value]))
  const modules = [...set.modules.keys()].filter((id) => ports.has(id) || places.has(id)).sort()
  const memberOf = (id: string): InstalledMember => ({
    id,
    product: productOf(id),
    role: isOkapi(id) ? 'okapi' : ports.has(id) ? 'module' : 'edge',
    okapiPort: ports.get(id) ?? 0,
    place: places.get(id) ?? (ports.get(id) ?? firstPort) - firstPort,
    modulePort: isOkapi(id) ? 9130 : portIn(raw.get(id)),
    image: `folioorg/${productOf(id)}:${id.slice(productOf(id).length + 1)}`,
    knownGrants: named(isOkapi(id) ? modules : [id]),
  })
  return {
    okapi: memberOf(okapiId),
    members: modules.map(memberOf),
    without: [...set.modules.keys()].filter((id) => !isOkapi(id) && !modules.includes(id)),
    descriptors: new Map(
      files.map(({ value, file }) => [
        `${idIn(value) ?? basename(file)}.json`,
        `${JSON.stringify(value, null, 2)}\n`,
      ]),
    ),
  }
}

/**
 * The ports that an earlier run has assigned. Throws a Fault if its file cannot be used: Okapi has these ports
 * registered, and would reach other modules through them.
 */
export function portsGiven(out: string, from: number): ReadonlyMap<string, number> {
  const range = { host: '127.0.0.1', from, to: from + MODULE_PORTS - 1 }
  const file = join(out, 'discovery.json')
  try {
    const entries: { srvcId: string; url: string }[] = JSON.parse(readText(file))
    return new Map(
      entries.flatMap(({ srvcId, url }) => {
        const way = targetOf(url, range)
        return way.to === 'sidecar' ? [[srvcId, way.port] as const] : []
      }),
    )
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT') return new Map()
    if (code !== undefined) throw fault(`cannot be read (${code})`, { where: { file } })
    throw fault('the ports of an earlier run cannot be read here', {
      where: { file },
      hint: 'restore the file; or take it away, and Okapi’s discovery must be written anew',
    })
  }
}

/** The ids that an install.json of FOLIO enables: `[{"id": "mod-users-19.7.0", "action": "enable"}]`. */
export function idsToInstall(text: string, file: string): readonly string[] {
  const where = { file }
  try {
    const list: unknown = JSON.parse(text)
    if (!Array.isArray(list)) throw fault('an install.json is a list of modules', { where })
    return list.flatMap((entry: { id?: unknown; action?: unknown }) => {
      if (typeof entry?.id !== 'string') throw fault('an entry without an id', { where })
      return entry.action === undefined || entry.action === 'enable' ? [entry.id] : []
    })
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('this is not JSON', { where })
    throw error
  }
}

// Ids are used in paths, shell lines and service names: an id from another source must be nothing but a name.
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/

function checkId(id: string): void {
  if (!ID.test(id)) throw fault(`${JSON.stringify(id.slice(0, 100))} is not the name of a module`)
}

function isWanted(wanted: readonly string[]) {
  return ({ value }: { readonly value: unknown }) => {
    const id = idIn(value)
    return id !== undefined && (wanted.includes(id) || isOkapi(id))
  }
}

function idIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('id' in value)) return undefined
  return typeof value.id === 'string' ? value.id : undefined
}

/** The only port in `launchDescriptor.dockerArgs.HostConfig.PortBindings`, else RMB's default. */
function portIn(descriptor: unknown): number {
  const text = JSON.stringify(descriptor ?? {})
  const port = Number(/"PortBindings":\{"(\d{1,5})\/tcp"/.exec(text)?.[1] ?? 8081)
  return port > 0 && port < 65_536 ? port : 8081
}
