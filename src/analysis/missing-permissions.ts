import { hasAuthFilter, methodIndex } from '../folio/descriptor.ts'
import { isOkapi, productOf } from '../folio/module-id.ts'
import { type DescriptorSet, idOf } from '../policy/descriptors.ts'
import { eachMethod, type RouteQuestion } from './open-routes.ts'
import { okapiQuestions } from './reach.ts'
import { mergedEvidence, type Usage } from './usage.ts'

/** One method of one route that an installed module should be allowed to call through Okapi. */
export interface MissingPermission {
  /** Full id. */
  readonly caller: string
  readonly method: string
  readonly question: RouteQuestion
  /** The evidence in the log; undefined if there is only a permission. */
  readonly usage: Usage | undefined
  /**
   * A log does not say whether X-Okapi-Module-Id was there: if a module has the same path in a
   * `multiple` interface and in an ordinary one, the request may have meant this route too.
   */
  readonly doubtful: boolean
  /** Permissions of the caller's descriptor that suggest it. */
  readonly permissions: readonly string[]
}

/** What would-be refusals asked for, and those whose caller or route is no longer installed. */
export function missingInLog(
  set: DescriptorSet,
  usages: readonly Usage[],
): { missing: readonly MissingPermission[]; lost: readonly Usage[] } {
  const questions = okapiQuestions(set)
  const byPattern = Map.groupBy(questions, ({ route }) => nameless(route.pattern.text))
  const lost: Usage[] = []
  const missing = usages.flatMap((usage) => {
    const { method, route: pattern, provider } = usage
    const bit = 1 << methodIndex(method)
    const sameRoute = (byPattern.get(nameless(pattern)) ?? []).filter(
      ({ route }) => (route.mask & bit) !== 0,
    )
    // Report mode lets no call to a system interface pass, so an ordinary interface with that route was meant.
    const ordinary = sameRoute.filter(({ route }) => route.kind !== 'system')
    const alike = ordinary.length > 0 ? ordinary : sameRoute
    const named = alike.filter(
      ({ route }) => provider === '' || productOf(provider) === productOf(idOf(route.module)),
    )
    // If several providers are not `multiple`, the request may be for any of them.
    const routes = named.some(({ moduleId }) => moduleId === undefined)
      ? alike.filter((question) => question.moduleId === undefined || named.includes(question))
      : named
    const unclear = named.some(({ moduleId }) => moduleId !== undefined)
    const found = installedAs(set, usage.caller).flatMap((caller) =>
      routes.map((question) => ({
        ...missingOf(caller, method, question, usage),
        doubtful: unclear && !named.includes(question),
      })),
    )
    if (found.length === 0) lost.push(usage)
    return found
  })
  return { missing: distinct(missing), lost }
}

/** Do the descriptors say which permissions routes require? Packed ones do not. */
export function tellsPermissions(set: DescriptorSet): boolean {
  return okapiQuestions(set).some((question) => permissionsOf(question).length > 0)
}

/**
 * What `modulePermissions` hint at: the caller has a permission that a route requires, and it neither
 * declares nor provides the interface of that route.
 */
export function missingByHint(set: DescriptorSet): readonly MissingPermission[] {
  const questions = okapiQuestions(set)
  const asking = new Map<string, RouteQuestion[]>()
  for (const question of questions) {
    if (hasAuthFilter(question.route.module.descriptor)) continue
    for (const permission of permissionsOf(question)) {
      asking.set(permission, [...(asking.get(permission) ?? []), question])
    }
  }
  const missing = [...set.modules].flatMap(([caller, { descriptor }]) => {
    if (isOkapi(caller)) return []
    const { requires, optional, provides, filters } = descriptor
    const declared = new Set([...requires, ...optional, ...provides].map(({ id }) => id))
    const entries = [...provides.flatMap(({ handlers }) => handlers), ...filters]
    const held = new Set(entries.flatMap(({ modulePermissions }) => modulePermissions))
    return [...held].sort().flatMap((permission) =>
      (asking.get(permission) ?? [])
        .filter(({ route }) => !declared.has(route.interface?.id ?? ''))
        .flatMap((question) =>
          eachMethod(question.route.methods).map((method) => ({
            ...missingOf(caller, method, question, undefined),
            permissions: [permission],
          })),
        ),
    )
  })
  return distinct(missing)
}

/**
 * What is still closed. A log does not say whether a request named its module: if a route is in a
 * `multiple` interface and in an ordinary one, the one that can be opened was meant. The other may be
 * hidden by a route that sends Okapi elsewhere.
 */
export function unmetOf(
  missing: readonly MissingPermission[],
  isMet: (permission: MissingPermission) => boolean,
): readonly MissingPermission[] {
  const isMultiple = ({ question }: MissingPermission) => question.moduleId !== undefined
  const key = ({ caller, method, question }: MissingPermission) =>
    `${caller} ${method} ${nameless(question.route.pattern.text)}`
  const met = missing.filter(isMet)
  return missing.filter(
    (one) =>
      !isMet(one) &&
      (one.usage === undefined ||
        !met.some((other) => isMultiple(other) !== isMultiple(one) && key(other) === key(one))),
  )
}

function missingOf(
  caller: string,
  method: string,
  question: RouteQuestion,
  usage: Usage | undefined,
): MissingPermission {
  return { caller, method, question, usage, doubtful: false, permissions: [] }
}

/** Parameters of the same path have different names in different versions and modules. */
function nameless(pathPattern: string): string {
  return pathPattern.replace(/\{[^}]*\}/g, '{}')
}

/** A module that has been upgraded since is found by its product. */
function installedAs({ modules }: DescriptorSet, caller: string): readonly string[] {
  if (modules.has(caller)) return [caller]
  return [...modules.keys()].filter((id) => productOf(id) === productOf(caller))
}

function permissionsOf({ route }: RouteQuestion): readonly string[] {
  const entry = route.interface?.handlers.find(({ pointer }) => pointer === route.pointer)
  return entry?.permissionsRequired ?? []
}

/** A permission that several sources lack is listed once, with all its evidence. */
function distinct(missing: readonly MissingPermission[]): readonly MissingPermission[] {
  const found = new Map<string, MissingPermission>()
  for (const permission of missing) {
    const { caller, method, question, permissions, usage } = permission
    const { module, pointer } = question.route
    const key = `${caller} ${method} ${idOf(module)} ${pointer}`
    const known = found.get(key)
    const all = new Set([...(known?.permissions ?? []), ...permissions])
    const usages = [known?.usage, usage].filter((one) => one !== undefined)
    const [first] = usages
    const both = first && { ...first, ...mergedEvidence(usages) }
    const doubtful = permission.doubtful && known?.doubtful !== false
    found.set(key, { ...permission, usage: both, doubtful, permissions: [...all] })
  }
  return [...found.values()]
}
