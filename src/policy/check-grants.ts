import type { Problem } from '../fault.ts'
import { hasAuthFilter, isSystemInterface } from '../folio/descriptor.ts'
import { isOkapi, productOf, splitModuleId } from '../folio/module-id.ts'
import { overlap } from '../folio/pattern-states.ts'
import { ADMINISTRATION, meansAdministration } from './administration.ts'
import { parseCaller } from './caller.ts'
import { idOf } from './descriptors.ts'
import { type Grant, grantText, isAt, isFor, isPartOfProfile, isWide, opensText } from './grants.ts'
import type { PolicyModel } from './model.ts'
import { BOOTSTRAP_DAYS } from './operator-profiles.ts'
import type { Routed } from './route-table.ts'
import { routesOf } from './routes.ts'

/** Groups of administration that a caller other than an operator may need. */
const FEW_GROUPS = 2
const DAY_MS = 24 * 60 * 60 * 1000

/**
 * Finds grants that open what must stay closed (errors), and grants that open nothing or far too
 * much (warnings): a rule with a typing error looks like one that works. One file of grants may
 * serve all sidecars, while that of a module has only its part of the descriptors: grants that are
 * not about `own` get no warning there.
 */
export function checkGrants(
  model: PolicyModel,
  grants: readonly Grant[],
  problems: Problem[],
  own?: string,
): void {
  for (const grant of grants.filter((each) => !isPartOfProfile(each))) {
    const where = { file: grant.file ?? 'built in', pointer: grant.pointer ?? '' }
    const say = (severity: Problem['severity'], message: string) =>
      problems.push({ severity, message, where })
    const error = forbidden(model, grant)
    if (error !== undefined) say('error', error)
    else if (grant.untilMs <= model.now())
      say('warning', `this grant has ended: ${grantText(grant)} of ${grant.caller}; remove it`)
    else if (concerns(grant, own)) {
      const warning = useless(model, grant) ?? administrates(grant)
      if (warning !== undefined) say('warning', warning)
    }
  }
}

function concerns(grant: Grant, own: string | undefined): boolean {
  if (own === undefined || isOkapi(own)) return true
  return isFor(grant, { kind: 'module', id: own }) || isAt(grant, own)
}

function forbidden(model: PolicyModel, { at, opens, caller }: Grant): string | undefined {
  if (at === 'okapi') {
    if (opens.kind !== 'route') return undefined
    if (invokesAdministration(opens.pattern.text)) {
      return 'REST of /_/invoke/tenant/{t}/REST is never open under /_/'
    }
    const tenant = opens.pattern.text.startsWith('/_/tenant')
    return tenant ? 'no grant opens the tenant interface of modules' : undefined
  }
  if (parseCaller(caller).kind === 'public') return `public calls at okapi, not at ${at}`
  for (const module of installed(model, at)) {
    if (hasAuthFilter(module.descriptor)) {
      return `${idOf(module)} has an auth filter: only Okapi may call it`
    }
    if (opens.kind === 'interface' && opens.id.startsWith('_tenant')) {
      return `no grant opens ${opens.id} of ${idOf(module)}`
    }
    if (opens.kind !== 'route') continue
    if (routesOf(module).some((route) => route.kind === 'system' && meet(route, opens))) {
      return `no grant opens system routes of ${idOf(module)}, as ${opensText(opens)} would`
    }
  }
  return undefined
}

function useless(model: PolicyModel, grant: Grant): string | undefined {
  if (grant.profile === 'bootstrap' && grant.untilMs - model.now() > BOOTSTRAP_DAYS * DAY_MS) {
    return `profile bootstrap is for the first day: let it end within ${BOOTSTRAP_DAYS} days`
  }
  const { caller, at, opens } = grant
  if (parseCaller(caller).kind === 'module' && installed(model, caller).length === 0) {
    return `no descriptor of ${caller} is installed, so this opens nothing`
  }
  if (at !== 'okapi' && installed(model, at).length === 0) {
    return `no descriptor of ${at} is installed, so this opens nothing`
  }
  if (at !== 'okapi' && isOkapi(caller)) return 'Okapi needs no grant, and none widens its routes'
  if (opens.kind === 'tenants' || opens.kind === 'cross') return undefined
  if (opens.kind === 'tokens') return uselessTokens(model, grant, opens.of)
  if (opens.kind === 'interface') return uselessInterface(model, grant, opens.id)
  if (opens.kind === 'admin' || meansAdministration(opens.pattern)) return undefined
  const modules = at === 'okapi' ? [...model.set.modules.values()] : installed(model, at)
  const found = modules.some((module) =>
    routesOf(module).some((route) => route.kind === 'handler' && meet(route, opens)),
  )
  const isPerson = ['operator', 'client'].includes(parseCaller(caller).kind)
  if (found || (isPerson && at !== 'okapi')) return undefined
  return `no installed module declares a route under ${opens.pattern.text}`
}

/**
 * A module may need one route of Okapi's administration. A grant of nearly all of it to a module,
 * or of any to a browser, was probably meant for an operator.
 */
function administrates({ caller, at, opens }: Grant): string | undefined {
  const { kind } = parseCaller(caller)
  if (at !== 'okapi' || opens.kind !== 'route' || kind === 'operator') return undefined
  if (!meansAdministration(opens.pattern)) return undefined
  const changing = ADMINISTRATION.all.filter(({ group }) => group !== 'read')
  const groups = new Set(changing.filter((route) => meet(route, opens)).map(({ group }) => group))
  const few = kind === 'public' ? 0 : FEW_GROUPS
  if (groups.size <= few) return undefined
  const who = kind === 'public' ? 'every browser' : caller
  return `this lets ${who} administrate Okapi (${[...groups].join(', ')}): name the methods and paths that it needs`
}

function uselessTokens(
  model: PolicyModel,
  { untilMs, caller }: Grant,
  of: 'any' | readonly string[],
): string | undefined {
  if (of === 'any') {
    if (untilMs !== Number.POSITIVE_INFINITY) return undefined
    return `any token from ${caller} passes for ever: name the modules whose tokens it sends, or set until`
  }
  const missing = of.find((name) => installed(model, name).length === 0)
  return missing && `no descriptor of ${missing} is installed: no token was sent to it`
}

function uselessInterface(model: PolicyModel, grant: Grant, id: string): string | undefined {
  if (parseCaller(grant.caller).kind === 'public') return 'public may use every interface anyway'
  if (model.sensitivity.get(id) === 'high' && isWide(grant)) {
    return `the sensitivity of \`${id}\` is high: name the full id of the caller`
  }
  const modules =
    grant.at === 'okapi' ? [...model.set.modules.values()] : installed(model, grant.at)
  const provided = modules.flatMap(({ descriptor }) =>
    descriptor.provides.filter((provides) => provides.id === id),
  )
  if (provided.length === 0) {
    return `nothing installed provides \`${id}\`, so this opens nothing`
  }
  if (!provided.every(isSystemInterface)) return undefined
  return `\`${id}\` is a system interface, which only Okapi itself calls: this opens nothing`
}

function installed({ set }: PolicyModel, name: string) {
  if (splitModuleId(name).version !== undefined) {
    const module = set.modules.get(name)
    return module === undefined ? [] : [module]
  }
  return [...set.modules.values()].filter((module) => productOf(idOf(module)) === name)
}

/** Can a request be meant by both? */
function meet(one: Routed, other: Routed): boolean {
  return (one.mask & other.mask) !== 0 && overlap(one.pattern.parts, other.pattern.parts)
}

function invokesAdministration(pattern: string): boolean {
  const [, underscore, invoke, , , rest] = pattern.split('/')
  return underscore === '_' && invoke === 'invoke' && rest === '_'
}
