import { productOf } from '../folio/module-id.ts'
import type { Rule } from '../policy/decision.ts'
import type { Grant } from '../policy/grants.ts'
import { eachMethod, shortMethods } from './open-routes.ts'
import type { Opening } from './opening.ts'
import type { Usage } from './usage.ts'

/** A rule, and the part of it that no call used. */
export interface UnusedRule {
  readonly rule: Rule
  /** Undefined: the rule is in a descriptor. */
  readonly grant: Grant | undefined
  readonly callers: readonly string[]
  readonly interface: string | null
  readonly used: readonly RouteUse[]
  readonly unused: readonly RouteUse[]
}

/** Methods of one path. */
export interface RouteUse {
  readonly methods: readonly string[]
  readonly pathPattern: string
}

/**
 * Rules with a part that was never used in the time of the log, grants first; declared interfaces only
 * of modules with calls in the log. Calls of a module to itself, of Okapi to modules and of browsers
 * are left out: those rules cannot be narrower.
 */
export function unusedRulesOf(
  openings: readonly Opening[],
  grants: readonly Grant[],
  usages: readonly Usage[],
): readonly UnusedRule[] {
  const used = new Set(
    usages.map(({ caller, method, route }) => `${nameOf(caller)} ${method} ${route}`),
  )
  const callers = new Set(usages.map(({ caller }) => nameOf(caller)))
  const ruled = openings.filter(({ caller, rule: { kind, file } }) => {
    if (kind === 'grant') return file !== null
    return (kind === 'requires' || kind === 'optional') && callers.has(nameOf(caller))
  })
  const byRule = Map.groupBy(ruled, ({ rule }) => `${rule.kind} ${rule.file} ${rule.pointer}`)
  const all = [...byRule.values()].map((group): UnusedRule => {
    const { rule, interface: provided } = group[0]!
    const isUsed = (opening: Opening, method: string) =>
      used.has(`${nameOf(opening.caller)} ${method} ${opening.pathPattern}`)
    return {
      rule,
      grant: grants.find(({ file, pointer }) => file === rule.file && pointer === rule.pointer),
      callers: [...new Set(group.map(({ caller }) => caller))],
      interface: provided?.id ?? null,
      used: routes(group, isUsed),
      unused: routes(group, (opening, method) => !isUsed(opening, method)),
    }
  })
  const rules = all.filter(({ unused }) => unused.length > 0)
  const granted = ({ rule }: UnusedRule) => rule.kind === 'grant'
  return [...rules.filter(granted), ...rules.filter((one) => !granted(one))]
}

/** Modules are upgraded while a log is written. */
function nameOf(caller: string): string {
  return caller.includes('/') ? caller : productOf(caller)
}

function routes(
  openings: readonly Opening[],
  wanted: (opening: Opening, method: string) => boolean,
): RouteUse[] {
  const paths = Map.groupBy(openings, ({ pathPattern }) => pathPattern)
  return [...paths].flatMap(([pathPattern, group]) => {
    const methods = group.flatMap((opening) =>
      eachMethod(opening.methods).filter((method) => wanted(opening, method)),
    )
    const distinct = [...new Set(methods)]
    return distinct.length === 0 ? [] : [{ methods: shortMethods(distinct), pathPattern }]
  })
}
