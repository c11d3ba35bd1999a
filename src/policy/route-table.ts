import { endOfSegment, type PathPattern, startsWith } from '../folio/path-pattern.ts'
import { type Meter, PARAM, type PatternPart, STAR } from '../folio/pattern-states.ts'
import { StarTails, unitsOfTail } from '../folio/star-tails.ts'
import {
  insert,
  newNode,
  type RouteNode,
  type SearchCost,
  searchCostOf,
  setLongestBuckets,
} from './route-tree.ts'

/** What a table needs to know of a route. */
export interface Routed {
  readonly pattern: PathPattern
  /** One bit for each method, see folio/descriptor.ts. */
  readonly mask: number
}

/** No route matches. */
export const NO_HIT = -1
/** Several routes match in a combination that is not cached: call `routes` at once. */
export const PASSING_HIT = -2

const SLASH = 0x2f
const MAX_COMBINATIONS = 4096

/** Routes of the same pattern, whatever the names of its parameters. */
interface Leaf<R> {
  readonly bucketBytes: number
  readonly routes: R[]
  mask: number
}

/** Segments up to here are looked for the next slash where they are met. */
const NEAR_BYTES = 256

/**
 * All routes of one ingress in one tree of bytes. A request follows the literal bytes, and in
 * parallel parameters and stars; each node is reached at only one position, and what follows stars
 * is matched for all together. So the work grows with the path and not with the number of routes,
 * and its maximum is known (`work`).
 */
export class RouteTable<R extends Routed> implements Meter {
  /** Bytes compared since the table was made. */
  visited = 0
  readonly #root = newNode()
  readonly #leaves: Leaf<R>[] = []
  readonly #leafIndex = new Map<string, number>()
  readonly #order: ReadonlyMap<R, number>
  readonly #buckets: boolean
  /** What follows a star, if that is more than a literal, and the leaves that it leads to. */
  readonly #tails: (readonly PatternPart[])[] = []
  /** Built for the first path that needs it; by then they are known not to be too many. */
  #machine: StarTails | null = null
  readonly #tailLeaves: number[] = []
  readonly #combinations = new Map<number, number>()
  readonly #members: (readonly number[])[] = []
  // The search under way; nothing here awaits, so one is enough.
  #bytes: Uint8Array = new Uint8Array()
  #start = 0
  #end = 0
  #bit = 0
  #best = 0
  /**
   * The first `#count` are valid, the rest is from earlier searches: setting the length would be
   * expensive.
   */
  readonly #hits: number[] = []
  #count = 0
  /** Where the slashes are, once a long segment was met. */
  #slashes: readonly number[] | null = null
  readonly #tailMatched = (tail: number): void => this.#consider(this.#tailLeaves[tail]!)

  /**
   * `buckets`: the first bucket with a match decides, as in okapi-core ModuleCache.lookup; else every
   * match counts.
   */
  constructor(routes: readonly R[], { buckets }: { buckets: boolean }) {
    this.#buckets = buckets
    this.#order = new Map(routes.map((route, i) => [route, i]))
    for (const route of routes) {
      if (route.pattern.bucketBytes > 0) this.#insert(route)
    }
    setLongestBuckets(this.#root, (leaf) => this.#leaves[leaf]!.bucketBytes)
  }

  /** The most that one search can take. */
  get searchCost(): SearchCost {
    const places = this.#tails.reduce((sum, tail) => sum + unitsOfTail(tail), 0)
    return { ...searchCostOf(this.#root), places }
  }

  /** Every route, in the order in which they were given to the table. */
  get all(): readonly R[] {
    return [...this.#order.keys()]
  }

  /**
   * The routes that match a raw path and a method bit: NO_HIT, PASSING_HIT, or a number that is the
   * same whenever the same routes match.
   */
  find(bytes: Uint8Array, start: number, end: number, bit: number): number {
    this.#count = 0
    if (this.#leaves.length === 0) return NO_HIT
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    this.#bit = bit
    this.#best = 0
    this.#slashes = null
    this.#walk(this.#root, start)
    if (this.#machine?.begun) this.#machine.run(bytes, end, this, this.#tailMatched)
    if (this.#count === 0) return NO_HIT
    let hit = this.#hits[0]!
    for (let i = 1; i < this.#count && hit !== PASSING_HIT; i++) {
      hit = this.#combine(hit, this.#hits[i]!)
    }
    return hit
  }

  /** The routes of a hit, of all methods, in the order in which they were given to the table. */
  routes(hit: number): readonly R[] {
    if (hit === NO_HIT) return []
    const leaves = hit === PASSING_HIT ? this.#hits.slice(0, this.#count) : this.#leavesOf(hit)
    const routes = leaves.flatMap((leaf) => this.#leaves[leaf]!.routes)
    if (leaves.length === 1) return routes
    return routes.sort((a, b) => this.#order.get(a)! - this.#order.get(b)!)
  }

  #leavesOf(hit: number): readonly number[] {
    return hit < this.#leaves.length ? [hit] : this.#members[hit - this.#leaves.length]!
  }

  #combine(hit: number, leaf: number): number {
    const key = hit * this.#leaves.length + leaf
    const known = this.#combinations.get(key)
    if (known !== undefined) return known
    if (this.#members.length === MAX_COMBINATIONS) return PASSING_HIT
    const made = this.#leaves.length + this.#members.length
    this.#members.push([...this.#leavesOf(hit), leaf])
    this.#combinations.set(key, made)
    return made
  }

  #walk(node: RouteNode, at: number): void {
    const end = this.#end
    if (at === end) {
      for (const leaf of node.leaves) this.#consider(leaf)
    } else {
      const byte = this.#bytes[at]!
      const i = node.firsts.indexOf(byte)
      if (i >= 0) this.#walkEdge(node.edges[i]!.label, node.edges[i]!.node, at)
      const { param } = node
      if (param !== undefined && byte !== SLASH && param.bucketBytes >= this.#best) {
        this.#walk(param, this.#endOfSegment(at))
      }
    }
    for (const star of node.stars) {
      if (!this.#isBetter(star.leaf)) continue
      if (star.end === undefined) this.#begin(star.index, at)
      else if (this.#endsWith(star.end, at)) this.#consider(star.leaf)
    }
  }

  #begin(tail: number, at: number): void {
    this.#machine ??= new StarTails(this.#tails)
    this.#machine.begin(tail, at)
  }

  #endsWith(literal: Uint8Array, at: number): boolean {
    const from = this.#end - literal.length
    this.visited += literal.length
    return from >= at && startsWith(literal, this.#bytes, from, this.#end)
  }

  /** The next slash, or the end. In a long segment thousands of parameters may need it. */
  #endOfSegment(at: number): number {
    const far = Math.min(this.#end, at + NEAR_BYTES)
    const near = endOfSegment(this.#bytes, at, far)
    this.visited += near - at
    if (near < far || far === this.#end) return near
    this.#slashes ??= slashesIn(this.#bytes, this.#start, this.#end)
    return firstFrom(this.#slashes, at) ?? this.#end
  }

  #walkEdge(label: Uint8Array, node: RouteNode, at: number): void {
    if (node.bucketBytes < this.#best) return
    this.visited += label.length
    if (startsWith(label, this.#bytes, at, this.#end)) this.#walk(node, at + label.length)
  }

  #isBetter(leaf: number): boolean {
    const { mask, bucketBytes } = this.#leaves[leaf]!
    return (mask & this.#bit) !== 0 && bucketBytes >= this.#best
  }

  #consider(leaf: number): void {
    if (!this.#isBetter(leaf)) return
    const { bucketBytes } = this.#leaves[leaf]!
    if (bucketBytes > this.#best) this.#count = 0
    this.#best = bucketBytes
    this.#hits[this.#count++] = leaf
  }

  #insert(route: R): void {
    const { parts } = route.pattern
    const bucketBytes = this.#buckets ? route.pattern.bucketBytes : 0
    const key = `${bucketBytes} ${partsKey(parts)}`
    const known = this.#leafIndex.get(key)
    const leaf = known ?? this.#leaves.push({ bucketBytes, routes: [], mask: 0 }) - 1
    this.#leaves[leaf]!.routes.push(route)
    this.#leaves[leaf]!.mask |= route.mask
    if (known !== undefined) return
    this.#leafIndex.set(key, leaf)
    const tail = insert(this.#root, parts, leaf, this.#tails.length)
    if (tail === undefined) return
    this.#tails.push(tail)
    this.#tailLeaves.push(leaf)
  }
}

function slashesIn(bytes: Uint8Array, start: number, end: number): readonly number[] {
  const slashes: number[] = []
  for (let at = start; at < end; at++) if (bytes[at] === SLASH) slashes.push(at)
  return slashes
}

/** The first that is not below `least`; both in rising order. */
function firstFrom(sorted: readonly number[], least: number): number | undefined {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < least) low = middle + 1
    else high = middle
  }
  return sorted[low]
}

function partsKey(parts: readonly PatternPart[]): string {
  return parts
    .map((part) =>
      part === PARAM ? '{}' : part === STAR ? '*' : Buffer.from(part).toString('hex'),
    )
    .join(' ')
}
