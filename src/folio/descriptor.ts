import type { ModuleId } from './module-id.ts'

/** How Okapi treats an interface: `proxy` is the default, `unknown` it would refuse. */
export type InterfaceType = 'proxy' | 'multiple' | 'system' | 'internal' | 'unknown'

/** One routing entry of a handler or filter, in the order and with the words of the descriptor. */
export interface RoutingEntry {
  /** Undefined where the descriptor has none: it matches nothing, but a timer is then a POST. */
  readonly methods: readonly string[] | undefined
  readonly pathPattern: string | undefined
  /** Legacy: a prefix. Decides what a system call asks for even beside a pathPattern. */
  readonly path: string | undefined
  readonly rewritePath: string | undefined
  /**
   * Of an entry of type `redirect`: the path that Okapi asks for in the place of the request's own.
   * The module serves no such entry. Undefined for every other type.
   */
  readonly redirectPath: string | undefined
  readonly phase: string | undefined
  readonly delegateCORS: boolean
  readonly modulePermissions: readonly string[]
  /** What a caller's token must hold; tells which interface a permission belongs to. */
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

/** Has the module a filter of phase `auth`? Then it is asked about every request there is. */
export function hasAuthFilter(descriptor: ModuleDescriptor): boolean {
  return descriptor.filters.some((filter) => filter.phase === 'auth')
}

/**
 * Is the interface one that only Okapi itself calls? By type, and by a name that begins with `_`
 * unless it is `multiple` as `_jsonSchemas` is (InterfaceDescriptor.isType and its users differ on
 * old `_tenant` entries without a type: the stricter reading is taken).
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
