import { ADMIN_ROUTES, type AdminRoute } from '../folio/admin-groups.ts'
import { methodMask } from '../folio/descriptor.ts'
import {
  endOfSegment,
  type PathPattern,
  parsePathPattern,
  startsWith,
} from '../folio/path-pattern.ts'
import { type Routed, RouteTable } from './route-table.ts'

/** A route of Okapi's administration, ready to be matched. */
export interface AdministrationRoute extends Routed, AdminRoute {}

/** All of them: they do not depend on what is installed. */
export const ADMINISTRATION = new RouteTable<AdministrationRoute>(
  ADMIN_ROUTES.map((route) => {
    const pattern = parsePathPattern(route.pathPattern)
    if (typeof pattern === 'string') throw new Error(`${route.pathPattern}: ${pattern}`)
    return { ...route, pattern, mask: methodMask(route.methods) }
  }),
  { buckets: true },
)

const ADMIN = Buffer.from('/_/')
const TENANT = Buffer.from('/_/tenant')
const SLASH = 0x2f
const PERCENT = 0x25
const UNDERSCORE = 0x5f

/** Is the raw path Okapi's administration, or something that Vert.x might normalise to it? */
export function isAdministration(bytes: Uint8Array, start: number, end: number): boolean {
  if (startsWith(ADMIN, bytes, start, end)) return true
  const first = end - start > 1 ? bytes[start + 1] : 0
  if (first === PERCENT) return true
  return first === UNDERSCORE && end - start === 2
}

/**
 * Does the pattern of a grant begin with `/_/`? A pattern that merely matches it (`/*`, `/{x}/{y}`)
 * is about modules' routes, and does not open Okapi's administration as a side effect.
 */
export function meansAdministration({ text }: PathPattern): boolean {
  return text === '/_' || text.startsWith('/_/')
}

/**
 * Is this an administrative path that no grant can open? These are the tenant interface of modules,
 * which Okapi forwards if an old descriptor gives it no type
 * (ModuleDescriptor.getProxyRoutingEntries), and paths with `%`: Okapi's router matches `/_/invoke`
 * against the decoded path, its proxy against the raw one.
 */
export function isNeverOpen(bytes: Uint8Array, start: number, end: number): boolean {
  if (startsWith(TENANT, bytes, start, end)) return true
  if (bytes[start] !== SLASH || bytes[start + 1] === PERCENT) return true
  const second = endOfSegment(bytes, start + 1, end) + 1
  const stop = endOfSegment(bytes, second, end)
  for (let at = second; at < stop; at++) if (bytes[at] === PERCENT) return true
  return false
}
