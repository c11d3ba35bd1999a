import { writableByOthers } from '../fault/guard.ts'
import { readText } from '../fault/text-file.ts'
import { errorCode, Fault, fault } from '../fault.ts'
import type { ConfiguredRule, GrantSources } from './config.ts'
import { readDocument } from './document.ts'

/**
 * All grants, for the policy to read: those of the configuration, then those of each file, a YAML or
 * JSON list. Throws a Fault for a file that is absent, no list, or open to others; called again when
 * a file changes.
 */
export function readGrants({ inline, files }: GrantSources): readonly ConfiguredRule[] {
  return [...inline, ...files.flatMap(grantsOf)]
}

function grantsOf(file: string): ConfiguredRule[] {
  const document = readDocument(read(file), file)
  const problems = [...document.problems, ...writableByOthers(file)]
  if (problems.some(({ severity }) => severity === 'error')) throw new Fault(problems)
  const list: unknown = document.value
  if (!Array.isArray(list)) {
    throw fault('a file of grants is a list of them', { where: document.at([]) })
  }
  return list.map((value: unknown, i) => ({ value, file, pointer: `/${i}` }))
}

function read(file: string): string {
  try {
    return readText(file)
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot be read (${code})`, { where: { file }, hint: '`policy.grants` names it' })
  }
}
