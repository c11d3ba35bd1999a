import { methodIndex } from '../folio/descriptor.ts'
import { startsWith } from '../folio/path-pattern.ts'
import { NO_HIT, type RouteTable } from './route-table.ts'
import type { Route } from './routes.ts'

/**
 * How Okapi comes to call a route of a module, which says whose call it may be (okapi-core
 * ProxyService, TenantManager, TimerManager).
 */
export interface OkapiStep {
  /** A system route takes it: tenant jobs and timers, which Okapi calls of its own accord. */
  readonly system: boolean
  /** A filter of phase `auth` takes it, which Okapi also asks about its own system calls. */
  readonly auth: boolean
  /**
   * Nothing but filters of phase `post` takes it. Okapi writes to one of type `request-log` while it
   * answers (ProxyService.proxyRequestLog): the call may come when the answer has gone.
   */
  readonly afterwards: boolean
  /** The route is in a `multiple` interface: the caller has named the module by X-Okapi-Module-Id. */
  readonly multiple: boolean
  /** A route other than a filter takes it. */
  readonly handled: boolean
  /** What Okapi may have put before the path of the request (ModuleInstance). */
  readonly rewritePaths: readonly Buffer[]
}

/** What no route of a module takes: Okapi's question whether it is well. */
export const NO_STEP: OkapiStep = {
  system: false,
  auth: false,
  afterwards: false,
  multiple: false,
  handled: false,
  rewritePaths: [],
}

/** The step of a request that these routes of one module take, at least one, whatever its method. */
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

/** Where the path of the request that Okapi was sent begins: behind a rewritePath, where there is one. */
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
 * May Okapi itself ask this, with no caller behind it? System routes, and the auth filter about system
 * routes of any installed module (ProxyService.authForSystemInterface).
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
