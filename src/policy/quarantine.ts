import type { Problem } from '../fault.ts'
import { type ModuleId, splitModuleId } from '../folio/module-id.ts'
import { comparePart, comparePreRelease, parseSemVer, type SemVer } from '../folio/semver.ts'
import { type RuleReader, type RuleSource, readRules } from './rule-source.ts'

type Operator = '<' | '<=' | '>' | '>=' | '='

interface Bound {
  readonly operator: Operator
  readonly version: SemVer
}

/** Versions of a product that are refused on both ends from a date on. */
export interface Quarantine {
  readonly product: string
  /** All of them must hold; none: every version. */
  readonly bounds: readonly Bound[]
  readonly why: string
  /** Milliseconds since 1970; before that it is a warning. */
  readonly afterMs: number
  readonly file: string
  readonly pointer: string
}

/** Reads `{module: "mod-graphql <1.14", why, after: DATE}`; without `after` it applies at once. */
export function readQuarantine(list: readonly RuleSource[], problems: Problem[]): Quarantine[] {
  return readRules(list, problems, (reader) => {
    reader.only(['module', 'why', 'after'])
    return {
      ...readVersions(reader, reader.text('module')),
      why: reader.text('why'),
      afterMs: reader.has('after') ? reader.date('after', 'start') : Number.NEGATIVE_INFINITY,
      file: reader.file,
      pointer: reader.pointer,
    }
  })
}

/** Is this module meant, whatever the date? In doubt it is. */
export function isQuarantined({ product, bounds }: Quarantine, module: ModuleId): boolean {
  if (product !== module.product) return false
  return readings(module.version).some((version) => bounds.every((bound) => holds(version, bound)))
}

function readVersions(reader: RuleReader, text: string) {
  const [module, ...rest] = text.split(/\s+/).filter((word) => word !== '')
  const { product, version } = splitModuleId(module ?? '')
  const bounds = rest.map((word) => readBound(reader, word))
  if (version !== undefined) bounds.push(readBound(reader, `=${version}`))
  return { product, bounds }
}

function readBound(reader: RuleReader, word: string): Bound {
  const operator = (['<=', '>=', '<', '>', '='] as const).find((sign) => word.startsWith(sign))
  const version = operator && parseSemVer(word.slice(operator.length))
  if (operator === undefined || version === undefined) {
    return reader.fail('module', `${word} is not a bound such as <1.14 or >=2.0.0`)
  }
  return { operator, version }
}

/**
 * An npm snapshot (`1.14.1000123`) was built before an unknown release of 1.14, so it is also
 * treated as a pre-release of 1.14.0.
 */
function readings(version: SemVer): SemVer[] {
  const [major, minor, patch, more] = version.numbers
  const npmSnapshot = patch !== undefined && more === undefined && patch.length >= 5
  if (!npmSnapshot) return [version]
  return [version, { numbers: [major!, minor!, '0'], preRelease: ['0'] }]
}

function holds(version: SemVer, { operator, version: bound }: Bound): boolean {
  const order = compare(version, bound)
  switch (operator) {
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
    case '=':
      return order === 0
  }
}

/**
 * Not Okapi's order, by which `1.14.0-SNAPSHOT` is newer than `1.14` and would escape: the shorter one
 * is padded with zeros, then a pre-release is older than its release; metadata does not count.
 */
function compare(a: SemVer, b: SemVer): number {
  const length = Math.max(a.numbers.length, b.numbers.length)
  for (let i = 0; i < length; i++) {
    const order = comparePart(a.numbers[i] ?? '0', b.numbers[i] ?? '0')
    if (order !== 0) return order
  }
  return comparePreRelease(a, b)
}
