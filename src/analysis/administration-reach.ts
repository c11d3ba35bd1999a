import { methodIndex } from '../folio/descriptor.ts'
import { commonPath } from '../folio/pattern-states.ts'
import { ADMINISTRATION } from '../policy/administration.ts'
import type { Caller } from '../policy/caller.ts'
import type { Rule } from '../policy/decision.ts'
import { type Grant, isAt, isFor } from '../policy/grants.ts'
import type { Authorizer } from '../policy/policy.ts'
import type { Installation } from './installation.ts'
import { overlapsRoute, pathGrantsOf, samplesOf } from './open-routes.ts'
import {
  type Opening,
  type OpeningBetween,
  openingOf,
  tenantsOpened,
  tokensOpened,
} from './opening.ts'

const OKAPI = 'okapi'

/** What grants open of Okapi itself: its administration, and tenants that a grant must name. */
export function reachAdministration({ policy, grants }: Installation, caller: Caller): Opening[] {
  const own = grants.filter((grant) => isFor(grant, caller) && isAt(grant, OKAPI))
  const authorizer = policy.bind(caller, OKAPI)
  if (own.length === 0 || !authorizer.open) return []
  const place = { caller, at: OKAPI, provider: OKAPI }
  const groups = ADMINISTRATION.all.flatMap((route) => {
    const paths = [...samplesOf(route.pattern), ...common(own, route)]
    const asked = route.methods.map((method) => ({
      method,
      rule: ruleFor(authorizer, method, paths),
    }))
    const byRule = Map.groupBy(asked, ({ rule }) => `${rule?.file} ${rule?.pointer}`)
    return [...byRule.values()].flatMap((same) => {
      const rule = same[0]!.rule
      if (rule === undefined) return []
      const methods = same.map(({ method }) => method)
      return [openingOf(place, 'admin', route, { methods, only: null, rule }, grants)]
    })
  })
  return [
    ...groups,
    ...others(authorizer, own, place, grants),
    ...tenantsOpened(own, place, grants),
    ...tokensOpened(own, place, grants),
  ]
}

function common(own: readonly Grant[], route: Parameters<typeof overlapsRoute>[1]): Buffer[] {
  return pathGrantsOf(own).flatMap(
    ({ opens }) => commonPath(opens.pattern.parts, route.pattern.parts) ?? [],
  )
}

function ruleFor(
  authorizer: Authorizer,
  method: string,
  paths: readonly Buffer[],
): Rule | undefined {
  for (const path of paths) {
    const decision = authorizer.decide(method, path, 0, path.length, undefined, undefined)
    const hit = ADMINISTRATION.find(path, 0, path.length, 1 << methodIndex(method))
    if (decision.allow && decision.rule.kind === 'grant' && hit >= 0) return decision.rule
  }
  return undefined
}

/** Grants under `/_/` that name no route of Okapi 7: `/_/invoke`, routes of a newer Okapi. */
function others(
  authorizer: Authorizer,
  own: readonly Grant[],
  place: OpeningBetween,
  grants: readonly Grant[],
): Opening[] {
  return pathGrantsOf(own).flatMap((grant) => {
    const { opens, file, pointer } = grant
    if (!opens.pattern.text.startsWith('/_/')) return []
    if (ADMINISTRATION.all.some((route) => overlapsRoute(grant, route))) return []
    const invoked = opens.pattern.text.startsWith('/_/invoke/')
    if (!invoked && ruleUnder(authorizer, grant) === undefined) return []
    const rule: Rule = { kind: 'grant', file, pointer }
    return [openingOf(place, 'admin', opens, { methods: opens.methods, only: null, rule }, grants)]
  })
}

function ruleUnder(authorizer: Authorizer, { opens }: ReturnType<typeof pathGrantsOf>[number]) {
  const [path] = samplesOf(opens.pattern)
  const [first = '*'] = opens.methods
  const method = first === '*' ? 'GET' : first
  const decision = authorizer.decide(method, path!, 0, path!.length, undefined, undefined)
  return decision.allow ? decision.rule : undefined
}
