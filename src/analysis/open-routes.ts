import { methodIndex } from '../folio/descriptor.ts'
import { matchPattern, type PathPattern } from '../folio/path-pattern.ts'
import {
  commonPath,
  type Meter,
  overlap,
  PARAM,
  type PatternPart,
  STAR,
} from '../folio/pattern-states.ts'
import type { Rule } from '../policy/decision.ts'
import type { Grant, Opens } from '../policy/grants.ts'
import type { Authorizer } from '../policy/policy.ts'
import type { Routed, RouteTable } from '../policy/route-table.ts'
import { mayAnswer, type Route } from '../policy/routes.ts'

/** A declared route, and how requests come to it. */
export interface RouteQuestion {
  readonly route: Route
  readonly table: RouteTable<Route>
  /** The required value of X-Okapi-Module-Id. */
  readonly moduleId: string | undefined
  readonly samples: readonly Buffer[]
  /** Okapi picks one of the matching routes; at a module's ingress all of them count. */
  readonly atOkapi: boolean
}

/** The open part of a route, and the rule that opens it. */
export interface OpenPart {
  readonly methods: readonly string[]
  /** The path of the grant if the route is not open as a whole. */
  readonly only: string | null
  readonly rule: Rule
}

/** A grant by methods and path. */
export interface PathGrant extends Grant {
  readonly opens: Extract<Opens, { kind: 'route' }>
}

/** The methods that `*` stands for in questions to the authorizer. */
const EVERY_METHOD: readonly string[] = 'GET POST PUT PATCH DELETE HEAD OPTIONS'.split(' ')

/** The methods one by one, `*` expanded. */
export function eachMethod(methods: readonly string[]): readonly string[] {
  return methods.includes('*') ? EVERY_METHOD : methods
}

/** The reverse: `*` for all of them. */
export function shortMethods(methods: readonly string[]): readonly string[] {
  return EVERY_METHOD.every((method) => methods.includes(method)) ? ['*'] : methods
}

/** The grants that are by methods and path. */
export function pathGrantsOf(grants: readonly Grant[]): PathGrant[] {
  return grants.filter((grant): grant is PathGrant => grant.opens.kind === 'route')
}

/** Is there a request to which both apply? */
export function overlapsRoute(
  { opens }: Pick<PathGrant, 'opens'>,
  { pattern, mask }: Routed,
): boolean {
  return (opens.mask & mask) !== 0 && overlap(opens.pattern.parts, pattern.parts)
}

/** The question about a route of a module's ingress. */
export function moduleQuestion(route: Route, table: RouteTable<Route>): RouteQuestion {
  return { route, table, moduleId: undefined, samples: samplesAmong(route, table), atOkapi: false }
}

/** The question about a route that Okapi may be asked for. */
export function okapiQuestion(
  route: Route,
  table: RouteTable<Route>,
  moduleId?: string,
): RouteQuestion {
  return { route, table, moduleId, samples: samplesAmong(route, table), atOkapi: true }
}

/**
 * Paths to ask the authorizer about. If other routes match them too, paths that such a route shares
 * are added: they may be open although the others are not, because the route can hide the closed one.
 */
function samplesAmong({ pattern }: Route, table: RouteTable<Route>): readonly Buffer[] {
  const own = samplesOf(pattern)
  const alone = own.every((path) => table.routes(table.find(path, 0, path.length, -1)).length === 1)
  if (alone) return own
  const samples = [...own]
  for (const other of table.all) samples.push(...shared(pattern, other.pattern))
  return samples
}

/**
 * Paths of different shapes that both match. The shortest alone is not enough: another route may
 * match exactly that path (`/a/` beside `/*`) and take it.
 */
function shared(pattern: PathPattern, other: PathPattern): Buffer[] {
  const [one, two] = [pattern.parts[0], other.parts[0]]
  // Most patterns differ in their first bytes: searching for a common path would take far longer.
  if (one instanceof Uint8Array && two instanceof Uint8Array && !beginAlike(one, two)) return []
  if (!overlap(pattern.parts, other.parts)) return []
  return shapesOf(pattern).flatMap((mine) =>
    shapesOf(other).flatMap((theirs) => commonPath(mine, theirs) ?? []),
  )
}

/** Is one of them the beginning of the other? */
function beginAlike(one: Uint8Array, two: Uint8Array): boolean {
  const length = Math.min(one.length, two.length)
  for (let i = 0; i < length; i++) if (one[i] !== two[i]) return false
  return true
}

/**
 * What the authorizer lets through of one route. It is asked about paths that the route's pattern
 * matches, and about paths that a grant's pattern matches too: the answer is the one that the proxy
 * gets, not a second reading of the rules. What only report mode lets pass is not open.
 */
export function openParts(
  authorizer: Authorizer,
  question: RouteQuestion,
  grants: readonly PathGrant[],
): OpenPart[] {
  const { route, samples } = question
  const found = new Map<string, { methods: string[]; only: string | null; rule: Rule }>()
  const add = (method: string, only: string | null, rule: Rule) => {
    const key = `${only ?? ''} ${rule.kind} ${rule.file} ${rule.pointer}`
    const same = found.get(key)
    if (same === undefined) found.set(key, { methods: [method], only, rule })
    else same.methods.push(method)
  }
  for (const method of eachMethod(route.methods)) {
    const { rules, all } = rulesFor(authorizer, question, method, samples)
    let part = false
    for (const { opens } of all ? [] : grants) {
      if ((opens.mask & route.mask & (1 << methodIndex(method))) === 0) continue
      const [rule] = rulesFor(authorizer, question, method, commonPaths(opens, question)).rules
      if (rule === undefined) continue
      add(method, opens.pattern.text, rule)
      part = true
    }
    const [rule] = rules
    if (rule !== undefined && !part) add(method, null, rule)
  }
  return [...found.values()].map((one) => ({ ...one, methods: shortMethods(one.methods) }))
}

/** Paths that a grant and a route both match. */
function commonPaths({ pattern }: PathGrant['opens'], { route, samples }: RouteQuestion): Buffer[] {
  return [...shared(pattern, route.pattern), ...samples.filter((path) => matches(pattern, path))]
}

const meter: Meter = { visited: 0 }

function matches({ parts }: PathPattern, path: Buffer): boolean {
  return matchPattern(parts, path, 0, path.length, meter)
}

/** The rules by which requests with these paths pass, and whether all that reach the route do. */
function rulesFor(
  authorizer: Authorizer,
  { route, table, moduleId, atOkapi }: RouteQuestion,
  method: string,
  paths: readonly Buffer[],
): { rules: readonly Rule[]; all: boolean } {
  // A request with that path may go to another route.
  const coming = paths.filter((path) => {
    const bit = 1 << methodIndex(method)
    const matching = table.routes(table.find(path, 0, path.length, bit))
    return (atOkapi ? mayAnswer(matching, bit) : matching).includes(route)
  })
  const rules = coming.flatMap((path) => {
    const decision = authorizer.decide(method, path, 0, path.length, undefined, moduleId)
    if (!decision.allow || decision.wouldRefuse !== undefined || decision.health) return []
    // A pattern such as `/*` also matches Okapi's administration, which is not a module's route.
    return decision.provider === null ? [] : [decision.rule]
  })
  return { rules, all: rules.length > 0 && rules.length === coming.length }
}

// A segment that is not literally in any descriptor.
const SEGMENT = Buffer.from('-x-')
const SEGMENTS = Buffer.from('-x-/-x-')
const NOTHING = Buffer.alloc(0)

/** Paths that match the pattern and as few other patterns as possible. */
export function samplesOf({ parts }: PathPattern): readonly Buffer[] {
  const stars = parts.includes(STAR) ? [SEGMENTS, SEGMENT, NOTHING] : [NOTHING]
  return stars.map((star) =>
    Buffer.concat(parts.map((part) => (part === PARAM ? SEGMENT : part === STAR ? star : part))),
  )
}

const SLASH = Buffer.from('/')
/** What a `*` may stand for: nothing, with and without segments, slashes at either end. */
const FILLINGS: readonly (readonly PatternPart[])[] = [
  [],
  [PARAM],
  [SLASH],
  [SLASH, PARAM],
  [PARAM, SLASH],
  [SLASH, PARAM, SLASH],
  [PARAM, SLASH, PARAM],
]

/** The pattern with each kind of text in place of its stars. */
function shapesOf({ parts }: PathPattern): readonly (readonly PatternPart[])[] {
  if (!parts.includes(STAR)) return [parts]
  return FILLINGS.map((filling) => parts.flatMap((part) => (part === STAR ? filling : [part])))
}
