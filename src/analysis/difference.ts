import { productOf } from '../folio/module-id.ts'
import type { Trusted } from '../policy/descriptor-trust.ts'
import type { Opening } from './opening.ts'

/** What only one of two policies opens. */
export interface Difference {
  /** Open only in the second, with the rule that opens it. */
  readonly opens: readonly Opening[]
  /** Open only in the first, with the rule that opened it. */
  readonly closes: readonly Opening[]
}

/**
 * What changes from one policy to the other. Modules are compared by product, so that a new version
 * is the same module, interfaces without their versions, and paths without their parameters' names.
 */
export function differenceOf(before: readonly Opening[], after: readonly Opening[]): Difference {
  return { opens: without(after, before), closes: without(before, after) }
}

/** Differences in what modules are trusted with because of their descriptors alone. */
export interface TrustDifference {
  /** Only in the second. */
  readonly trusts: readonly Trusted[]
  /** Only in the first. */
  readonly trustsNoMore: readonly Trusted[]
}

/** The same for trust that no route shows; here too a new version is the same module. */
export function trustDifferenceOf(
  before: readonly Trusted[],
  after: readonly Trusted[],
): TrustDifference {
  return { trusts: trustedBeside(after, before), trustsNoMore: trustedBeside(before, after) }
}

function trustedBeside(all: readonly Trusted[], others: readonly Trusted[]): Trusted[] {
  const keyOf = ({ product, trust }: Trusted) => `${product} ${trust}`
  const known = new Set(others.map(keyOf))
  return all.filter((trusted) => !known.has(keyOf(trusted)))
}

/** The openings of `all`, limited to the methods that `others` lack. */
function without(all: readonly Opening[], others: readonly Opening[]): Opening[] {
  const known = new Set(others.flatMap(keysOf))
  return all.flatMap((opening) => {
    const open = opening.methods.filter(
      (method) => ![...wider(opening, method)].some((key) => known.has(key)),
    )
    return open.length === 0 ? [] : [{ ...opening, methods: open }]
  })
}

function keysOf(opening: Opening): string[] {
  return opening.methods.map((method) => keyOf(opening, method, opening.only))
}

/** The keys of all openings that include this one, for one method. */
function wider(opening: Opening, method: string): Set<string> {
  const methods = [method, '*']
  const parts = [opening.only, null]
  return new Set(methods.flatMap((one) => parts.map((only) => keyOf(opening, one, only))))
}

function keyOf(opening: Opening, method: string, only: string | null): string {
  const { caller, provider, at, kind, interface: provided, pathPattern } = opening
  const place = [
    productOrName(caller),
    productOf(provider),
    productOf(at),
    kind,
    provided?.id ?? '',
  ]
  return [...place, method, nameless(pathPattern), nameless(only ?? '')].join(' ')
}

/** People and systems may have any name, even one that looks like a version. */
function productOrName(caller: string): string {
  return caller.includes('/') ? caller : productOf(caller)
}

function nameless(pathPattern: string): string {
  return pathPattern.replace(/\{[^}]*\}/g, '{}')
}
