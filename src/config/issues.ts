import type * as z from 'zod'
import { nearest } from '../fault/nearest.ts'

/** One thing that is wrong with a value, said for a person. `key`: the place is that key itself. */
export interface Flaw {
  readonly path: readonly PropertyKey[]
  readonly key?: string
  readonly message: string
  readonly hint?: string
}

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

/** What the schema knows about a place, for hints. */
export interface SchemaHints {
  keysOf(section: Path): readonly string[]
  hintFor(key: Path): string | undefined
}

/** What is wrong, from zod's findings. */
export function flaws(issues: readonly Issue[], hints: SchemaHints): Flaw[] {
  return issues.flatMap((issue) => flawsOf(issue, issue.path, hints))
}

function flawsOf(issue: Issue, path: Path, hints: SchemaHints): Flaw[] {
  const called = `\`${path.map(String).join('.')}\``
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key, hints.keysOf(path)))
    case 'invalid_type':
      return [{ ...wrongType(issue, path, called), ...hinted(hints.hintFor(path)) }]
    case 'invalid_value':
      return [
        {
          path,
          message: `${called} must be ${oneOf(issue.values.map(String))}${unseen(issue.input)}`,
          ...hinted(meant(issue.input, issue.values)),
        },
      ]
    case 'invalid_union':
      return fromUnion(issue, path, called, hints)
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ path, message: `${called}: ${message}` }))
    case 'too_small':
      return [{ path, message: `${called} ${tooSmall(issue)}` }]
    case 'too_big':
      return [{ path, message: `${called} must be at most ${issue.maximum}` }]
    case 'custom':
      return [{ path, message: `${called} ${issue.message}${unseen(issue.input)}` }]
    default:
      return [{ path, message: `${called}: ${issue.message}${unseen(issue.input)}` }]
  }
}

/** A value with invisible characters is shown with them. */
function unseen(value: unknown): string {
  return typeof value === 'string' && /[^!-~]/.test(value) ? `; it is "${visible(value)}"` : ''
}

/** At most 60 characters of a text, those that cannot be seen as `\n` or `\u200b`. */
export function visible(text: string): string {
  const cut = text.length > 60 ? `${text.slice(0, 60)}...` : text
  return cut.replaceAll(/[^ -~]/g, (char) => {
    const code = char.charCodeAt(0)
    return code < 0x20
      ? JSON.stringify(char).slice(1, -1)
      : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

function hinted(hint: string | undefined): { hint?: string } {
  return hint === undefined ? {} : { hint }
}

function meant(input: unknown, values: readonly unknown[]): string | undefined {
  const near = typeof input === 'string' ? nearest(input, values.map(String)) : undefined
  return near === undefined ? undefined : `did you mean \`${near}\`?`
}

function unknownKey(path: Path, key: string, known: readonly string[]): Flaw {
  const near = nearest(key, known)
  if (key === '<<') {
    const hint = 'merge keys are not read: write the keys out, or give a whole section by an alias'
    return { path, key, message: 'unknown key `<<`', hint }
  }
  const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean \`${near}\`?`
  const inside = path.length === 0 ? '' : ` in \`${path.map(String).join('.')}\``
  return { path, key, message: `unknown key \`${key}\`${inside}`, hint }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section',
  record: 'a table',
}

function wrongType(issue: z.core.$ZodIssueInvalidType, path: Path, called: string): Flaw {
  const wanted = TYPES[issue.expected] ?? issue.expected
  const { input } = issue
  if (input === undefined && issue.message.endsWith('undefined')) {
    return { path, message: `${called} is missing` }
  }
  if (issue.message.endsWith('null') && wanted === 'a section') {
    const hint = 'write {} for a section with all its defaults, or leave it out'
    return { path, message: `${called} is empty; ${hint}` }
  }
  return { path, message: `${called} must be ${wanted}` }
}

/** Only the branch for the value's own type is reported. */
function fromUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: Path,
  called: string,
  hints: SchemaHints,
): Flaw[] {
  const fitting = issue.errors.filter(
    (branch) => !branch.some(({ code, path: at }) => code === 'invalid_type' && at.length === 0),
  )
  const [branch] = fitting.length > 0 ? fitting : []
  if (branch !== undefined) {
    return branch.flatMap((inner) => flawsOf(inner, [...path, ...inner.path], hints))
  }
  const wanted = issue.errors.flatMap((errors) =>
    errors.flatMap((inner) => (inner.code === 'invalid_type' ? [TYPES[inner.expected]] : [])),
  )
  return [{ path, message: `${called} must be ${[...new Set(wanted)].join(' or ')}` }]
}

function tooSmall({ origin, minimum }: z.core.$ZodIssueTooSmall): string {
  return origin === 'string' || origin === 'array'
    ? 'must not be empty'
    : `must be at least ${minimum}`
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? values[0]! : `one of ${values.join(', ')}`
}
