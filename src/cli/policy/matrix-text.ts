import { type MatrixPart, matrixOf } from '../../analysis/matrix.ts'
import { countRoutes, type Opening, partText, routeText, ruleText } from '../../analysis/opening.ts'
import type { MigrationFacts } from '../../observe/status/facts.ts'
import { migrationText } from '../../observe/status/words.ts'
import type { Trusted, TrustKind } from '../../policy/descriptor-trust.ts'
import { paint, table, textWidth, wrap } from '../terminal.ts'

/** The sources of a matrix, for its first line. */
export interface Headline {
  readonly modules: number
  readonly grants: number
  readonly mode: 'enforce' | 'report'
  readonly hash: string
  /** What modules are trusted with by their descriptors alone. */
  readonly trusted: readonly Trusted[]
  /** The migration listener, and the ingress that it leads to while it is open. */
  readonly plain: (MigrationFacts & { readonly at: string | null }) | null
  /** For which tenants each module may act at Okapi, independent of open routes. */
  readonly tenants: readonly { readonly caller: string; readonly reach: readonly string[] }[]
}

// As many lines as fit on a few screens.
const MOST_ROUTES = 150
const MOST_PARTS = 120

/** For a person, as wide as the terminal: with routes, with interfaces, or one line per caller. */
export function matrixText(openings: readonly Opening[], headline: Headline): string {
  const lines = headLines(headline).flatMap((line) => wrap(line, textWidth()))
  const head = `${lines.join('\n')}\n\n`
  if (openings.length === 0) return `${head}nothing is open there\n`
  const cells = matrixOf(openings)
  const parts = cells.reduce((sum, cell) => sum + cell.parts.length, 0)
  if (parts > MOST_PARTS) return head + summary(openings)
  const withRoutes = openings.length <= MOST_ROUTES
  const callers = Map.groupBy(cells, ({ caller }) => caller)
  const blocks = [...callers].map(([caller, rows]) => {
    const lines = rows.flatMap(({ provider, parts: list }) => [
      `  may call ${provider}`,
      ...list.flatMap((part) => partLines(part, withRoutes)),
    ])
    return `${[paint('bold', caller), ...lines].join('\n')}\n`
  })
  return `${head}${blocks.join('\n')}${withRoutes ? '' : `\n${NARROWER}`}`
}

/** The question, and important facts about the whole, one line each. */
export function headLines(headline: Headline): readonly string[] {
  const { modules, grants, mode, hash, plain, trusted } = headline
  const counts = `${modules} modules, ${grants} grants`
  const report = 'report mode: modules may call other interfaces too; that is recorded, not refused'
  return [
    `who may call what: ${counts}, mode ${mode}, policy ${hash.slice(0, 16)}`,
    ...(mode === 'enforce' ? [] : [report]),
    ...(plain === null ? [] : [`plain: ${migrationText(plain)}`]),
    ...trustLines(trusted),
    ...tenantLines(headline.tenants),
  ]
}

/** Most modules usually have the same: the largest group is only counted, the others are named. */
function tenantLines(tenants: Headline['tenants']): string[] {
  const groups = [...Map.groupBy(tenants, ({ reach }) => reach.join('; '))]
  const [most = 0, next = 0] = groups.map(([, { length }]) => length).toSorted((a, b) => b - a)
  return groups.map(([reach, callers]) => {
    const isUsual = callers.length === most && most > Math.max(1, next)
    const names = isUsual ? `${most} modules` : callers.map(({ caller }) => caller).join(', ')
    return `${names} may act for ${reach}`
  })
}

const TRUSTS: readonly (readonly [TrustKind, string])[] = [
  ['cookies', 'handed the access and refresh tokens of every user, in cookies'],
  ['tokens', 'may hand out tokens and set the sessions of users'],
  ['auth-filter', 'asked about every request and believed, as an auth filter'],
]

/** Modules trusted with users and their tokens, independent of open routes. */
function trustLines(trusted: readonly Trusted[]): string[] {
  return TRUSTS.flatMap(([kind, what]) => {
    const modules = Map.groupBy(
      trusted.filter(({ trust }) => trust === kind),
      ({ module }) => module,
    )
    if (modules.size === 0) return []
    const names = [...modules].map(([module, reasons]) => {
      const ids = reasons.flatMap(({ interface: provided }) => provided?.id ?? [])
      const by = ids.length === 0 ? '' : ` (${ids.join(', ')})`
      return `${module}${by}${reasons.every(({ usual }) => usual) ? '' : ', WHICH IS NOT A MODULE OF FOLIO’S LOGIN'}`
    })
    return [`${what}: ${names.join('; ')}`]
  })
}

function partLines(part: MatrixPart, withRoutes: boolean): string[] {
  const { routes, rule, why, at, kind } = part
  const past = at === 'okapi' || kind === 'system' || rule.kind === 'own' ? '' : ', past Okapi'
  const named = kind === 'multiple' ? ', where X-Okapi-Module-Id names it' : ''
  const count = withRoutes ? '' : `, ${routes.length} route${routes.length === 1 ? '' : 's'}`
  const by = `${partText(part)}${count}: by ${ruleText(rule)}${named}${past}`
  const reason =
    why === null ? [] : wrap(`(${why})`, textWidth() - 8).map((line) => `        ${line}`)
  const lines = [
    ...wrap(by, textWidth() - 6).map((line, i) => `${i === 0 ? '    ' : '      '}${line}`),
    ...reason,
  ]
  if (!withRoutes) return lines
  return [...lines, ...routes.map((route) => `        ${routeText(route)}`)]
}

const NARROWER = `Routes: --caller, --provider or --interface TEXT, --json, --csv, --html FILE.\n`

function summary(openings: readonly Opening[]): string {
  const rows = [...Map.groupBy(openings, ({ caller }) => caller)].map(([caller, own]) => {
    const count = (names: readonly (string | undefined)[]) => String(new Set(names).size)
    const granted = own.filter(({ rule }) => rule.kind === 'grant')
    return [
      caller,
      count(own.map(({ provider }) => provider)).padStart(7),
      count(own.map(({ interface: provided }) => provided?.id)).padStart(10),
      String(countRoutes(own)).padStart(6),
      (granted.length === 0 ? '-' : String(countRoutes(granted))).padStart(6),
    ]
  })
  const titles = ['caller', 'modules', 'interfaces', 'routes', 'grants']
  return `${table([titles, ...rows])}\n${NARROWER}`
}

/** The whole matrix as one JSON document. */
export function matrixJson(openings: readonly Opening[], headline: Headline): string {
  const cells = matrixOf(openings)
  const callers = [...new Set(cells.map(({ caller }) => caller))]
  const providers = [...new Set(cells.map(({ provider }) => provider))].sort()
  return `${JSON.stringify({ ...headline, callers, providers, cells }, null, 2)}\n`
}

const COLUMNS =
  'caller,provider,at,kind,interface,version,methods,path,only,rule,file,pointer,why'.split(',')

/** CSV (RFC 4180), one line for each route. */
export function matrixCsv(openings: readonly Opening[]): string {
  const lines = openings.map((opening) => {
    const { caller, provider, at, kind, interface: provided, methods, pathPattern } = opening
    const { only, rule, why } = opening
    const route = [methods.join(' '), pathPattern, only]
    const part = [caller, provider, at, kind, provided?.id, provided?.version]
    return [...part, ...route, rule.kind, rule.file, rule.pointer, why].map(field)
  })
  return [COLUMNS, ...lines].map((line) => `${line.join(',')}\r\n`).join('')
}

function field(value: string | null | undefined): string {
  if (value === null || value === undefined) return ''
  // Spreadsheets treat text that begins like this as a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
