import { grantsInForce } from '../../analysis/installation.ts'
import { unmetRequirements } from '../../analysis/unmet-requirements.ts'
import { readGrants } from '../../config/grants.ts'
import type { Loaded } from '../../config/load.ts'
import type { Problem } from '../../fault.ts'
import { KNOWN_GRANTS_FILE, loadDescriptors } from '../../policy/descriptor-files.ts'
import { isPartOfProfile } from '../../policy/grants.ts'
import {
  administrationProblems,
  readKnownGrants,
  supertenantProblems,
} from '../../policy/known-grants.ts'
import { policyOf } from '../../sidecar/policies.ts'

/** A policy that compiles. */
export interface PolicyFound {
  readonly problems: readonly Problem[]
  readonly told: {
    readonly descriptors: string
    /** Number of descriptors. */
    readonly modules: number
    readonly grants: number
    /** Number of those shipped with the product. */
    readonly knownGrants: number
    readonly mode: 'enforce' | 'report'
    /** For which tenants callers may act, one line for each setting. */
    readonly tenants: readonly string[]
    readonly hash: string
    /** Kafka rules of this module, if there is a `kafka`. */
    readonly kafkaRules?: number
  }
}

/** Reads and compiles it with the function that `run` uses; throws a Fault with everything that is wrong. */
export function checkPolicy({ config, origins }: Loaded): PolicyFound {
  const { policy, kafka, warnings, forbidden, material } = policyOf(config)
  const { mode, hash } = policy
  const { descriptors } = config.policy
  const origin = origins.find(({ key }) => key === 'migration.listen')?.origin
  const place =
    origin?.kind === 'file'
      ? { where: origin.where }
      : origin?.kind === 'environment'
        ? { where: { file: origin.variable } }
        : {}
  const known = readGrants({ inline: [], files: [KNOWN_GRANTS_FILE] })
  const { set } = loadDescriptors(material.descriptors)
  const inForce = grantsInForce({ ...material, knownGrants: config.policy.knownGrants })
  const missing = supertenantProblems(set, {
    grants: inForce,
    known: readKnownGrants(known, []),
    own: config.module.id,
    now: Date.now(),
  })
  const problems = [
    ...warnings,
    ...missing,
    ...unmetRequirements(set, config.module.id),
    ...administrationProblems(inForce, { own: config.module.id, now: Date.now() }),
    ...forbidden.map((problem) => ({ ...problem, ...place })),
  ]
  const written = inForce.filter((grant) => grant.file !== null && !isPartOfProfile(grant))
  const fromKnown = written.filter(({ file }) => file === KNOWN_GRANTS_FILE).length
  const grants = written.length - fromKnown
  return {
    problems,
    told: {
      ...{ descriptors, modules: set.modules.size, grants, knownGrants: fromKnown, mode },
      tenants: policy.summary(config.module.id).tenants,
      hash,
      ...(config.kafka && { kafkaRules: kafka.rules.length }),
    },
  }
}
