import {
  endOfSegment,
  matchAfterStar,
  type PathPattern,
  startsWith,
} from '../folio/path-pattern.ts'
import { type Meter, PARAM, type Part, STAR } from '../folio/pattern-parts.ts'

/** What a table needs to know of a route. */
export interface Routed {
  readonly pattern: PathPattern
  /** One bit for each method, see folio/methods.ts. */
  readonly mask: number
}

/** No route matches. */
export const NO_HIT = -1
/** Several routes match in a combination that is not remembered: ask `routes` at once. */
export const PASSING_HIT = -2

const SLASH = 0x2f
const MAX_COMBINATIONS = 4096

/** Routes of the same pattern, whatever the names of its parameters. */
interface Leaf<R> {
  readonly bucketBytes: number
  readonly routes: R[]
  mask: number
}

interface Star {
  readonly rest: readonly Part[]
  readonly leaf: number
}

interface Node {
  /** First byte of each edge, beside `edges`. */
  readonly firsts: number[]
  readonly edges: { label: Uint8Array; node: Node }[]
  param: Node | undefined
  readonly stars: Star[]
  readonly leaves: number[]
  /** The longest bucket of any leaf below: a search that has a longer one need not come here. */
  bucketBytes: number
}

/**
 * All routes of one ingress in one tree of bytes. A request walks down the literal bytes, and beside
 * them the parameters and stars; each node is reached at one position only, so that the work grows
 * with the path and not with the number of routes.
 */
export class RouteTable<R extends Routed> implements Meter {
  /** Bytes looked at since the table was made. */
  visited = 0
  readonly #root = newNode()
  readonly #leaves: Leaf<R>[] = []
  readonly #leafIndex = new Map<string, number>()
  readonly #order: ReadonlyMap<R, number>
  readonly #buckets: boolean
  readonly #combinations = new Map<number, number>()
  readonly #members: (readonly number[])[] = []
  // The search under way; nothing here awaits, so one is enough.
  #bytes: Uint8Array = new Uint8Array()
  #end = 0
  #bit = 0
  #best = 0
  readonly #hits: number[] = []

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
    settle(this.#root, this.#leaves)
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
    this.#bytes = bytes
    this.#end = end
    this.#bit = bit
    this.#best = 0
    this.#hits.length = 0
    this.#walk(this.#root, start)
    if (this.#hits.length === 0) return NO_HIT
    let hit = this.#hits[0]!
    for (let i = 1; i < this.#hits.length && hit !== PASSING_HIT; i++) {
      hit = this.#combine(hit, this.#hits[i]!)
    }
    return hit
  }

  /** The routes of a hit, of all methods, in the order in which they were given to the table. */
  routes(hit: number): readonly R[] {
    if (hit === NO_HIT) return []
    const leaves = hit === PASSING_HIT ? this.#hits : this.#leavesOf(hit)
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

  #walk(node: Node, at: number): void {
    const end = this.#end
    if (at === end) {
      for (const leaf of node.leaves) this.#consider(leaf)
    } else {
      const byte = this.#bytes[at]!
      const i = node.firsts.indexOf(byte)
      if (i >= 0) this.#walkEdge(node.edges[i]!.label, node.edges[i]!.node, at)
      const { param } = node
      if (param !== undefined && byte !== SLASH && param.bucketBytes >= this.#best) {
        const slash = endOfSegment(this.#bytes, at, end)
        this.visited += slash - at
        this.#walk(param, slash)
      }
    }
    for (const { rest, leaf } of node.stars) {
      if (!this.#isBetter(leaf)) continue
      if (matchAfterStar(rest, this.#bytes, at, end, this)) this.#consider(leaf)
    }
  }

  #walkEdge(label: Uint8Array, node: Node, at: number): void {
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
    if (bucketBytes > this.#best) this.#hits.length = 0
    this.#best = bucketBytes
    this.#hits.push(leaf)
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
    let node = this.#root
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!
      if (part === STAR) {
        node.stars.push({ rest: parts.slice(i + 1), leaf })
        return
      }
      node = part === PARAM ? paramBelow(node) : descend(node, part)
    }
    node.leaves.push(leaf)
  }
}

function newNode(): Node {
  return { firsts: [], edges: [], param: undefined, stars: [], leaves: [], bucketBytes: 0 }
}

function paramBelow(node: Node): Node {
  node.param ??= newNode()
  return node.param
}

/** The node below `label`, splitting edges where they part. */
function descend(from: Node, label: Uint8Array): Node {
  let node = from
  let at = 0
  while (at < label.length) {
    const i = node.firsts.indexOf(label[at]!)
    const edge = node.edges[i]
    if (edge === undefined) {
      const made = newNode()
      node.firsts.push(label[at]!)
      node.edges.push({ label: label.subarray(at), node: made })
      return made
    }
    const shared = sharedLength(edge.label, label, at)
    if (shared < edge.label.length) {
      const middle = newNode()
      middle.firsts.push(edge.label[shared]!)
      middle.edges.push({ label: edge.label.subarray(shared), node: edge.node })
      node.edges[i] = { label: edge.label.subarray(0, shared), node: middle }
      node = middle
    } else node = edge.node
    at += shared
  }
  return node
}

function sharedLength(edge: Uint8Array, label: Uint8Array, at: number): number {
  let length = 0
  while (
    length < edge.length &&
    at + length < label.length &&
    edge[length] === label[at + length]
  ) {
    length++
  }
  return length
}

/** Fills in the longest bucket below each node. */
function settle<R>(node: Node, leaves: readonly Leaf<R>[]): number {
  let longest = node.param === undefined ? 0 : settle(node.param, leaves)
  for (const edge of node.edges) longest = Math.max(longest, settle(edge.node, leaves))
  for (const leaf of node.leaves) longest = Math.max(longest, leaves[leaf]!.bucketBytes)
  for (const { leaf } of node.stars) longest = Math.max(longest, leaves[leaf]!.bucketBytes)
  node.bucketBytes = longest
  return longest
}

function partsKey(parts: readonly Part[]): string {
  return parts
    .map((part) =>
      part === PARAM ? '{}' : part === STAR ? '*' : Buffer.from(part).toString('hex'),
    )
    .join(' ')
}
