import type { Problem } from '../fault.ts'
import { isTenantName, SUPERTENANT } from '../folio/tenant.ts'
import { type Caller, callerName, isNamed, parseCaller } from './caller.ts'
import { type RuleReader, type RuleSource, readRules, ruleSources } from './rule-source.ts'

/**
 * The direction of a crossing: from the tenant of the token to another tenant of the consortium.
 */
export const CROSSINGS = ['central-to-member', 'member-to-central', 'member-to-member'] as const
export type Crossing = (typeof CROSSINGS)[number]

/** One consortium; it is named by its central tenant. */
export interface Consortium {
  readonly central: string
  readonly members: readonly string[]
}

/** Who may cross in which consortia and directions. */
export interface CrossingRule {
  /** A module id, a product, `operator/NAME`, `client/NAME`, `public` or `plain`. */
  readonly caller: string
  readonly directions: readonly Crossing[]
  /** By central tenant; undefined: all. */
  readonly consortia: ReadonlySet<string> | undefined
  readonly why: string
  readonly file: string
  readonly pointer: string
}

/** Two tenants of one consortium, and the way between them. */
export interface Relation {
  readonly central: string
  readonly crossing: Crossing
}

/** The consortia of an installation and what may cross in them. */
export interface Consortia {
  readonly list: readonly Consortium[]
  readonly rules: readonly CrossingRule[]
  /** How two tenants belong together; undefined where they do not. */
  relationBetween(from: string, to: string): Relation | undefined
}

/** Without a file nothing crosses. */
const NO_CONSORTIA: Consortia = { list: [], rules: [], relationBetween: () => undefined }

/** Does a rule of the file let this caller cross in this way? */
export function mayCross(
  { rules }: Consortia,
  caller: Caller,
  { central, crossing }: Relation,
): boolean {
  return rules.some(
    (rule) =>
      isNamed(rule.caller, caller) &&
      rule.directions.includes(crossing) &&
      (rule.consortia === undefined || rule.consortia.has(central)),
  )
}

/** Reads the file of consortia, as YAML or JSON has it; what cannot be read is an error. */
export function readConsortia(source: RuleSource | undefined, problems: Problem[]): Consortia {
  if (source === undefined) return NO_CONSORTIA
  const { file, pointer } = source
  const [parts] = readRules([source], problems, (reader) => {
    reader.only(['consortia', 'cross'])
    return { consortia: reader.rules('consortia'), cross: reader.rules('cross') }
  })
  if (parts === undefined) return NO_CONSORTIA
  const sources = (key: 'consortia' | 'cross') => ruleSources(parts[key], file, `${pointer}/${key}`)
  const bySource = new Map<string, string>()
  const list = readRules(sources('consortia'), problems, (reader) =>
    readConsortium(reader, bySource),
  )
  const centrals = new Set(list.map(({ central }) => central))
  const rules = readRules(sources('cross'), problems, (reader) => readCrossing(reader, centrals))
  return { list, rules, relationBetween: wayIn(list) }
}

/** Finds rules that let nothing cross: a rule with a typing error looks like one that works. */
export function checkConsortia(
  { list, rules }: Consortia,
  isInstalled: (caller: string) => boolean,
  problems: Problem[],
): void {
  for (const { caller, directions, file, pointer } of rules) {
    const say = (message: string) =>
      problems.push({ severity: 'warning', message, where: { file, pointer } })
    if (parseCaller(caller).kind === 'module' && !isInstalled(caller)) {
      say(`no descriptor of ${caller} is installed, so it cannot cross`)
    } else if (list.length === 0) say(`there is no consortium, so ${caller} cannot cross`)
    else if (
      directions.every((direction) => direction === 'member-to-member') &&
      list.every(({ members }) => members.length < 2)
    ) {
      say(`no consortium has two members, so ${caller} cannot cross`)
    }
  }
}

/** What may cross, as short text: `mod-consortia: central-to-member`. */
export function crossingText({ caller, directions, consortia }: CrossingRule): string {
  const where = consortia === undefined ? '' : ` in ${[...consortia].join(', ')}`
  return `${caller}: ${directions.join(', ')}${where}`
}

/** A rule of the file as a sentence proposes it. */
export function proposedCrossing(caller: Caller, { central, crossing }: Relation): string {
  const rule = `{caller: ${callerName(caller)}, directions: [${crossing}], consortia: [${central}], why}`
  return `${rule} under \`cross\` in policy.consortia`
}

function wayIn(list: readonly Consortium[]): Consortia['relationBetween'] {
  const places = new Map<string, Consortium>()
  for (const consortium of list) {
    for (const tenant of [consortium.central, ...consortium.members]) {
      places.set(tenant, consortium)
    }
  }
  return (from, to) => {
    const consortium = places.get(from)
    if (from === to || consortium === undefined || places.get(to) !== consortium) return undefined
    const { central } = consortium
    const crossing =
      from === central
        ? 'central-to-member'
        : to === central
          ? 'member-to-central'
          : 'member-to-member'
    return { central, crossing }
  }
}

function readConsortium(reader: RuleReader, seen: Map<string, string>): Consortium {
  reader.only(['name', 'central', 'members'])
  const consortium = { central: reader.text('central'), members: reader.list('members') }
  const place = (i: number) => (i === 0 ? 'central' : `members/${i - 1}`)
  for (const [i, tenant] of [consortium.central, ...consortium.members].entries()) {
    if (!isTenantName(tenant)) {
      return reader.failAt(place(i), `${JSON.stringify(tenant)} is not a tenant name`)
    }
    if (tenant.toLowerCase() === SUPERTENANT) {
      return reader.failAt(
        place(i),
        'supertenant is in no consortium: it administrates all tenants',
      )
    }
    const other = seen.get(tenant)
    if (other !== undefined) {
      const where =
        other === consortium.central ? 'twice here' : `in the consortium of ${other} too`
      return reader.failAt(place(i), `tenant ${tenant} is listed ${where}`)
    }
    seen.set(tenant, consortium.central)
  }
  return consortium
}

function readCrossing(reader: RuleReader, centrals: ReadonlySet<string>): CrossingRule {
  reader.only(['caller', 'directions', 'consortia', 'why'])
  const caller = reader.text('caller')
  if (parseCaller(caller).kind === 'none' || caller.includes('*') || caller.endsWith('/')) {
    reader.fail('caller', 'caller must be a module, operator/NAME, client/NAME, public or plain')
  }
  const named = reader.texts('directions')
  const directions = CROSSINGS.filter((crossing) => named.includes(crossing))
  const unknown = named.find((name) => !directions.some((direction) => direction === name))
  if (unknown !== undefined) {
    reader.fail('directions', `${unknown} is none of ${CROSSINGS.join(', ')}`)
  }
  const consortia = reader.has('consortia') ? reader.texts('consortia') : undefined
  const missing = consortia?.find((central) => !centrals.has(central))
  if (missing !== undefined) {
    const known = [...centrals].join(', ') || 'there is none'
    reader.fail('consortia', `${missing} is the central tenant of no consortium here (${known})`)
  }
  const why = reader.text('why')
  const { file, pointer } = reader
  const only = consortia && new Set(consortia)
  return { caller, directions, consortia: only, why, file, pointer }
}
