import { writableByOthers } from '../fault/guard.ts'
import { readText } from '../fault/text-file.ts'
import { errorCode, Fault, fault } from '../fault.ts'
import type { ConfiguredRule } from './config.ts'
import { readDocument } from './document.ts'

/**
 * The file of consortia, YAML or JSON, for the policy to read; undefined where none is configured.
 * Throws a Fault if it is absent, not YAML, or writable by others; called again when it changes.
 */
export function readConsortiaFile(file: string | undefined): ConfiguredRule | undefined {
  if (file === undefined) return undefined
  const document = readDocument(textOf(file), file)
  const problems = [...document.problems, ...writableByOthers(file)]
  if (problems.some(({ severity }) => severity === 'error')) throw new Fault(problems)
  return { value: document.value, file, pointer: '' }
}

function textOf(file: string): string {
  try {
    return readText(file)
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    const hint = 'okapi-sidecar consortia fetch writes it'
    throw fault(`cannot read the consortia (${code})`, { where: { file }, hint })
  }
}
