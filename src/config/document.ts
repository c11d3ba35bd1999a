import {
  type ErrorCode,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml'
import { readText } from '../fault/text-file.ts'
import { errorCode, Fault, type Problem, type Where } from '../fault.ts'

type Path = readonly PropertyKey[]

/** A YAML or JSON text (JSON is YAML 1.2) with the place of everything in it. */
export interface Document {
  /** Plain data; undefined where the text is no YAML. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** The place of a value; of the nearest parent's key where there is none. */
  at(path: Path): Where
  /** The place of a key itself. */
  atKey(path: Path, key: string): Where
}

/** Reads `text`; `file` is only the name that positions carry. */
export function readDocument(text: string, file: string): Document {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: false,
    stringKeys: true,
  })
  const where = (offset: number | undefined): Where => {
    if (offset === undefined) return { file, line: 1, column: 1 }
    const { line, col } = lines.linePos(offset)
    return { file, line, column: col }
  }
  const problems = [...document.errors, ...document.warnings].map(
    ({ name, code, message, pos }): Problem => ({
      severity: name === 'YAMLWarning' ? 'warning' : 'error',
      message: lowerFirst(said(code, text, pos[0]) ?? message),
      where: where(pos[0]),
      ...hintAt(text, pos[0], code),
    }),
  )
  const root = document.contents
  let value: unknown
  if (document.errors.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: 100 }) ?? {}
    } catch (error) {
      // An alias without an anchor, or so many that they would fill the memory.
      if (!(error instanceof ReferenceError)) throw error
      const alias = /^Unresolved alias.*: (\S+)$/.exec(error.message)?.[1]
      const offset = alias === undefined ? -1 : text.indexOf(`*${alias}`)
      problems.push({
        severity: 'error',
        message: lowerFirst(error.message),
        where: where(Math.max(offset, 0)),
      })
    }
  }
  return {
    value,
    problems,
    at: (path) => where(offsetOf(root, path)),
    atKey: (path, key) => where(offsetOf(root, [...path, key], true)),
  }
}

/** Walks down as far as the document goes and remembers the last key that it passed. */
function offsetOf(root: Node | null, path: Path, ofKey = false): number | undefined {
  let node: unknown = root
  let last: number | undefined
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === step)
      if (pair === undefined) return last
      if (isNode(pair.key)) last = pair.key.range?.[0]
      if (ofKey && depth === path.length - 1) return last
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      if (isNode(node)) last = node.range?.[0]
    } else return last
  }
  return isNode(node) ? (node.range?.[0] ?? last) : last
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/**
 * A message for the author of the file, if the parser's own is for programmers; undefined: its own
 * is fine.
 */
function said(code: ErrorCode, text: string, offset: number): string | undefined {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here, and there must be one'
  if (code !== 'DUPLICATE_KEY') return undefined
  const key = /^["']?([^"':\s]+)/.exec(text.slice(offset, offset + 200))?.[1]
  return key === undefined ? undefined : `\`${key}\` stands twice in one section`
}

/** For YAML `[::1]:8443` without quotes is a list, and `module:mod-a-1.0.0` a word. */
function hintAt(text: string, offset: number, code: ErrorCode): { hint?: string } {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const line = text.slice(start).split('\n', 1)[0]!
  const address = /\[[0-9A-Fa-f:.]+\]:\d+/.exec(line)
  if (address !== null) return { hint: `write the address in quotes: '${address[0]}'` }
  if (code === 'TAB_AS_INDENT') return { hint: 'indent with blanks' }
  if (code === 'MULTIPLE_DOCS') return { hint: 'take the line `---` out' }
  if (code === 'DUPLICATE_KEY') return { hint: 'put both together, or take one out' }
  const key = /^\s*(\w+):(?=[^\s/])/.exec(line)?.[1]
  return key === undefined ? {} : { hint: `a blank belongs behind \`${key}:\`` }
}

/**
 * Gives problems that have a JSON pointer into a YAML or JSON file their line and column. If the
 * file can no longer be read, or is not a file, the pointer stays.
 */
export function located(problems: readonly Problem[]): readonly Problem[] {
  const documents = new Map<string, Document | undefined>()
  return problems.map((problem) => {
    const { file, pointer, line } = problem.where ?? {}
    if (file === undefined || pointer === undefined || line !== undefined) return problem
    if (!documents.has(file)) documents.set(file, open(file))
    const document = documents.get(file)
    return document === undefined ? problem : { ...problem, where: document.at(steps(pointer)) }
  })
}

function open(file: string): Document | undefined {
  try {
    return readDocument(readText(file), file)
  } catch (error) {
    if (errorCode(error) === undefined && !(error instanceof Fault)) throw error
    return undefined
  }
}

/** RFC 6901 section 4: `~1` first, then `~0`. */
function steps(pointer: string): string[] {
  const [, ...parts] = pointer.split('/')
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** A YAML mapping as plain data. */
export type Raw = Readonly<Record<string, unknown>>

/** Tells a mapping from a list, a value or nothing. */
export function isSection(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at `path`; only own keys count. */
export function get(tree: unknown, path: readonly string[]): unknown {
  let value = tree
  for (const step of path) {
    if (!isSection(value) || !Object.hasOwn(value, step)) return undefined
    value = value[step]
  }
  return value
}

/**
 * A copy with one value set. A section on the way that is something else stays as it is, for the
 * schema to refuse. Nothing is changed in place, because YAML's aliases let two keys share one
 * section.
 */
export function withValue(tree: Raw, path: readonly string[], value: unknown): Raw {
  const [step, ...rest] = path
  if (step === undefined) return tree
  if (rest.length === 0) return { ...tree, [step]: value }
  const below = get(tree, [step]) ?? (Object.hasOwn(tree, step) ? null : {})
  return isSection(below) ? { ...tree, [step]: withValue(below, rest, value) } : tree
}
