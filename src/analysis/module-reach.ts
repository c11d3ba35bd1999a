import { isOkapi } from '../folio/module-id.ts'
import type { Caller } from '../policy/caller.ts'
import type { Rule } from '../policy/decision.ts'
import type { InstalledModule } from '../policy/descriptors.ts'
import { isAt, isFor } from '../policy/grants.ts'
import { moduleRoutes } from '../policy/routes.ts'
import { openOf, pathGrantsOf, type Subject, subjectOf, touching } from './asking.ts'
import { type Opening, openingOf, tenantsOpened } from './opening.ts'
import type { Installation } from './reach.ts'
import { samplesOf } from './samples.ts'

/** What Okapi asks of modules: everything that their descriptors declare. */
export function reachOfOkapi({ policy, set, grants }: Installation, caller: Caller): Opening[] {
  return [...set.modules].flatMap(([id, module]) => {
    const judge = policy.bind(caller, id)
    if (isOkapi(id) || !judge.open) return []
    const place = { caller, at: id, provider: id }
    return subjectsAt(module).flatMap((subject) => {
      const { route } = subject
      // Of several routes that match, the judge names one; each stands here by its own right.
      const kind = route.kind === 'system' ? 'system' : 'own'
      const rule: Rule = { kind, file: module.file, pointer: route.pointer }
      return openOf(judge, subject, []).map((found) =>
        openingOf(place, route.kind, route, { ...found, rule }, grants),
      )
    })
  })
}

/** What grants open at the ingress of modules, past Okapi. */
export function reachDirectly({ policy, set, grants }: Installation, caller: Caller): Opening[] {
  const own = grants.filter((grant) => isFor(grant, caller) && grant.at !== 'okapi')
  return [...set.modules].flatMap(([id, module]) => {
    const here = own.filter((grant) => isAt(grant, id))
    if (here.length === 0) return []
    const judge = policy.bind(caller, id)
    if (!judge.open) return []
    const paths = pathGrantsOf(here)
    const place = { caller, at: id, provider: id }
    const subjects = subjectsAt(module)
    const declared = subjects.flatMap((subject) =>
      openOf(judge, subject, paths).map((found) =>
        openingOf(place, subject.route.kind, subject.route, found, grants),
      ),
    )
    // People and outside systems may be let to what no descriptor tells of, such as metrics.
    const beyond = paths.filter(({ opens }) => {
      if (subjects.some(({ route }) => touching({ opens }, route))) return false
      const [path] = samplesOf(opens.pattern)
      const [method = 'GET'] = opens.methods
      return judge.decide(method, path!, 0, path!.length, undefined, undefined).allow
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
export function subjectsAt(module: InstalledModule): readonly Subject[] {
  const table = moduleRoutes(module)
  return table.all.map((route) => subjectOf(route, table))
}
