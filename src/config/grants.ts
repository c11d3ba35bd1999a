import { writableByOthers } from '../fault/guard.ts'
import { readNamedText } from '../fault/text-file.ts'
import { Fault, fault } from '../fault.ts'
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
  const document = readDocument(readNamedText(file, NAMED_BY), file)
  const problems = [...document.problems, ...writableByOthers(file)]
  if (problems.some(({ severity }) => severity === 'error')) throw new Fault(problems)
  const list: unknown = document.value
  if (!Array.isArray(list)) {
    throw fault('a file of grants or rules is a list of them', { where: document.at([]) })
  }
  return list.map((value: unknown, i) => ({ value, file, pointer: `/${i}` }))
}

const NAMED_BY = 'it is named in the configuration (policy.grants, kafka.rules) or by an option'
