import type { Config } from '../config/config.ts'
import { readGrants } from '../config/grants.ts'
import type { Problem } from '../fault.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
import { KNOWN_GRANTS_FILE } from '../policy/source.ts'

/** A policy that holds, and what a person should know about it. */
export interface PolicyOf {
  readonly policy: Policy
  /** How many the configuration names. */
  readonly grants: number
  /** An error throws. */
  readonly warnings: readonly Problem[]
}

/** Reads descriptors and grants as the configuration says. Throws a Fault with every problem. */
export function policyOf({ module, policy: rules }: Config): PolicyOf {
  const knownFiles = rules.knownGrants.length === 0 ? [] : [KNOWN_GRANTS_FILE]
  const grants = readGrants(rules.grants)
  const known = readGrants({ inline: [], files: knownFiles })
  const loaded = loadPolicy({ ...rules, grants, known }, { own: module.id })
  return { ...loaded, grants: grants.length }
}

/** The policy in force; replaced as a whole. */
export class Policies {
  current: Policy

  constructor(policy: Policy) {
    this.current = policy
  }
}
