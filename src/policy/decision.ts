import { productOf } from '../folio/module-id.ts'
import type { Reason } from '../refusal/reasons.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { idOf } from './descriptors.ts'
import { NO_STEP, type OkapiStep } from './okapi-step.ts'
import type { Route } from './routes.ts'

/**
 * Why a call is allowed. `requires`, `optional`, `own`: the caller's descriptor, or the callee's
 * own one at a module's ingress. `grant`: a grant of the operator. `system`: Okapi calls a system
 * interface. `default`: no rule is needed (browsers at Okapi, Okapi's health question).
 */
export interface Rule {
  readonly kind: 'requires' | 'optional' | 'own' | 'grant' | 'system' | 'default'
  /** Name of the file with the rule; null if it is built in. */
  readonly file: string | null
  /** RFC 6901 pointer into that file; null if it is built in. */
  readonly pointer: string | null
}

/** How much an operator wants to know about the use of an interface. */
export type Sensitivity = 'regular' | 'low' | 'high'

/** The mode of a rule of the second line: off, counted and reported only, or enforced. */
export type LineMode = 'off' | 'report' | 'enforce'

interface Facts {
  readonly caller: string
  readonly at: string
  /** Full id of the module that answers; null if none is known (Okapi itself, nothing declared). */
  readonly provider: string | null
  readonly interface: { readonly id: string; readonly version: string } | null
  readonly route: { readonly methods: readonly string[]; readonly pathPattern: string } | null
  /** `route.pathPattern`, or '' : a label from a closed set, never what a caller chose. */
  readonly routePattern: string
  /**
   * One full sentence with names, the same in `policy explain`, the log and the problem document.
   */
  readonly because: string
}

/** Allowed. The object is shared by all matching calls, so it must not be changed. */
export interface Allow extends Facts {
  readonly allow: true
  readonly rule: Rule
  /** `low` and `high` are flagged in the access line; `high` also asks for `Cache-Control: no-store`. */
  readonly sensitivity: Sensitivity
  /** A system interface: Okapi retries such a call only when its connection breaks. */
  readonly system: boolean
  /** Okapi's discovery sends `GET /`: the sidecar answers itself, the module never gets it. */
  readonly health: boolean
  /** At a module's ingress, for a call of Okapi: whose call it may be. */
  readonly step: OkapiStep
  /** Report mode: the refusal that was not enforced. Count it, log it, let the call pass. */
  readonly wouldRefuse?: Refusal
}

/** No. */
export interface Deny extends Facts {
  readonly allow: false
  readonly refusal: Refusal
  readonly rule: null
  /** The nearest name, route or grant, to show typing errors; may cost a search. */
  readonly nearest: string | null
}

export type Decision = Allow | Deny

/** Caller, place and request, as used in sentences. */
export interface PolicyRequest {
  readonly caller: string
  readonly at: string
  readonly method: string
  /** The pattern where one is known, else the raw path. */
  readonly path: string
  /** The route the answer is about; null where none matched. */
  readonly route: Route | null
}

const MAX_SHOWN = 200

/** No rule was needed. */
export const DEFAULT_RULE: Rule = { kind: 'default', file: null, pointer: null }

interface Extra {
  readonly sensitivity?: Sensitivity
  readonly system?: boolean
  readonly health?: boolean
  readonly step?: OkapiStep
  readonly wouldRefuse?: Refusal
}

interface More {
  readonly wouldAllow?: string
  readonly nearest?: () => string | null
  /** If the table of reasons has more than one. */
  readonly status?: number
}

/** `CALLER may METHOD PATH: REASON`, as an Allow. */
export function allow(asked: PolicyRequest, rule: Rule, reason: string, extra: Extra = {}): Allow {
  const { sensitivity = 'regular', system = false, health = false, step = NO_STEP } = extra
  const { wouldRefuse } = extra
  return {
    allow: true,
    ...facts(asked),
    rule,
    because: `${asked.caller} may ${requestText(asked)}: ${reason}`,
    sensitivity,
    system,
    health,
    step,
    ...(wouldRefuse === undefined ? {} : { wouldRefuse }),
  }
}

/** `CALLER may not METHOD PATH: WHY`, as a Deny. `nearest` is looked for only when it is read. */
export function deny(asked: PolicyRequest, reason: Reason, why: string, more: More = {}): Deny {
  return denyBecause(asked, reason, `${asked.caller} may not ${requestText(asked)}: ${why}`, more)
}

/** A Deny whose sentence is given whole. */
export function denyBecause(
  asked: PolicyRequest,
  reason: Reason,
  because: string,
  { wouldAllow, nearest, status }: More = {},
): Deny {
  return {
    allow: false,
    ...facts(asked),
    rule: null,
    because,
    refusal: refuse(reason, because, {
      ...(wouldAllow === undefined ? {} : { wouldAllow }),
      ...(status === undefined ? {} : { status }),
    }),
    get nearest() {
      return nearest?.() ?? null
    },
  }
}

/** `it is in interface \`users\` 16.5 of mod-users-19.7.0`; `others`: how many more may answer. */
export function declaredIn(route: Route, others = 0): string {
  const provider = idOf(route.module)
  const more = others === 0 ? '' : ` (${others} more may answer)`
  if (route.interface === null) return `it is a filter of ${provider}${more}`
  const { id, version } = route.interface
  return `it is in interface \`${id}\` ${version} of ${provider}${more}`
}

/** In the second half of a sentence modules are named by product. */
export function shortName(caller: string): string {
  return caller.includes('/') ? caller : productOf(caller)
}

/** Raw bytes for display: visible ASCII, truncated. */
export function printable(bytes: Uint8Array, start: number, end: number): string {
  const cut = Math.min(end, start + MAX_SHOWN)
  const text = Buffer.from(bytes.subarray(start, cut)).toString('latin1')
  const visible = text.replace(/[^\x21-\x7e]/g, '?')
  return cut < end ? `${visible}...` : visible
}

function requestText({ method, path }: PolicyRequest): string {
  return `${method.length > 32 ? `${method.slice(0, 32)}...` : method} ${path}`
}

function facts({ caller, at, route }: PolicyRequest) {
  return {
    caller,
    at,
    provider: route === null ? null : idOf(route.module),
    interface: route?.interface
      ? { id: route.interface.id, version: route.interface.version }
      : null,
    route: route === null ? null : { methods: route.methods, pathPattern: route.pattern.text },
    routePattern: route === null ? '' : route.pattern.text,
  }
}

/**
 * The answer if a redirect is among the routes that match a request: always refused. Okapi would
 * request another path than the checked one (RoutingEntry.getRedirectUri), and which module gets it
 * depends on the tenant.
 */
export function denyRedirect(
  routes: readonly Route[],
  asked: Omit<PolicyRequest, 'path' | 'route'>,
): Deny | undefined {
  const route = routes.find(({ redirectPath }) => redirectPath !== undefined)
  if (route === undefined) return undefined
  const { module, pattern, redirectPath } = route
  const why = `${idOf(module)} redirects it to ${redirectPath}, and no redirect is followed here`
  return deny({ ...asked, path: pattern.text, route }, 'route-not-declared', why, {
    wouldAllow: `the call of ${redirectPath} itself, where that is allowed`,
  })
}
