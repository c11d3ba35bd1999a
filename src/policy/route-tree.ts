import { PARAM, type PatternPart, STAR } from '../folio/pattern-states.ts'
import { unitsOfTail, WORD } from '../folio/star-tails.ts'

/** A star, what must follow it, and the leaf that it leads to. */
export interface StarEdge {
  readonly leaf: number
  /** The rest is this literal, or empty; undefined if it is more. */
  readonly end: Uint8Array | undefined
  /** The star and its rest. */
  readonly tail: readonly PatternPart[]
  /** Among all whose `end` is undefined, in the order in which they were inserted. */
  readonly index: number
}

/** A place in the tree of all patterns of a table. */
export interface RouteNode {
  /** First byte of each edge, beside `edges`. */
  readonly firsts: number[]
  readonly edges: { label: Uint8Array; node: RouteNode }[]
  param: RouteNode | undefined
  readonly stars: StarEdge[]
  readonly leaves: number[]
  /**
   * The longest bucket of any leaf below: a search that has found a longer one can skip this node.
   */
  bucketBytes: number
}

/** The maximum cost of one search in a table, for any path. */
export interface SearchCost {
  /** Bytes of patterns that are compared; parameters and hits count as several. */
  readonly compared: number
  /**
   * Positions behind a star that are checked for each byte of the path, 32 at a time; those of one
   * pattern may need one extra word.
   */
  readonly starred: number
  /** The same for all patterns of the table; they take 32 bytes of memory each. */
  readonly places: number
}

/** What a parameter and a hit count for. */
const PARAM_BYTES = 32
const HIT_BYTES = 64

const NOTHING = new Uint8Array()

/** An empty tree. */
export function newNode(): RouteNode {
  return { firsts: [], edges: [], param: undefined, stars: [], leaves: [], bucketBytes: 0 }
}

/**
 * Adds a pattern to the tree, down to its leaf.
 * @param index of its star, if more than a literal follows it
 * @returns the tail with this index; undefined if it has none
 */
export function insert(
  root: RouteNode,
  parts: readonly PatternPart[],
  leaf: number,
  index: number,
): readonly PatternPart[] | undefined {
  let node = root
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    if (part === STAR) {
      // Several stars are one.
      const tail = parts.slice(i).filter((each, j, all) => each !== STAR || all[j - 1] !== STAR)
      const end = endOf(tail)
      node.stars.push({ leaf, end, tail, index })
      return end === undefined ? tail : undefined
    }
    node = part === PARAM ? paramBelow(node) : descend(node, part)
  }
  node.leaves.push(leaf)
  return undefined
}

/** Fills in the longest bucket below each node; `bucketOf` knows that of a leaf. */
export function setLongestBuckets(node: RouteNode, bucketOf: (leaf: number) => number): number {
  let longest = node.param === undefined ? 0 : setLongestBuckets(node.param, bucketOf)
  for (const edge of node.edges) longest = Math.max(longest, setLongestBuckets(edge.node, bucketOf))
  for (const leaf of node.leaves) longest = Math.max(longest, bucketOf(leaf))
  for (const { leaf } of node.stars) longest = Math.max(longest, bucketOf(leaf))
  node.bucketBytes = longest
  return longest
}

/**
 * At most one edge of a node can match, because no two begin with the same byte; in addition its
 * parameter and its stars. The maximum is a path that takes the most expensive of each.
 */
export function searchCostOf(node: RouteNode): Omit<SearchCost, 'places'> {
  let compared = 0
  let starred = 0
  for (const { label, node: below } of node.edges) {
    const work = searchCostOf(below)
    compared = Math.max(compared, label.length + work.compared)
    starred = Math.max(starred, work.starred)
  }
  if (node.param !== undefined) {
    const work = searchCostOf(node.param)
    compared += PARAM_BYTES + work.compared
    starred += work.starred
  }
  for (const { end, tail } of node.stars) {
    compared += HIT_BYTES + (end?.length ?? 0)
    if (end === undefined) starred += WORD + unitsOfTail(tail)
  }
  return { compared: compared + HIT_BYTES * node.leaves.length, starred }
}

/** The literal that ends a tail, which may be empty; undefined where more than one follows the star. */
function endOf([, only, ...more]: readonly PatternPart[]): Uint8Array | undefined {
  if (only === undefined) return NOTHING
  return typeof only === 'number' || more.length > 0 ? undefined : only
}

function paramBelow(node: RouteNode): RouteNode {
  node.param ??= newNode()
  return node.param
}

/** The node below `label`, splitting edges where they part. */
function descend(from: RouteNode, label: Uint8Array): RouteNode {
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
