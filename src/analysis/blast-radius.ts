import { hasAuthFilter } from '../folio/descriptor.ts'
import { isOkapi, productOf } from '../folio/module-id.ts'
import type { DescriptorSet } from '../policy/descriptors.ts'
import type { Policy } from '../policy/policy.ts'
import { traitsOf } from '../policy/traits.ts'
import { countRoutes, type Opening } from './opening.ts'

/** A module, or `okapi`, that a hijacked module can reach. */
export interface ReachedModule {
  readonly provider: string
  /** The chain of calls: the hijacked module first, `provider` last. */
  readonly path: readonly string[]
  /** Interfaces of the last step. */
  readonly interfaces: readonly string[]
  readonly routes: number
  /** The provider forwards what its caller specifies. */
  readonly forwards: string | null
}

/** What an attacker who controls one module can reach. */
export interface BlastRadius {
  readonly module: string
  /** Reached with its own identity. */
  readonly direct: readonly ReachedModule[]
  /** Reached through generic forwarders: it controls those calls as fully as its own. */
  readonly forwarded: readonly ReachedModule[]
  /** What the modules that it calls can call: only as far as their own code passes its input on. */
  readonly indirect: readonly ReachedModule[]
  readonly beyond: readonly string[]
  /** Callers whose requests, and tokens, pass through it. */
  readonly callers: readonly string[]
  /** For which tenants. */
  readonly tenants: readonly string[]
  readonly notes: readonly string[]
}

/** Breadth first, so that each path is one of the shortest. `openings` are those of all callers. */
export function blastRadius(
  openings: readonly Opening[],
  module: string,
  set: DescriptorSet,
  callerMode: Policy['callerMode'] = 'off',
  tenants: readonly string[] = [],
): BlastRadius {
  const name = isOkapi(module) ? 'okapi' : module
  const steps = Map.groupBy(openings, ({ caller }) => caller)
  const direct = walk(steps, [[name]], new Set([name]), () => false)
  const known = new Set([name, ...direct.map(({ provider }) => provider)])
  const through = direct.filter(({ forwards }) => forwards !== null).map(({ path }) => path)
  const forwarded = walk(steps, through, known, ({ forwards }) => forwards !== null)
  for (const { provider } of forwarded) known.add(provider)
  const all = [...direct, ...forwarded].map(({ path }) => path)
  const indirect = walk(steps, all, known, () => true)
  for (const { provider } of indirect) known.add(provider)
  const called = openings.filter(({ provider, caller }) => provider === name && caller !== name)
  return {
    module: name,
    direct,
    forwarded,
    indirect,
    beyond: [...set.modules.keys()].filter((id) => !known.has(id) && !isOkapi(id)),
    callers: [...new Set(called.map(({ caller }) => caller))],
    tenants,
    notes: notesOn(openings, name, set, callerMode),
  }
}

/** Extends `paths` at their ends to providers not reached yet, and from those only where `goesOn`. */
function walk(
  steps: ReadonlyMap<string, readonly Opening[]>,
  paths: readonly (readonly string[])[],
  known: ReadonlySet<string>,
  goesOn: (reached: ReachedModule) => boolean,
): ReachedModule[] {
  const seen = new Set(known)
  const queue = [...paths]
  const found: ReachedModule[] = []
  for (const path of queue) {
    const providers = Map.groupBy(steps.get(path.at(-1)!) ?? [], ({ provider }) => provider)
    for (const [provider, openings] of providers) {
      if (seen.has(provider)) continue
      seen.add(provider)
      const reached = reachedBy([...path, provider], openings)
      found.push(reached)
      if (goesOn(reached)) queue.push(reached.path)
    }
  }
  return found
}

function reachedBy(path: readonly string[], openings: readonly Opening[]): ReachedModule {
  const ids = openings.flatMap(({ interface: provided }) => provided?.id ?? [])
  const forwarder = openings.map(forwardedBy).find((one): one is Forwarder => one !== undefined)
  return {
    provider: path.at(-1)!,
    path,
    interfaces: [...new Set(ids)],
    routes: countRoutes(openings),
    forwards: forwarder?.what ?? null,
  }
}

/** The migration listener asks for no proof of identity. */
function plainNotes(openings: readonly Opening[]): string[] {
  const plain = openings.filter(({ caller }) => caller === 'plain')
  const [first] = plain
  if (first === undefined) return []
  const modules = new Set(plain.map(({ provider }) => provider)).size
  const what = `${countRoutes(plain)} routes of ${modules} module${modules === 1 ? '' : 's'}`
  const from = `at ${first.at}, from an address that \`migration\` lists, it needs no proof`
  return [`${from}: ${what} (${first.why ?? ''})`]
}

/** How far a hijacked Okapi can misuse its callers' requests (docs/true-caller.md). */
const OKAPI_NOTES = {
  off: 'it can ask a module for anything in the name of any caller: policy.caller is off',
  report: 'it can ask a module for anything in the name of any caller: policy.caller only reports',
  enforce:
    'ordinary routes only while a caller has the same call open at Okapi, for the same tenant; system routes at any time',
} as const

function notesOn(
  openings: readonly Opening[],
  name: string,
  set: DescriptorSet,
  callerMode: Policy['callerMode'],
): string[] {
  const descriptor = set.modules.get(name)?.descriptor
  const admin = openings.some(({ caller, kind }) => caller === name && kind === 'admin')
  const notes = [
    'at the public listener it can call like any browser, with tokens of users that it was sent',
  ]
  if (name === 'okapi') notes.push(OKAPI_NOTES[callerMode])
  notes.push(...plainNotes(openings))
  if (admin) notes.push('grants open parts of Okapi’s administration to it')
  if (descriptor === undefined) return notes
  if (hasAuthFilter(descriptor)) {
    notes.push('its auth filter is asked about every request: it can let any caller do anything')
  }
  const { keepsTokens, seesCookies } = traitsOf(descriptor)
  if (keepsTokens) notes.push('it issues tokens: it can act as any user')
  if (seesCookies) notes.push('it is handed the access and refresh tokens of every user')
  return notes
}

/** A module that sends requests of its caller's choice to a destination of its caller's choice. */
export interface Forwarder {
  readonly product: string
  /** The routes that tell it what to send: prefixes of path patterns, without names of parameters. */
  readonly paths: readonly string[]
  readonly what: string
}

const PUBLICATIONS = {
  paths: ['/consortia/{}/publications'],
  what: 'publications: the caller gives URL, method, body and tenants',
}

/** The generic forwarders of FOLIO, by product. */
const FORWARDERS: readonly Forwarder[] = [
  { product: 'mod-consortia', ...PUBLICATIONS },
  { product: 'mod-consortia-keycloak', ...PUBLICATIONS },
  {
    product: 'mod-pubsub',
    paths: ['/pubsub/publish', '/pubsub/event-types'],
    what: 'subscribers: the caller registers the path that an event is sent to',
  },
  {
    product: 'mod-graphql',
    paths: ['/graphql'],
    what: 'queries: the caller says which records are fetched, from any storage',
  },
  {
    product: 'mod-scheduler',
    paths: ['/scheduler/timers'],
    what: 'timers: the caller gives the path and method that are called',
  },
]

/** What an opening lets its caller forward through the provider; undefined: nothing. */
function forwardedBy({ provider, pathPattern, methods }: Opening): Forwarder | undefined {
  if (
    methods.every((method) => READING.includes(method)) &&
    productOf(provider) !== 'mod-graphql'
  ) {
    return undefined
  }
  const path = pathPattern.replace(/\{[^}]*\}/g, '{}')
  const begins = (start: string) => path === start || path.startsWith(`${start}/`)
  return FORWARDERS.find(
    ({ product, paths }) => product === productOf(provider) && paths.some(begins),
  )
}

const READING: readonly string[] = ['GET', 'HEAD', 'DELETE']
