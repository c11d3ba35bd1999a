import type { Loaded } from '../../config/load.ts'
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

/** Reads and compiles it by the function of `run`; throws a Fault with everything that is wrong. */
export function checkPolicy({ config, origins }: Loaded): PolicyFound {
  const { policy, grants, warnings, forbidden } = policyOf(config)
  const { mode, hash } = policy
  const { descriptors } = config.policy
  const origin = origins.find(({ key }) => key === 'migration.listen')?.origin
  const place =
    origin?.kind === 'file'
      ? { where: origin.where }
      : origin?.kind === 'environment'
        ? { where: { file: origin.variable } }
        : {}
  const problems = [...warnings, ...forbidden.map((problem) => ({ ...problem, ...place }))]
  return { problems, told: { descriptors, grants, mode, hash } }
}
