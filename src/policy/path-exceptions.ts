import type { Problem } from '../fault.ts'
import { productOf } from '../folio/module-id.ts'
import { type PathPattern, parsePathPattern } from '../folio/path-pattern.ts'
import { NO_HIT, type Routed, RouteTable } from './route-table.ts'
import { type RuleSource, readRules } from './rule-source.ts'

/**
 * What an exception may name: never a dot, a control character or an encoded letter, nor `#` and
 * `\`, at which readers cut the path or which they turn into `/`.
 */
export const ALLOWABLE_SPELLINGS: readonly string[] = [
  ...['%2f', '%5c', '%3b', '%23', '%3f', '%25', ';', '//'],
]

/** What may stand in the path of one API although the strict target guard objects. */
export interface PathException {
  /** `okapi`, a module id or a product. */
  readonly at: string
  readonly pattern: PathPattern
  /** Lower-case. */
  readonly allow: readonly string[]
  readonly file: string
  readonly pointer: string
}

const NONE: readonly string[] = Object.freeze([])

/** Reads `{at, path, allow, why}`. */
export function readPathExceptions(
  list: readonly RuleSource[],
  problems: Problem[],
): PathException[] {
  return readRules(list, problems, (reader) => {
    reader.only(['at', 'path', 'allow', 'why'])
    const pattern = parsePathPattern(reader.text('path'))
    if (typeof pattern === 'string') return reader.fail('path', pattern)
    const allow = reader.texts('allow').map((text) => text.toLowerCase())
    const wrong = allow.find((text) => !ALLOWABLE_SPELLINGS.includes(text))
    if (wrong !== undefined) {
      reader.fail(
        'allow',
        `${wrong} is never allowed in a path; ${ALLOWABLE_SPELLINGS.join(' ')} may be`,
      )
    }
    reader.text('why')
    const { file, pointer } = reader
    return { at: reader.text('at'), pattern, allow, file, pointer }
  })
}

/**
 * The exceptions that apply at an ingress. An exception for a module's API also applies at Okapi's
 * ingress, because its callers must pass that first.
 */
export function exceptionsAt(list: readonly PathException[], at: string): PathException[] {
  const okapi = productOf(at) === 'okapi'
  return list.filter((exception) => okapi || [at, productOf(at)].includes(exception.at))
}

/** Exceptions, ready to be matched; null where there are none. */
export type ExceptionTable = RouteTable<PathException & Routed> | null

/**
 * For any method and any position of the first `*` or `{`, because these are not routes of Okapi.
 */
export function exceptionTable(list: readonly PathException[]): ExceptionTable {
  if (list.length === 0) return null
  const routed = list.map((one) => ({
    ...one,
    pattern: { ...one.pattern, bucketBytes: 1 },
    mask: -1,
  }))
  return new RouteTable(routed, { buckets: false })
}

/** All that is allowed in this raw path. */
export function allowedIn(
  table: ExceptionTable,
  bytes: Uint8Array,
  start: number,
  end: number,
): readonly string[] {
  const hit = table?.find(bytes, start, end, 1) ?? NO_HIT
  if (table === null || hit === NO_HIT) return NONE
  return table.routes(hit).flatMap(({ allow }) => allow)
}
