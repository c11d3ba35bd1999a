import type { ModuleId } from './module-id.ts'

/** How Okapi treats an interface: `proxy` is the default; Okapi would refuse `unknown`. */
export type InterfaceType = 'proxy' | 'multiple' | 'system' | 'internal' | 'unknown'

/** One routing entry of a handler or filter, in the order and with the names of the descriptor. */
export interface RoutingEntry {
  /** Undefined if the descriptor has none: then it matches nothing, but a timer uses POST. */
  readonly methods: readonly string[] | undefined
  readonly pathPattern: string | undefined
  /** Legacy: a prefix; literal for system calls. Never together with a pathPattern. */
  readonly path: string | undefined
  readonly rewritePath: string | undefined
  /**
   * For an entry of type `redirect`: the path that Okapi asks for instead of the request's own. The
   * module itself does not serve such an entry. Undefined for every other type.
   */
  readonly redirectPath: string | undefined
  readonly phase: string | undefined
  readonly delegateCORS: boolean
  readonly modulePermissions: readonly string[]
  /** Permissions required in a caller's token; used to find the interface that a permission belongs to. */
  readonly permissionsRequired: readonly string[]
  /** RFC 6901 pointer to the entry in its descriptor. */
  readonly pointer: string
}

/** An interface that a module provides. */
export interface InterfaceDescriptor {
  readonly id: string
  readonly version: string
  readonly type: InterfaceType
  readonly handlers: readonly RoutingEntry[]
  readonly pointer: string
}

/** An interface that a module asks for; `version` may list several, see `isCompatible`. */
export interface InterfaceRequirement {
  readonly id: string
  readonly version: string
  readonly pointer: string
}

/** What policy needs of a ModuleDescriptor (okapi-core/src/main/raml/ModuleDescriptor.json). */
export interface ModuleDescriptor {
  readonly id: ModuleId
  readonly provides: readonly InterfaceDescriptor[]
  readonly requires: readonly InterfaceRequirement[]
  readonly optional: readonly InterfaceRequirement[]
  readonly filters: readonly RoutingEntry[]
}

/** Has the module a filter of phase `auth`? Then Okapi asks it about every request. */
export function hasAuthFilter(descriptor: ModuleDescriptor): boolean {
  return descriptor.filters.some((filter) => filter.phase === 'auth')
}

/**
 * Is the interface one that only Okapi itself calls? Yes by its type, or if its name begins with `_`
 * and it is not `multiple` as `_jsonSchemas` is. InterfaceDescriptor.isType and its users differ on
 * old `_tenant` entries without a type: this is the stricter reading.
 */
export function isSystemInterface({ id, type }: InterfaceDescriptor): boolean {
  return type === 'system' || (id.startsWith('_') && type !== 'multiple')
}

/**
 * The methods a routing entry may name: those that Vert.x knows, which is what Okapi's decoder
 * accepts (okapi-core RoutingEntry.setMethods). `*` stands for all.
 */
export const METHODS: readonly string[] =
  `GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT PROPFIND PROPPATCH MKCOL COPY MOVE LOCK
   UNLOCK MKCALENDAR VERSION-CONTROL REPORT CHECKIN CHECKOUT UNCHECKOUT MKWORKSPACE UPDATE LABEL
   MERGE BASELINE-CONTROL MKACTIVITY ORDERPATCH ACL SEARCH`.split(/\s+/)

/** The index of every method that is not in METHODS; only `*` matches it. */
export const OTHER_METHOD = METHODS.length

const indexes = new Map(METHODS.map((method, index) => [method, index]))

/** The place of a method in METHODS, or OTHER_METHOD; case counts. */
export function methodIndex(method: string): number {
  return indexes.get(method) ?? OTHER_METHOD
}

/** One bit for each method index that the names of a routing entry stand for. */
export function methodMask(methods: readonly string[]): number {
  let mask = 0
  for (const method of methods) mask |= method === '*' ? -1 : 1 << methodIndex(method)
  return mask
}
