import type { Problem } from '../fault.ts'
import type { PathPattern } from '../folio/path-pattern.ts'
import type { PolicyModel } from './model.ts'
import { RouteTable } from './route-table.ts'
import type { SearchCost } from './route-tree.ts'
import { moduleRoutes } from './routes.ts'

/** A hundred times what 59 modules of FOLIO have together; a search takes about a millisecond then. */
const MOST_COMPARED = 65_536
/** FOLIO has none. For each byte of a path, so that the longest takes some milliseconds. */
const MOST_STARRED = 1024
/** Four megabytes for each table. */
const MOST_PLACES = 131_072

/**
 * Paths come from peers and patterns from descriptors: whatever both are, one request must not
 * delay all others. So patterns whose search could take too long are refused, first for each module
 * and then for all together.
 */
export function checkSearchCost(model: PolicyModel): readonly Problem[] {
  const problems: Problem[] = []
  const { set, routes, grants, pathExceptions } = model
  const own = [...set.modules.values()].map((module) => {
    const { searchCost: work } = moduleRoutes(module)
    const problem = tooMuch(work, `the path patterns of ${module.descriptor.id.id}`)
    if (problem !== undefined) problems.push({ ...problem, where: { file: module.file } })
    return { module, work }
  })
  if (problems.length > 0) return problems
  const dearest = own.sort((a, b) => share(b.work) - share(a.work))[0]
  for (const table of [routes.proxy, routes.redirects, routes.apart, ...routes.multiple.values()]) {
    const problem = tooMuch(table.searchCost, 'the path patterns of all modules together')
    if (problem === undefined) continue
    const { descriptor, file } = dearest!.module
    const message = `${problem.message}; most of it is of ${descriptor.id.id}`
    return [{ ...problem, message, where: { file } }]
  }
  const granted = grants.flatMap(({ opens }) => (opens.kind === 'route' ? [opens] : []))
  const lists = [
    tooMuch(workOfAll(granted), 'the paths of all grants'),
    tooMuch(workOfAll(pathExceptions), 'the paths of policy.pathExceptions'),
  ]
  return lists.filter((problem) => problem !== undefined)
}

function tooMuch(work: SearchCost, what: string): Problem | undefined {
  const { compared, starred, places } = work
  const over = [
    [starred, MOST_STARRED, 'places behind a `*` that one path can be in at once'],
    [compared, MOST_COMPARED, 'bytes that one path can be compared with'],
    [places, MOST_PLACES, 'places behind a `*` in all'],
  ] as const
  const [size, most, of] = over.find(([counted, allowed]) => counted > allowed) ?? []
  if (size === undefined) return undefined
  return {
    severity: 'error',
    message: `${what} make one request take too long: ${size} ${of}, and at most ${most} may be`,
    hint: 'use `{name}` where one segment varies, and `*` at the end of a pattern only',
  }
}

function share({ compared, starred }: SearchCost): number {
  return compared / MOST_COMPARED + starred / MOST_STARRED
}

function workOfAll(patterns: readonly { readonly pattern: PathPattern }[]): SearchCost {
  const all = patterns.map(({ pattern }) => ({ pattern, mask: -1 }))
  return new RouteTable(all, { buckets: false }).searchCost
}
