import { isOkapi } from '../folio/module-id.ts'
import { type Caller, callerName } from '../policy/caller.ts'
import type { Rule } from '../policy/decision.ts'
import { type DescriptorSet, type InstalledModule, idOf } from '../policy/descriptors.ts'
import { type Grant, isAt, isFor } from '../policy/grants.ts'
import { moduleRoutes, okapiRoutes } from '../policy/routes.ts'
import { reachAdministration } from './administration-reach.ts'
import { callersOf, type Installation, type MigrationListener } from './installation.ts'
import {
  moduleQuestion,
  okapiQuestion,
  openParts,
  overlapsRoute,
  pathGrantsOf,
  type RouteQuestion,
  samplesOf,
} from './open-routes.ts'
import { type Opening, openingOf, tenantsOpened } from './opening.ts'

/**
 * Who may call what, at Okapi's ingress and at those of modules, for all callers or for `callers`.
 * Every line is an answer of the proxy's own authorizer; a route is listed when at least one request
 * for it would pass, whatever its tenant.
 */
export function reachOf(
  installation: Installation,
  callers: readonly Caller[] = callersOf(installation),
): Opening[] {
  const { plain } = installation
  const questions = okapiQuestions(installation.set)
  return callers.flatMap((caller) => {
    if (caller.kind === 'plain') {
      return plain === undefined ? [] : reachOfMigration(installation, plain, questions)
    }
    return isOkapi(callerName(caller))
      ? reachOfOkapi(installation, caller)
      : [
          ...reachThroughOkapi(installation, caller, questions),
          ...reachAdministration(installation, caller),
          ...reachDirectly(installation, caller),
        ]
  })
}

/** What Okapi may be asked for, except its administration, module by module. */
export function okapiQuestions(set: DescriptorSet): readonly RouteQuestion[] {
  const { proxy, multiple } = okapiRoutes(set)
  const ofProxy = Map.groupBy(proxy.all, ({ module }) => idOf(module))
  return [...set.modules.keys()].flatMap((id) => {
    const table = multiple.get(id)
    return [
      ...(ofProxy.get(id) ?? []).map((route) => okapiQuestion(route, proxy)),
      ...(table?.all ?? []).map((route) => okapiQuestion(route, table!, id)),
    ].filter(({ route }) => !(route.redirectPath || route.pattern.text.startsWith('/_/')))
  })
}

/** The interfaces of modules that a caller may use through Okapi. */
function reachThroughOkapi(
  { policy, set, grants }: Installation,
  caller: Caller,
  questions: readonly RouteQuestion[],
): Opening[] {
  const authorizer = policy.bind(caller, 'okapi')
  if (!authorizer.open) return []
  const own = grants.filter((grant) => isFor(grant, caller) && isAt(grant, 'okapi'))
  const paths = pathGrantsOf(own)
  const needsNoRule = caller.kind === 'public' || caller.kind === 'plain'
  const ids = interfacesOf(set, caller, own)
  return questions.flatMap((question) => {
    const { route, moduleId } = question
    const near = paths.filter((grant) => overlapsRoute(grant, route))
    // Nothing else can open a route; asking about all of them would only take longer.
    const cannotOpen = near.length === 0 && !ids.has(route.interface?.id ?? '')
    if (cannotOpen && !needsNoRule) return []
    const place = { caller, at: 'okapi', provider: idOf(route.module) }
    const kind = moduleId === undefined ? 'handler' : 'multiple'
    return openParts(authorizer, question, near).map((found) =>
      openingOf(place, kind, route, found, grants),
    )
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

/** What Okapi asks of modules: everything that their descriptors declare. */
function reachOfOkapi({ policy, set, grants }: Installation, caller: Caller): Opening[] {
  return [...set.modules].flatMap(([id, module]) => {
    const authorizer = policy.bind(caller, id)
    if (isOkapi(id) || !authorizer.open) return []
    const place = { caller, at: id, provider: id }
    return moduleQuestions(module).flatMap((question) => {
      const { route } = question
      // If several routes match, the authorizer names one of them; each is listed with its own rule.
      const kind = route.kind === 'system' ? 'system' : 'own'
      const rule: Rule = { kind, file: module.file, pointer: route.pointer }
      return openParts(authorizer, question, []).map((found) =>
        openingOf(place, route.kind, route, { ...found, rule }, grants),
      )
    })
  })
}

/** What grants open at the ingress of modules, past Okapi. */
function reachDirectly({ policy, set, grants }: Installation, caller: Caller): Opening[] {
  const own = grants.filter((grant) => isFor(grant, caller) && grant.at !== 'okapi')
  return [...set.modules].flatMap(([id, module]) => {
    const here = own.filter((grant) => isAt(grant, id))
    if (here.length === 0) return []
    const authorizer = policy.bind(caller, id)
    if (!authorizer.open) return []
    const paths = pathGrantsOf(here)
    const place = { caller, at: id, provider: id }
    const questions = moduleQuestions(module)
    const declared = questions.flatMap((question) =>
      openParts(authorizer, question, paths).map((found) =>
        openingOf(place, question.route.kind, question.route, found, grants),
      ),
    )
    // People and outside systems may be allowed what is in no descriptor, such as metrics.
    const beyond = paths.filter(({ opens }) => {
      if (questions.some(({ route }) => overlapsRoute({ opens }, route))) return false
      const [path] = samplesOf(opens.pattern)
      const [method = 'GET'] = opens.methods
      return authorizer.decide(method, path!, 0, path!.length, undefined, undefined).allow
    })
    const open = beyond.map(({ opens, file, pointer }) => {
      const rule: Rule = { kind: 'grant', file, pointer }
      return openingOf(
        place,
        'handler',
        opens,
        { methods: opens.methods, only: null, rule },
        grants,
      )
    })
    return [...declared, ...open, ...tenantsOpened(here, place, grants)]
  })
}

/** Everything that Okapi may ask of a module. */
function moduleQuestions(module: InstalledModule): readonly RouteQuestion[] {
  const table = moduleRoutes(module)
  return table.all.map((route) => moduleQuestion(route, table))
}

const PLAIN: Caller = { kind: 'plain' }

/** What callers of the migration listener may call, each with its end. */
function reachOfMigration(
  installation: Installation,
  { at, untilMs }: MigrationListener,
  questions: readonly RouteQuestion[],
): Opening[] {
  const until = new Date(untilMs).toISOString().slice(0, 16).replace('T', ' ')
  const why = `the migration listener, until ${until} UTC`
  const open =
    at === 'okapi' ? reachThroughOkapi(installation, PLAIN, questions) : atModule(installation, at)
  return open.map((opening) => ({ ...opening, why }))
}

function atModule({ policy, set }: Installation, at: string): Opening[] {
  const module = set.modules.get(at)
  if (module === undefined) return []
  const authorizer = policy.bind(PLAIN, at)
  const place = { caller: PLAIN, at, provider: at }
  return moduleQuestions(module).flatMap((question) => {
    const { kind } = question.route
    return openParts(authorizer, question, []).map((found) =>
      openingOf(place, kind, question.route, found, []),
    )
  })
}
