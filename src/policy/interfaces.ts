import { hasAuthFilter } from '../folio/descriptor.ts'
import type { Decision } from './decision.ts'
import { isWide, opensText, proposedGrant } from './grants.ts'
import { refuseRedirect } from './redirect.ts'
import { type Claim, claimsOn, fits, type Rights } from './rights.ts'
import type { Route } from './routes.ts'
import { type Asked, allow, BY_DEFAULT, deny, shortName, standsIn } from './verdict.ts'
import { highestSensitivity, idOf, quarantineOf, sensitivityOf, type World } from './world.ts'

interface Request {
  readonly method: string
  readonly at: string
}

/**
 * May the caller use the interfaces of all `routes`? They are the candidates, at least one: any of them
 * may be the one that Okapi picks for the tenant. A version must fit in one of them. A system interface
 * is nobody's: where an old descriptor gives it no type, Okapi hands requests for it on (okapi-core
 * ModuleDescriptor.getProxyRoutingEntries).
 */
export function judgeInterfaces(
  world: World,
  rights: Rights,
  routes: readonly Route[],
  byPath: readonly Claim[],
  request: Request,
): Decision {
  const about = (route: Route): Asked => ({
    caller: rights.name,
    at: request.at,
    method: request.method,
    path: route.pattern.text,
    route,
  })
  const redirect = refuseRedirect(routes, { caller: rights.name, ...request })
  if (redirect !== undefined) return redirect
  const system = routes.find(({ kind }) => kind === 'system')
  if (system !== undefined) {
    const why = `${standsIn(system)}, a system interface: only Okapi itself calls it, whatever the descriptor or grant`
    return deny(about(system), 'caller-not-allowed', why)
  }
  const first = routes[0]!
  const quarantined = everyProviderQuarantined(world, routes)
  if (quarantined !== undefined) return deny(about(first), 'quarantined', quarantined)
  const sensitivity = highestSensitivity(world, routes)
  const others = routes.length - 1
  if (rights.caller.kind === 'public') {
    const why = `${standsIn(first, others)}; Okapi and its auth filter judge the user`
    return allow(about(first), BY_DEFAULT, why, { sensitivity })
  }
  let chosen: { route: Route; claim: Claim } | undefined
  for (const route of routes) {
    const high = sensitivityOf(world, route.interface) === 'high'
    const claims = claimsOn(rights, route, byPath, high)
    if (claims.length === 0) return refuseInterface(world, rights, routes, about(route), high)
    const claim = claims.find((candidate) => fits(candidate, route, rights.name))
    if (claim !== undefined) chosen ??= { route, claim }
  }
  if (chosen === undefined) return refuseVersion(world, rights, routes, about(first))
  const { route, claim } = chosen
  const why = `${standsIn(route, others)}, ${because(claim, shortName(rights.name))}`
  return allow(about(route), claim.rule, why, { sensitivity })
}

function because({ rule, version, grant }: Claim, caller: string): string {
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
  world: World,
  rights: Rights,
  routes: readonly Route[],
  asked: Asked,
  high: boolean,
): Decision {
  const route = asked.route!
  const caller = shortName(rights.name)
  const id = route.interface?.id ?? ''
  const near = nearGrant(rights, id)
  const wide = near !== undefined && high && isWide(near)
  const hint =
    near === undefined
      ? 'no grant comes near'
      : near.untilMs <= world.now()
        ? `the grant of ${opensText(near.opens)} has ended`
        : wide
          ? `its sensitivity is high, too high for a grant as wide as ${opensText(near.opens)}`
          : `the grant of ${opensText(near.opens)} does not open it`
  const asks = rights.caller.kind === 'module'
  const lack = asks ? `which ${caller} neither requires nor lists as optional` : 'for a grant only'
  const grant = proposedGrant(high ? rights.name : caller, 'okapi', `interface: ${id}`)
  const wouldAllow = asks ? `${id} in requires or optional of ${caller}, or ${grant}` : grant
  const refused = deny(asked, 'interface-not-required', `${standsIn(route)}, ${lack}; ${hint}`, {
    wouldAllow,
    nearest: () => (near === undefined ? null : `${near.file ?? 'built in'}#${near.pointer ?? ''}`),
  })
  return reported(world, rights, routes, refused, asked)
}

function refuseVersion(
  world: World,
  rights: Rights,
  routes: readonly Route[],
  asked: Asked,
): Decision {
  const route = asked.route!
  const id = route.interface?.id ?? ''
  const caller = shortName(rights.name)
  const versions = [...(rights.claims.get(id) ?? [])].flatMap(({ version }) => version ?? [])
  const why = `${standsIn(route, routes.length - 1)}, but ${caller} asks for \`${id}\` ${versions.join(' or ')}`
  const refused = deny(asked, 'interface-version-mismatch', why, {
    wouldAllow: `a module that provides \`${id}\` ${versions.join(' or ')}, or ${proposedGrant(caller, 'okapi', `interface: ${id}`)}`,
  })
  return reported(world, rights, routes, refused, asked)
}

/**
 * Report mode lets pass what is refused for the interface alone; never a module with an `auth`
 * filter, whose interfaces hand out tokens, nor callers that are no modules.
 */
function reported(
  world: World,
  rights: Rights,
  routes: readonly Route[],
  refused: Decision & { allow: false },
  asked: Asked,
): Decision {
  if (rights.caller.kind !== 'module') return refused
  const inReport = routes.every(
    ({ interface: provided }) =>
      world.mode === 'report' || (provided !== null && world.reported.has(provided.id)),
  )
  if (!inReport) return refused
  const strict = routes.some(
    ({ module, kind }) => kind !== 'handler' || hasAuthFilter(module.descriptor),
  )
  if (strict) return refused
  const because = `${refused.because}; report mode lets it pass`
  return {
    ...allow(asked, BY_DEFAULT, '', {
      sensitivity: highestSensitivity(world, routes),
      wouldRefuse: { ...refused.refusal, because },
    }),
    because,
  }
}

/** A grant for this caller that speaks of the interface, or any that it has by path. */
function nearGrant({ grants }: Rights, interfaceId: string) {
  return (
    grants.find(({ opens }) => opens.kind === 'interface' && opens.id === interfaceId) ??
    grants.find(({ opens }) => opens.kind === 'route')
  )
}

function everyProviderQuarantined(world: World, routes: readonly Route[]): string | undefined {
  if (world.quarantine.length === 0) return undefined
  const ms = world.now()
  const entries = routes.map(({ module }) => quarantineOf(world, idOf(module), ms))
  const [entry] = entries
  if (entry === undefined || entries.includes(undefined)) return undefined
  return `${standsIn(routes[0]!)}, which is in quarantine: ${entry.why}`
}
