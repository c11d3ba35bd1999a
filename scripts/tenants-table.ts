import { whatShouldHappen } from '../test/support/tenant-oracle.ts'
import {
  type Access,
  accesses,
  PLACES,
  RIGHTS,
  SERVED,
  TENANTS,
  TOKENS,
} from '../test/support/tenant-table.ts'

const BEGIN = '<!-- tenants: written by `npm run tenants` -->'
const END = '<!-- /tenants -->'

type Row = { readonly tokens: string[]; readonly cells: string }

/** The tables of docs/tenants.md, from what the test of all accesses expects. */
export function tenantTables(): string {
  const size = [...accesses()].length.toLocaleString('en')
  const intro = `A test tries ${size} accesses, and compares result and reason. The tables show the results with
\`policy.tenants: enforce\`, for reading and writing. In report mode the same is reported and the request passes, except for
malformed and duplicated tenants, the supertenant and a user id that differs: these are refused in every mode.`
  const tables = [
    ...RIGHTS.map((right) => [TITLES[right]!, table('module’s egress', right)] as const),
    ['An operator or a client, which may not cross', table('operator', 'may not')] as const,
    ['`public`, which may not cross', table('public', 'may not')] as const,
  ]
  return [intro, ...tables.map(([title, text]) => `### ${title}\n\n${text}`), LEGEND].join('\n\n')
}

const TITLES: Readonly<Record<string, string>> = {
  may: 'A module that may cross in all directions',
  'one way': 'A module that may cross from the central tenant to members',
  'may not': 'A module that may not cross',
}

const LEGEND = `\`served\`: it passes if Okapi has called the module for that tenant, otherwise \`tenant-not-allowed\`. \`handed on\`: it passes
if Okapi has called the module for that tenant with a token of that other tenant, otherwise \`tenant-mismatch\`. At Okapi’s
ingress the result is the same as at the module’s own egress. Logging in passes without a token for every tenant but the
supertenant. Okapi’s administration is \`admin-route\` for modules and \`public\`.`

function table(place: Access['place'], right: Access['right']): string {
  const rows: Row[] = []
  for (const token of TOKENS) {
    const cells = TENANTS.map((tenant) => cell({ place, right, tenant, token })).join(' | ')
    const same = rows.find((row) => row.cells === cells)
    if (same === undefined) rows.push({ tokens: [token], cells })
    else same.tokens.push(token)
  }
  const head = ['token', ...TENANTS]
  return [
    `| ${head.join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...rows.map(({ tokens, cells }) => `| ${tokens.join(', ')} | ${cells} |`),
  ].join('\n')
}

/** One word for all that may have been brought before. */
function cell(access: Pick<Access, 'place' | 'right' | 'tenant' | 'token'>): string {
  const [never, served, handedOn] = SERVED.map((each) => {
    const answers = (['read', 'write'] as const).map((operation) =>
      whatShouldHappen({ ...access, served: each, operation, mode: 'enforce' }),
    )
    if (answers[0] !== answers[1]) throw new Error('reading and writing differ')
    return answers[0]!
  })
  if (never === handedOn) return never === 'passes' ? 'passes' : `\`${never!.slice(4)}\``
  return served === 'passes' ? 'served' : 'handed on'
}

/** Where the rows of one table are those of two places. */
export function placesThatDiffer(): string[] {
  const [egress, ingress] = [PLACES[0], PLACES[1]]
  return [...accesses()].flatMap((access) => {
    if (access.place !== egress) return []
    const other = whatShouldHappen({ ...access, place: ingress })
    return other === whatShouldHappen(access) ? [] : [JSON.stringify(access)]
  })
}

/** `text` with the tables between its two markers. */
export function withTenantTables(text: string): string {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin === -1 || end < begin)
    throw new Error('the markers of the tables of tenants are missing')
  return `${text.slice(0, begin)}${BEGIN}\n\n${tenantTables()}\n\n${text.slice(end)}`
}
