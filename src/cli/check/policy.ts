import type { Loaded } from '../../config/load.ts'
import type { Problem } from '../../fault.ts'
import { migrationProblems } from '../../sidecar/migration.ts'
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
export function checkPolicy({ config, origins }: Loaded): PolicyFound {
  const { policy, grants, warnings } = policyOf(config)
  const { mode, hash } = policy
  const { descriptors } = config.policy
  const origin = origins.find(({ key }) => key === 'migration.listen')?.origin
  const place =
    origin?.kind === 'file'
      ? { where: origin.where }
      : origin?.kind === 'environment'
        ? { where: { file: origin.variable } }
        : {}
  const forbidden = migrationProblems(config, policy).map((problem) => ({ ...problem, ...place }))
  return { problems: [...warnings, ...forbidden], told: { descriptors, grants, mode, hash } }
}
