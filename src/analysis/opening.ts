import { isOkapi } from '../folio/module-id.ts'
import { type Caller, callerName } from '../policy/caller.ts'
import type { Rule } from '../policy/decision.ts'
import type { Grant } from '../policy/grants.ts'

/** What is open: a route of a provider, or a tenant that the caller may name to Okapi. */
export type OpeningKind =
  | 'handler'
  /** A `multiple` interface: X-Okapi-Module-Id has to name the provider. */
  | 'multiple'
  | 'system'
  | 'filter'
  /** Okapi's own administration. */
  | 'admin'
  /** A tenant that a grant must name. */
  | 'tenant'
  /** Tokens that Okapi has not sent to the caller. */
  | 'token'

/** One thing that one caller may do at one provider. */
export interface Opening {
  /** As in grants; Okapi itself is `okapi`. */
  readonly caller: string
  /** Full id of the module that answers, or `okapi`. */
  readonly provider: string
  /** Whose ingress lets the caller in: `okapi`'s or the provider's. */
  readonly at: string
  readonly kind: OpeningKind
  readonly interface: { readonly id: string; readonly version: string } | null
  readonly methods: readonly string[]
  readonly pathPattern: string
  /** The path of the grant if it opens only a part of the route. */
  readonly only: string | null
  readonly rule: Rule
  /** The reason that the grant gives, if there is one. */
  readonly why: string | null
}

/** Caller and provider, and whose ingress decides. */
export interface OpeningBetween {
  readonly caller: Caller
  readonly at: string
  readonly provider: string
}

/** A route, or something listed like one. */
interface Pathed {
  readonly pattern: { readonly text: string }
  readonly interface?: Opening['interface']
}

/** Makes an opening; `grants` are searched for the reason that one gives. */
export function openingOf(
  { caller, at, provider }: OpeningBetween,
  kind: OpeningKind,
  { pattern, interface: provided = null }: Pathed,
  { methods, only, rule }: Pick<Opening, 'methods' | 'only' | 'rule'>,
  grants: readonly Grant[],
): Opening {
  const name = callerName(caller)
  const grant = grants.find(({ file, pointer }) => file === rule.file && pointer === rule.pointer)
  return {
    caller: isOkapi(name) ? 'okapi' : name,
    provider,
    at,
    kind,
    interface: provided && { id: provided.id, version: provided.version },
    methods,
    pathPattern: pattern.text,
    only,
    rule,
    why: rule.kind === 'grant' && rule.file !== null ? (grant?.why ?? null) : null,
  }
}

/** The tenants that grants open besides the ordinary ones. */
export function tenantsOpened(
  own: readonly Grant[],
  place: OpeningBetween,
  grants: readonly Grant[],
): Opening[] {
  return own.flatMap(({ opens, file, pointer }) => {
    if (opens.kind !== 'tenants') return []
    const rule: Rule = { kind: 'grant', file, pointer }
    return opens.tenants.map((tenant) => {
      const found = { methods: ['*'], only: null, rule }
      const pattern = { text: `X-Okapi-Tenant: ${tenant}` }
      return openingOf(place, 'tenant', { pattern }, found, grants)
    })
  })
}

/** The tokens of others that grants let a module send. */
export function tokensOpened(
  own: readonly Grant[],
  place: OpeningBetween,
  grants: readonly Grant[],
): Opening[] {
  return own.flatMap(({ opens, file, pointer }) => {
    if (opens.kind !== 'tokens') return []
    const rule: Rule = { kind: 'grant', file, pointer }
    const sources = opens.of === 'any' ? ['any'] : opens.of
    return sources.map((source) => {
      const pattern = { text: `X-Okapi-Token of ${source}` }
      return openingOf(place, 'token', { pattern }, { methods: ['*'], only: null, rule }, grants)
    })
  })
}

/** `GET /users/{id}`, for sentences and lists. */
export function routeText({
  methods,
  pathPattern,
  only,
}: Pick<Opening, 'methods' | 'pathPattern' | 'only'>): string {
  const route = `${methods.join(',')} ${pathPattern}`
  return only === null ? route : `${route} (only ${only})`
}

/** `requires`, with its location if it has one. */
export function ruleText({ kind, file, pointer }: Rule): string {
  if (kind === 'grant' && file === null) return 'a grant that is built in'
  return file === null ? kind : `${kind} ${file}#${pointer ?? ''}`
}

/** `interface `users` 16.5`, or another kind. */
export function partText({
  interface: provided,
  kind,
}: Pick<Opening, 'interface' | 'kind'>): string {
  if (provided !== null) return `\`${provided.id}\` ${provided.version}`
  switch (kind) {
    case 'filter':
      return 'filters'
    case 'admin':
      return 'Okapi’s administration'
    case 'tenant':
      return 'a tenant'
    case 'token':
      return 'tokens of others'
    default:
      return 'routes that no descriptor declares'
  }
}

/** How many different methods with a path, `GET,POST /x` being two. */
export function countRoutes(openings: readonly Opening[]): number {
  const routes = new Set(
    openings.flatMap(({ methods, pathPattern }) => methods.map((one) => `${one} ${pathPattern}`)),
  )
  return routes.size
}
