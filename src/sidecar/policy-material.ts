import type { Config, ConfiguredRule } from '../config/config.ts'
import type { Problem } from '../fault.ts'
import type { DescriptorFiles } from '../policy/descriptor-files.ts'
import { loadPolicy } from '../policy/load-policy.ts'
import type { Policy } from '../policy/policy.ts'

/** Everything that a policy is made of, as it was read; plain data, which threads can be handed. */
export interface PolicyMaterial {
  readonly grants: readonly ConfiguredRule[]
  readonly known: readonly ConfiguredRule[]
  readonly descriptors: DescriptorFiles
}

/** A policy that holds, and what a person should know about it. */
export interface PolicyOf {
  readonly policy: Policy
  /** How many the configuration names. */
  readonly grants: number
  /** An error throws. */
  readonly warnings: readonly Problem[]
}

/** The policy that this makes. Throws a Fault with every problem. */
export function policyFrom(material: PolicyMaterial, config: Config): PolicyOf {
  const loaded = loadPolicy({ ...config.policy, ...material }, { own: config.module.id })
  return { ...loaded, grants: material.grants.length }
}
