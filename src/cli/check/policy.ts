import type { Config } from '../../config/config.ts'
import type { Problem } from '../../fault.ts'
import { policyOf } from '../../sidecar/policies.ts'

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
export function checkPolicy(config: Config): PolicyFound {
  const { policy, grants, warnings } = policyOf(config)
  const { mode, hash } = policy
  const { descriptors } = config.policy
  return { problems: warnings, told: { descriptors, grants, mode, hash } }
}
