import { isSystemInterface, type ModuleDescriptor } from '../folio/descriptor.ts'
import { isCompatible } from '../folio/interface-version.ts'
import { type Grant, isFor, opensText } from './grants.ts'
import { idOf, type World } from './world.ts'

/** One who may call or be called, and by what right; for people. */
export interface Access {
  readonly name: string
  readonly what: string
  readonly rule: string
}

/** The policy as one module meets it, in a few lines. */
export interface PolicySummary {
  readonly descriptors: number
  readonly callers: readonly Access[]
  readonly callees: readonly Access[]
  readonly quarantine: readonly string[]
  /** Grants that end within 30 days, or have ended. */
  readonly expiring: readonly string[]
}

const SOON_MS = 30 * 24 * 60 * 60 * 1000

/** Who may call `own` and whom it may call. `own` is the full id of a module or of an Okapi. */
export function summarise(world: World, own: string, isOkapi: boolean): PolicySummary {
  const ms = world.now()
  return {
    descriptors: world.set.modules.size,
    callers: isOkapi ? callersOfOkapi(world, ms) : callersOfModule(world, own, ms),
    callees: isOkapi ? calleesOfOkapi(world) : calleesOfModule(world, own, ms),
    quarantine: world.quarantine.map(({ product, why, afterMs }) => {
      const since = afterMs > ms ? `from ${new Date(afterMs).toISOString().slice(0, 10)} on` : 'now'
      return `${product}, ${since}: ${why}`
    }),
    expiring: world.grants
      .filter(({ untilMs }) => untilMs - ms < SOON_MS)
      .map((grant) => {
        const end = grant.untilMs <= ms ? 'has ended' : 'ends'
        const day = new Date(grant.untilMs).toISOString().slice(0, 10)
        return `${grant.caller} at ${grant.at}: ${opensText(grant.opens)}, ${end} ${day}`
      }),
  }
}

function callersOfModule(world: World, own: string, ms: number): Access[] {
  const descriptor = world.set.modules.get(own)?.descriptor
  if (descriptor === undefined) return []
  const what = offered(descriptor)
  const granted = validGrants(world, ms).filter(
    ({ at }) => at === own || at === descriptor.id.product,
  )
  return [{ name: 'okapi', what, rule: 'own descriptor' }, ...granted.map(byGrant)]
}

function offered(descriptor: ModuleDescriptor): string {
  const ordinary = descriptor.provides.filter((provided) => !isSystemInterface(provided))
  const system = descriptor.provides.length - ordinary.length
  const parts = ordinary.map(({ id, version }) => `${id} ${version}`)
  if (system > 0) parts.push(`${system} system interface${system === 1 ? '' : 's'}`)
  if (descriptor.filters.length > 0) parts.push('as a filter of every request')
  return parts.join(', ')
}

function calleesOfModule(world: World, own: string, ms: number): Access[] {
  const descriptor = world.set.modules.get(own)?.descriptor
  if (descriptor === undefined) return []
  const asked = [
    ...descriptor.requires.map((one) => ({ ...one, rule: 'requires' })),
    ...descriptor.optional.map((one) => ({ ...one, rule: 'optional' })),
  ].map(({ id, version, rule }) => {
    const providers = [...world.set.modules.values()].flatMap((module) =>
      module.descriptor.provides
        .filter((provided) => provided.id === id)
        .map((provided) => ({ name: idOf(module), fits: isCompatible(provided.version, version) })),
    )
    const names = providers.map(({ name, fits }) =>
      fits ? name : `${name} (version does not fit)`,
    )
    return { name: names.join(', ') || 'nobody installed', what: `${id} ${version}`, rule }
  })
  const grants = validGrants(world, ms).filter((grant) => isFor(grant, { kind: 'module', id: own }))
  return [...asked, ...grants.map(byGrant)]
}

function callersOfOkapi(world: World, ms: number): Access[] {
  const modules = [...world.set.modules.values()].map((module) => {
    const { requires, optional } = module.descriptor
    const what = `${requires.length} required, ${optional.length} optional interfaces`
    return { name: idOf(module), what, rule: 'descriptor' }
  })
  return [...modules, ...validGrants(world, ms).map(byGrant)]
}

function calleesOfOkapi(world: World): Access[] {
  return [...world.set.modules.values()].map((module) => ({
    name: idOf(module),
    what: offered(module.descriptor),
    rule: 'descriptor',
  }))
}

function validGrants({ grants }: World, ms: number): Grant[] {
  return grants.filter(({ untilMs }) => untilMs > ms)
}

function byGrant({ caller, at, opens, why }: Grant): Access {
  return { name: `${caller} at ${at}`, what: opensText(opens), rule: `grant: ${why}` }
}
