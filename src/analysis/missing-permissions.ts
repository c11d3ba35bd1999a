import { hasAuthFilter } from '../folio/descriptor.ts'
import { methodIndex } from '../folio/methods.ts'
import { isOkapi, productOf } from '../folio/module-id.ts'
import type { DescriptorSet } from '../policy/descriptors.ts'
import { idOf } from '../policy/world.ts'
import { eachMethod, type Subject } from './asking.ts'
import { okapiSubjects } from './okapi-reach.ts'
import { together, type Usage } from './usage.ts'

/** One method of one route that an installed module should be let call through Okapi. */
export interface Want {
  /** Full id. */
  readonly caller: string
  readonly method: string
  readonly subject: Subject
  /** What speaks for it; undefined where it is a permission alone. */
  readonly usage: Usage | undefined
  /**
   * A log does not say whether X-Okapi-Module-Id was there: where a module has the same path in a
   * `multiple` interface and in an ordinary one, this is what the latter may have meant beside.
   */
  readonly doubtful: boolean
  /** Permissions of the caller's descriptor that speak for it. */
  readonly permissions: readonly string[]
}

/** What would-be refusals ask for, and those that nothing installed stands for any more. */
export function recordedWants(
  set: DescriptorSet,
  usages: readonly Usage[],
): { wants: readonly Want[]; lost: readonly Usage[] } {
  const subjects = okapiSubjects(set)
  const byPattern = Map.groupBy(subjects, ({ route }) => nameless(route.pattern.text))
  const lost: Usage[] = []
  const wants = usages.flatMap((usage) => {
    const { method, route: pattern, provider } = usage
    const bit = 1 << methodIndex(method)
    const alike = (byPattern.get(nameless(pattern)) ?? []).filter(
      ({ route }) => (route.mask & bit) !== 0,
    )
    const named = alike.filter(
      ({ route }) => provider === '' || productOf(provider) === productOf(idOf(route.module)),
    )
    // Of several providers that are no `multiple` any may be the one that a request is for.
    const routes = named.some(({ moduleId }) => moduleId === undefined)
      ? alike.filter((subject) => subject.moduleId === undefined || named.includes(subject))
      : named
    const unclear = named.some(({ moduleId }) => moduleId !== undefined)
    const found = installedAs(set, usage.caller).flatMap((caller) =>
      routes.map((subject) => ({
        ...wanted(caller, method, subject, usage),
        doubtful: unclear && !named.includes(subject),
      })),
    )
    if (found.length === 0) lost.push(usage)
    return found
  })
  return { wants: distinct(wants), lost }
}

/** Do the descriptors say which permissions routes ask for? Packed ones do not. */
export function tellsPermissions(set: DescriptorSet): boolean {
  return okapiSubjects(set).some((subject) => permissionsOf(subject).length > 0)
}

/**
 * What `modulePermissions` hint at: the caller holds a permission that a route of an interface asks
 * for, which it neither declares nor provides.
 */
export function hintedWants(set: DescriptorSet): readonly Want[] {
  const subjects = okapiSubjects(set)
  const asking = new Map<string, Subject[]>()
  for (const subject of subjects) {
    if (hasAuthFilter(subject.route.module.descriptor)) continue
    for (const permission of permissionsOf(subject)) {
      asking.set(permission, [...(asking.get(permission) ?? []), subject])
    }
  }
  const wants = [...set.modules].flatMap(([caller, { descriptor }]) => {
    if (isOkapi(caller)) return []
    const { requires, optional, provides, filters } = descriptor
    const declared = new Set([...requires, ...optional, ...provides].map(({ id }) => id))
    const entries = [...provides.flatMap(({ handlers }) => handlers), ...filters]
    const held = new Set(entries.flatMap(({ modulePermissions }) => modulePermissions))
    return [...held].sort().flatMap((permission) =>
      (asking.get(permission) ?? [])
        .filter(({ route }) => !declared.has(route.interface?.id ?? ''))
        .flatMap((subject) =>
          eachMethod(subject.route.methods).map((method) => ({
            ...wanted(caller, method, subject, undefined),
            permissions: [permission],
          })),
        ),
    )
  })
  return distinct(wants)
}

function wanted(caller: string, method: string, subject: Subject, usage: Usage | undefined): Want {
  return { caller, method, subject, usage, doubtful: false, permissions: [] }
}

/** Versions and modules call the parameters of a path differently. */
function nameless(pathPattern: string): string {
  return pathPattern.replace(/\{[^}]*\}/g, '{}')
}

/** A module that was upgraded since is meant by its product. */
function installedAs({ modules }: DescriptorSet, caller: string): readonly string[] {
  if (modules.has(caller)) return [caller]
  return [...modules.keys()].filter((id) => productOf(id) === productOf(caller))
}

function permissionsOf({ route }: Subject): readonly string[] {
  const entry = route.interface?.handlers.find(({ pointer }) => pointer === route.pointer)
  return entry?.permissionsRequired ?? []
}

/** The same want of several sources once, with all that speaks for it. */
function distinct(wants: readonly Want[]): readonly Want[] {
  const found = new Map<string, Want>()
  for (const want of wants) {
    const { caller, method, subject, permissions, usage } = want
    const { module, pointer } = subject.route
    const key = `${caller} ${method} ${idOf(module)} ${pointer}`
    const known = found.get(key)
    const all = new Set([...(known?.permissions ?? []), ...permissions])
    const usages = [known?.usage, usage].filter((one) => one !== undefined)
    const [first] = usages
    const both = first && { ...first, ...together(usages) }
    const doubtful = want.doubtful && known?.doubtful !== false
    found.set(key, { ...want, usage: both, doubtful, permissions: [...all] })
  }
  return [...found.values()]
}
