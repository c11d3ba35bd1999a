import type { Caller } from '../policy/caller.ts'
import type { DescriptorSet } from '../policy/descriptors.ts'
import { type Grant, isAt, isFor } from '../policy/grants.ts'
import { okapiRoutes } from '../policy/routes.ts'
import { idOf } from '../policy/world.ts'
import { okapiSubject, openOf, pathGrantsOf, type Subject, touching } from './asking.ts'
import { type Opening, openingOf } from './opening.ts'
import type { Installation } from './reach.ts'

/** What Okapi may be asked for, its administration apart, module by module. */
export function okapiSubjects(set: DescriptorSet): readonly Subject[] {
  const { proxy, multiple } = okapiRoutes(set)
  const ofProxy = Map.groupBy(proxy.all, ({ module }) => idOf(module))
  return [...set.modules.keys()].flatMap((id) => {
    const table = multiple.get(id)
    return [
      ...(ofProxy.get(id) ?? []).map((route) => okapiSubject(route, proxy)),
      ...(table?.all ?? []).map((route) => okapiSubject(route, table!, id)),
    ].filter(({ route }) => !(route.redirectPath || route.pattern.text.startsWith('/_/')))
  })
}

/** The interfaces of modules that a caller may use through Okapi. */
export function reachThroughOkapi(
  { policy, set, grants }: Installation,
  caller: Caller,
  subjects: readonly Subject[],
): Opening[] {
  const judge = policy.bind(caller, 'okapi')
  if (!judge.open) return []
  const own = grants.filter((grant) => isFor(grant, caller) && isAt(grant, 'okapi'))
  const paths = pathGrantsOf(own)
  const needsNoRule = caller.kind === 'public' || caller.kind === 'plain'
  const ids = interfacesOf(set, caller, own)
  return subjects.flatMap((subject) => {
    const { route, moduleId } = subject
    const near = paths.filter((grant) => touching(grant, route))
    // Nothing else can open a route; asking for all of them would only take longer.
    const hopeless = near.length === 0 && !ids.has(route.interface?.id ?? '')
    if (hopeless && !needsNoRule) return []
    const place = { caller, at: 'okapi', provider: idOf(route.module) }
    const kind = moduleId === undefined ? 'handler' : 'multiple'
    return openOf(judge, subject, near).map((found) => openingOf(place, kind, route, found, grants))
  })
}

/** The interfaces that the caller's descriptor names, or grants for it. */
export function interfacesOf(
  set: DescriptorSet,
  caller: Caller,
  grants: readonly Grant[],
): ReadonlySet<string> {
  const descriptor = caller.kind === 'module' ? set.modules.get(caller.id)?.descriptor : undefined
  const { requires = [], optional = [], provides = [] } = descriptor ?? {}
  const granted = grants.flatMap(({ opens }) => (opens.kind === 'interface' ? [opens.id] : []))
  return new Set([...[...requires, ...optional, ...provides].map(({ id }) => id), ...granted])
}
