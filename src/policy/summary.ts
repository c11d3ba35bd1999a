import { isSystemInterface, type ModuleDescriptor } from '../folio/descriptor.ts'
import { isCompatible } from '../folio/interface-version.ts'
import { idOf } from './descriptors.ts'
import { type Grant, grantText, isFor, isPartOfProfile } from './grants.ts'
import type { PolicyModel } from './model.ts'
import { tenantLines } from './tenant-lines.ts'

/** A caller or callee, and the rule that allows it; for display. */
export interface AccessSummary {
  readonly name: string
  readonly what: string
  readonly rule: string
}

/** The policy as one module meets it, in a few lines. */
export interface PolicySummary {
  readonly descriptors: number
  readonly callers: readonly AccessSummary[]
  readonly callees: readonly AccessSummary[]
  readonly quarantine: readonly string[]
  /** How tenants are compared with tokens, consortia, and who may act for which. */
  readonly tenants: readonly string[]
  /** Grants that end within 30 days, or have ended. */
  readonly expiring: readonly string[]
}

const SOON_MS = 30 * 24 * 60 * 60 * 1000

/** Who may call `own` and what it may call. `own` is the full id of a module or of an Okapi. */
export function summarise(model: PolicyModel, own: string, isOkapi: boolean): PolicySummary {
  const ms = model.now()
  return {
    descriptors: model.set.modules.size,
    callers: isOkapi ? callersOfOkapi(model, ms) : callersOfModule(model, own, ms),
    callees: isOkapi ? calleesOfOkapi(model) : calleesOfModule(model, own, ms),
    tenants: tenantLines(model),
    quarantine: model.quarantine.map(({ product, why, afterMs }) => {
      const since = afterMs > ms ? `from ${new Date(afterMs).toISOString().slice(0, 10)} on` : 'now'
      return `${product}, ${since}: ${why}`
    }),
    expiring: model.grants
      .filter((grant) => grant.untilMs - ms < SOON_MS && !isPartOfProfile(grant))
      .map((grant) => {
        const end = grant.untilMs <= ms ? 'has ended' : 'ends'
        // A date without a time includes the whole day: its last moment is shown.
        const day = new Date(grant.untilMs - 1).toISOString().slice(0, 10)
        return `${grant.caller} at ${grant.at}: ${grantText(grant)}, ${end} ${day}`
      }),
  }
}

function callersOfModule(model: PolicyModel, own: string, ms: number): AccessSummary[] {
  const descriptor = model.set.modules.get(own)?.descriptor
  if (descriptor === undefined) return []
  const what = offered(descriptor)
  const granted = validGrants(model, ms).filter(
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

function calleesOfModule(model: PolicyModel, own: string, ms: number): AccessSummary[] {
  const descriptor = model.set.modules.get(own)?.descriptor
  if (descriptor === undefined) return []
  const asked = [
    ...descriptor.requires.map((one) => ({ ...one, rule: 'requires' })),
    ...descriptor.optional.map((one) => ({ ...one, rule: 'optional' })),
  ].map(({ id, version, rule }) => {
    const providers = [...model.set.modules.values()].flatMap((module) =>
      module.descriptor.provides
        .filter((provided) => provided.id === id)
        .map((provided) => ({ name: idOf(module), fits: isCompatible(provided.version, version) })),
    )
    const names = providers.map(({ name, fits }) =>
      fits ? name : `${name} (version does not fit)`,
    )
    return { name: names.join(', ') || 'no installed module', what: `${id} ${version}`, rule }
  })
  const grants = validGrants(model, ms).filter((grant) => isFor(grant, { kind: 'module', id: own }))
  return [...asked, ...grants.map(byGrant)]
}

function callersOfOkapi(model: PolicyModel, ms: number): AccessSummary[] {
  const modules = [...model.set.modules.values()].map((module) => {
    const { requires, optional } = module.descriptor
    const what = `${requires.length} required, ${optional.length} optional interfaces`
    return { name: idOf(module), what, rule: 'descriptor' }
  })
  return [...modules, ...validGrants(model, ms).map(byGrant)]
}

function calleesOfOkapi(model: PolicyModel): AccessSummary[] {
  return [...model.set.modules.values()].map((module) => ({
    name: idOf(module),
    what: offered(module.descriptor),
    rule: 'descriptor',
  }))
}

function validGrants({ grants }: PolicyModel, ms: number): Grant[] {
  return grants.filter((grant) => grant.untilMs > ms && !isPartOfProfile(grant))
}

function byGrant(grant: Grant): AccessSummary {
  const { caller, at, why } = grant
  return { name: `${caller} at ${at}`, what: grantText(grant), rule: `grant: ${why}` }
}
