import { productOf } from '../folio/module-id.ts'
import type { Trusted } from '../policy/descriptor-trust.ts'
import type { Opening } from './opening.ts'

/** What two policies open differently. */
export interface Difference {
  /** Open in the second alone, with the rule that opens it. */
  readonly opens: readonly Opening[]
  /** Open in the first alone, with the rule that opened it. */
  readonly closes: readonly Opening[]
}

/**
 * What changes from one policy to the other. Modules are compared by product, so that a new version
 * is the same module; interfaces without version, and parameters of paths without name.
 */
export function differenceOf(before: readonly Opening[], after: readonly Opening[]): Difference {
  return { opens: without(after, before), closes: without(before, after) }
}

/** What modules are trusted with by their descriptors alone, where two policies differ. */
export interface TrustDifference {
  /** In the second alone. */
  readonly trusts: readonly Trusted[]
  /** In the first alone. */
  readonly trustsNoMore: readonly Trusted[]
}

/** The same for what no route tells of; here too a new version is the same module. */
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

/** The openings of `all`, cut to the methods that `others` do not hold. */
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

/** The keys of everything that holds this opening for one method. */
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

/** People and systems may have any name, one that looks like a version too. */
function productOrName(caller: string): string {
  return caller.includes('/') ? caller : productOf(caller)
}

function nameless(pathPattern: string): string {
  return pathPattern.replace(/\{[^}]*\}/g, '{}')
}
