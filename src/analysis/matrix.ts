import type { Opening } from './opening.ts'

/** Routes of one interface that one rule opens. */
export interface MatrixPart extends Pick<Opening, 'at' | 'kind' | 'interface' | 'rule' | 'why'> {
  readonly routes: readonly Pick<Opening, 'methods' | 'pathPattern' | 'only'>[]
}

/** All that one caller may do at one provider. */
export interface MatrixCell {
  readonly caller: string
  readonly provider: string
  readonly parts: readonly MatrixPart[]
}

/** A filter: text that must be part of the names. */
export interface MatrixFilter {
  readonly caller?: string | undefined
  readonly provider?: string | undefined
  /** Of an interface id, or of a path. */
  readonly interface?: string | undefined
}

/** Caller by provider, each cell split by interface and rule. */
export function matrixOf(openings: readonly Opening[]): readonly MatrixCell[] {
  const cells = Map.groupBy(openings, ({ caller, provider }) => `${caller} ${provider}`)
  return [...cells.values()].map((group) => {
    const { caller, provider } = group[0]!
    return { caller, provider, parts: partsOf(group) }
  })
}

/** The openings that a filter leaves. */
export function filterOpenings(
  openings: readonly Opening[],
  filter: MatrixFilter,
): readonly Opening[] {
  const { caller = '', provider = '', interface: wanted = '' } = filter
  return openings.filter(
    (opening) =>
      opening.caller.includes(caller) &&
      opening.provider.includes(provider) &&
      (opening.interface?.id.includes(wanted) || opening.pathPattern.includes(wanted)),
  )
}

function partsOf(openings: readonly Opening[]): readonly MatrixPart[] {
  const groups = Map.groupBy(openings, ({ at, kind, interface: provided, rule }) =>
    // Okapi's rule for a route is the route itself, which would put each into a group of its own.
    [at, kind, provided?.id, provided?.version, rule.kind, ...placeOf(rule)].join(' '),
  )
  return [...groups.values()].map((group) => {
    const { at, kind, interface: provided, rule, why } = group[0]!
    const routes = group.map(({ methods, pathPattern, only }) => ({ methods, pathPattern, only }))
    return { at, kind, interface: provided, rule: wholeRule(rule), why, routes }
  })
}

const OF_ROUTE = /^(\/provides\/\d+)\/handlers\/\d+$|^(\/filters)\/\d+$/

function wholeRule(rule: Opening['rule']): Opening['rule'] {
  const [file, pointer] = placeOf(rule)
  return { ...rule, file: file ?? null, pointer: pointer ?? null }
}

/** For a rule that is the route itself: the list that contains it. */
function placeOf({ file, pointer }: Opening['rule']): readonly (string | null)[] {
  const [, interfaceOf, filters] = OF_ROUTE.exec(pointer ?? '') ?? []
  return [file, interfaceOf ?? filters ?? pointer]
}
