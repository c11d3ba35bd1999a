import { readText } from '../fault/text-file.ts'
import { errorCode, Fault, type Problem } from '../fault.ts'
import { type Document, readDocument } from './document.ts'

/**
 * Gives problems that have a JSON pointer into a YAML or JSON file their line and column. Where the
 * file cannot be read any more, or is none, the pointer stays.
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
