import type { Config } from '../../config/config.ts'
import { readGrants } from '../../config/grants.ts'
import type { Problem } from '../../fault.ts'
import { loadPolicy } from '../../policy/load.ts'
import { KNOWN_GRANTS_FILE } from '../../policy/source.ts'

/** A policy that compiles. */
export interface PolicyFound {
  readonly problems: readonly Problem[]
  readonly told: {
    readonly descriptors: string
    readonly grants: number
    readonly mode: 'enforce' | 'report'
    readonly hash: string
  }
}

/** Compiles it as `run` would; throws a Fault with everything that is wrong. */
export function checkPolicy({ module, policy: rules }: Config): PolicyFound {
  const grants = readGrants(rules.grants)
  const knownFiles = rules.knownGrants.length === 0 ? [] : [KNOWN_GRANTS_FILE]
  const known = readGrants({ inline: [], files: knownFiles })
  const { policy, warnings } = loadPolicy({ ...rules, grants, known }, { own: module.id })
  const { mode, hash } = policy
  return {
    problems: warnings,
    told: { descriptors: rules.descriptors, grants: grants.length, mode, hash },
  }
}
