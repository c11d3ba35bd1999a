import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { errorCode, Fault, fault } from '../fault.ts'
import type { GrantSources, PlacedGrant } from './config.ts'
import { readDocument } from './document.ts'
import { writableByOthers } from './guard.ts'
import { flaws } from './issues.ts'
import { grant } from './policy.ts'

const GrantFile = z.array(grant)

/**
 * All grants: those of the configuration, then those of each file, a YAML or JSON list. Throws a
 * Fault with everything that is wrong in them; called again when a file changes.
 */
export function readGrants({ inline, files }: GrantSources): readonly PlacedGrant[] {
  return [...inline, ...files.flatMap(readGrantFile)]
}

function readGrantFile(file: string): PlacedGrant[] {
  const document = readDocument(read(file), file)
  const guarded = [...document.problems, ...writableByOthers(file)]
  if (guarded.some(({ severity }) => severity === 'error')) throw new Fault(guarded)
  const parsed = GrantFile.safeParse(document.value)
  if (parsed.success) return parsed.data.map((grant, i) => ({ ...grant, where: document.at([i]) }))
  const lore = {
    keysOf: (path: readonly PropertyKey[]) => (path.length === 1 ? Object.keys(grant.shape) : []),
    hintFor: () => undefined,
  }
  throw new Fault(
    flaws(parsed.error.issues, lore).map(({ path, key, message, hint }) => ({
      severity: 'error',
      message,
      where: key === undefined ? document.at(path) : document.atKey(path, key),
      ...(hint === undefined ? {} : { hint }),
    })),
  )
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot read these grants (${code})`, { where: { file } })
  }
}
