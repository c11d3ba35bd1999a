import { hasAuthFilter } from '../folio/descriptor.ts'
import {
  allow,
  DEFAULT_RULE,
  type Decision,
  declaredIn,
  deny,
  denyRedirect,
  type PolicyRequest,
  shortName,
} from './decision.ts'
import { idOf } from './descriptors.ts'
import { isWide, opensText, proposedGrant } from './grants.ts'
import { highestSensitivity, type PolicyModel, quarantineOf, sensitivityOf } from './model.ts'
import { type Entitlement, entitlementsFor, type Rights, versionFits } from './rights.ts'
import type { Route } from './routes.ts'

interface Request {
  readonly method: string
  readonly at: string
}

/**
 * May the caller use the interfaces of all `routes`? They are the candidates, at least one: Okapi
 * may pick any of them for the tenant. The version must fit for at least one. No caller may use a
 * system interface: if an old descriptor gives it no type, Okapi forwards requests for it
 * (okapi-core ModuleDescriptor.getProxyRoutingEntries).
 */
export function decideInterfaces(
  model: PolicyModel,
  rights: Rights,
  routes: readonly Route[],
  byPath: readonly Entitlement[],
  request: Request,
): Decision {
  const about = (route: Route): PolicyRequest => ({
    caller: rights.name,
    at: request.at,
    method: request.method,
    path: route.pattern.text,
    route,
  })
  const redirect = denyRedirect(routes, { caller: rights.name, ...request })
  if (redirect !== undefined) return redirect
  const system = routes.find(({ kind }) => kind === 'system')
  if (system !== undefined) {
    const why = `${declaredIn(system)}, a system interface: only Okapi itself calls it, whatever the descriptor or grant`
    return deny(about(system), 'caller-not-allowed', why)
  }
  const first = routes[0]!
  const quarantined = everyProviderQuarantined(model, routes)
  if (quarantined !== undefined) return deny(about(first), 'quarantined', quarantined)
  const sensitivity = highestSensitivity(model, routes)
  const others = routes.length - 1
  if (rights.caller.kind === 'public') {
    const why = `${declaredIn(first, others)}; Okapi and its auth filter check the user`
    return allow(about(first), DEFAULT_RULE, why, { sensitivity })
  }
  let chosen: { route: Route; entitlement: Entitlement } | undefined
  for (const route of routes) {
    const high = sensitivityOf(model, route.interface) === 'high'
    const entitlements = entitlementsFor(rights, route, byPath, high)
    if (entitlements.length === 0) return refuseInterface(model, rights, routes, about(route), high)
    const entitlement = entitlements.find((candidate) => versionFits(candidate, route, rights.name))
    if (entitlement !== undefined) chosen ??= { route, entitlement }
  }
  if (chosen === undefined) return refuseVersion(model, rights, routes, about(first))
  const { route, entitlement } = chosen
  const why = `${declaredIn(route, others)}, ${because(entitlement, shortName(rights.name))}`
  return allow(about(route), entitlement.rule, why, { sensitivity })
}

function because({ rule, version, grant }: Entitlement, caller: string): string {
  switch (rule.kind) {
    case 'requires':
      return `which ${caller} requires (${version})`
    case 'optional':
      return `which ${caller} lists as optional (${version})`
    case 'own':
      return `which ${caller} provides itself`
    default:
      return grant === null ? 'which needs no rule' : `which a grant opens to it (${grant.why})`
  }
}

function refuseInterface(
  model: PolicyModel,
  rights: Rights,
  routes: readonly Route[],
  asked: PolicyRequest,
  high: boolean,
): Decision {
  const route = asked.route!
  const caller = shortName(rights.name)
  const id = route.interface?.id ?? ''
  const near = nearGrant(rights, id)
  const wide = near !== undefined && high && isWide(near)
  const hint =
    near === undefined
      ? 'no grant allows it'
      : near.untilMs <= model.now()
        ? `the grant of ${opensText(near.opens)} has ended`
        : wide
          ? `its sensitivity is high, too high for a grant as wide as ${opensText(near.opens)}`
          : `the grant of ${opensText(near.opens)} does not open it`
  const asks = rights.caller.kind === 'module'
  const lack = asks ? `which ${caller} neither requires nor lists as optional` : 'for a grant only'
  const grant = proposedGrant(high ? rights.name : caller, 'okapi', `interface: ${id}`)
  const wouldAllow = asks ? `${id} in requires or optional of ${caller}, or ${grant}` : grant
  const refused = deny(asked, 'interface-not-required', `${declaredIn(route)}, ${lack}; ${hint}`, {
    wouldAllow,
    nearest: () => (near === undefined ? null : `${near.file ?? 'built in'}#${near.pointer ?? ''}`),
  })
  return reported(model, rights, routes, refused, asked)
}

function refuseVersion(
  model: PolicyModel,
  rights: Rights,
  routes: readonly Route[],
  asked: PolicyRequest,
): Decision {
  const route = asked.route!
  const id = route.interface?.id ?? ''
  const caller = shortName(rights.name)
  const versions = [...(rights.entitlements.get(id) ?? [])].flatMap(({ version }) => version ?? [])
  const why = `${declaredIn(route, routes.length - 1)}, but ${caller} asks for \`${id}\` ${versions.join(' or ')}`
  const refused = deny(asked, 'interface-version-mismatch', why, {
    wouldAllow: `a module that provides \`${id}\` ${versions.join(' or ')}, or ${proposedGrant(caller, 'okapi', `interface: ${id}`)}`,
  })
  return reported(model, rights, routes, refused, asked)
}

/**
 * Report mode allows what is refused only because of the interface; but not calls to a module with
 * an `auth` filter, whose interfaces issue tokens, nor callers that are not modules.
 */
function reported(
  model: PolicyModel,
  rights: Rights,
  routes: readonly Route[],
  refused: Decision & { allow: false },
  asked: PolicyRequest,
): Decision {
  if (rights.caller.kind !== 'module') return refused
  const inReport = routes.every(
    ({ interface: provided }) =>
      model.mode === 'report' || (provided !== null && model.reported.has(provided.id)),
  )
  if (!inReport) return refused
  const strict = routes.some(
    ({ module, kind }) => kind !== 'handler' || hasAuthFilter(module.descriptor),
  )
  if (strict) return refused
  const because = `${refused.because}; report mode lets it pass`
  return {
    ...allow(asked, DEFAULT_RULE, '', {
      sensitivity: highestSensitivity(model, routes),
      wouldRefuse: { ...refused.refusal, because },
    }),
    because,
  }
}

/** A grant of this caller that names the interface, or any grant by path. */
function nearGrant({ grants }: Rights, interfaceId: string) {
  return (
    grants.find(({ opens }) => opens.kind === 'interface' && opens.id === interfaceId) ??
    grants.find(({ opens }) => opens.kind === 'route')
  )
}

function everyProviderQuarantined(
  model: PolicyModel,
  routes: readonly Route[],
): string | undefined {
  if (model.quarantine.length === 0) return undefined
  const ms = model.now()
  const entries = routes.map(({ module }) => quarantineOf(model, idOf(module), ms))
  const [entry] = entries
  if (entry === undefined || entries.includes(undefined)) return undefined
  return `${declaredIn(routes[0]!)}, which is in quarantine: ${entry.why}`
}
