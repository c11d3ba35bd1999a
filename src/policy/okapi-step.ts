import { methodIndex } from '../folio/descriptor.ts'
import { startsWith } from '../folio/path-pattern.ts'
import { NO_HIT, type RouteTable } from './route-table.ts'
import type { Route } from './routes.ts'

/**
 * How Okapi comes to call a route of a module, which says whose call it may be (okapi-core
 * ProxyService, TenantManager, TimerManager).
 */
export interface OkapiStep {
  /** A system route matches: tenant jobs and timers, which Okapi calls on its own. */
  readonly system: boolean
  /** A filter of phase `auth` matches; Okapi also calls it for its own system calls. */
  readonly auth: boolean
  /**
   * Only filters of phase `post` match. Okapi calls one of type `request-log` while it answers
   * (ProxyService.proxyRequestLog): the call may arrive after the answer was sent.
   */
  readonly afterwards: boolean
  /** The route is in a `multiple` interface: the caller has named the module by X-Okapi-Module-Id. */
  readonly multiple: boolean
  /** A route other than a filter matches. */
  readonly handled: boolean
  /** What Okapi may have put before the path of the request (ModuleInstance). */
  readonly rewritePaths: readonly Buffer[]
}

/** No route of the module matches: Okapi's health question. */
export const NO_STEP: OkapiStep = {
  system: false,
  auth: false,
  afterwards: false,
  multiple: false,
  handled: false,
  rewritePaths: [],
}

/**
 * The step of a request that matches these routes of one module (at least one), whatever its
 * method.
 */
export function stepOf(routes: readonly Route[]): OkapiStep {
  const written = new Set(routes.flatMap(({ rewritePath }) => rewritePath ?? []))
  return {
    system: routes.some(({ kind }) => kind === 'system'),
    auth: routes.some(({ phase }) => phase === 'auth'),
    afterwards: routes.every(({ phase }) => phase === 'post'),
    multiple: routes.some(({ interface: provided }) => provided?.type === 'multiple'),
    handled: routes.some(({ kind }) => kind === 'handler'),
    rewritePaths: [...written].map((path) => Buffer.from(path)),
  }
}

/** Where the original path of the request begins: after a rewritePath, if there is one. */
export function beforeRewriting(
  { rewritePaths }: OkapiStep,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  for (const written of rewritePaths) {
    if (startsWith(written, bytes, start, end)) return start + written.length
  }
  return start
}

/**
 * May Okapi make this call on its own, without a caller? System routes, and the auth filter about
 * system routes of any installed module (ProxyService.authForSystemInterface).
 */
export function mayBeOkapiItself(
  step: OkapiStep,
  system: RouteTable<Route>,
  method: string,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (step.system) return true
  if (!step.auth) return false
  const bit = 1 << methodIndex(method)
  return system.find(bytes, beforeRewriting(step, bytes, start, end), end, bit) !== NO_HIT
}
