import { Fault, type Problem } from '../fault.ts'
import { compilePolicy } from './compiled-policy.ts'
import type { LineMode, Sensitivity } from './decision.ts'
import { type DescriptorFiles, loadDescriptors, readDescriptorFiles } from './descriptor-files.ts'
import { unusualTrust } from './descriptor-trust.ts'
import type { Policy } from './policy.ts'
import type { RuleSource } from './rule-source.ts'
import type { WithoutToken } from './tenant-rules.ts'

/** The section `policy` of the configuration, with the files of grants read. */
export interface PolicyRules {
  /** Path of a folder or a packed file, or what was read there. */
  readonly descriptors: string | DescriptorFiles
  readonly mode: 'enforce' | 'report'
  /** Interfaces in report mode while the rest is enforced. */
  readonly report: readonly string[]
  readonly caller?: LineMode
  readonly grants: readonly RuleSource[]
  /** The content of `grants/known.yaml`; needed if `knownGrants` is not empty. */
  readonly known: readonly RuleSource[]
  readonly knownGrants: readonly string[]
  readonly quarantine: readonly RuleSource[]
  readonly pathExceptions: readonly RuleSource[]
  readonly sensitivity: Readonly<Record<string, Sensitivity>>
  readonly tenants?: LineMode
  readonly tenantsOf?: readonly RuleSource[]
  readonly withoutToken?: WithoutToken
  /** What the file of consortia has; undefined where there is none. */
  readonly consortia?: RuleSource | undefined
}

/**
 * Reads the descriptors and compiles. Throws a Fault with every problem when there is an error, so
 * that the last good policy can stay; returns the warnings beside the policy.
 */
export function loadPolicy(
  { descriptors, report, ...rules }: PolicyRules,
  { own, now }: { own?: string; now?: () => number } = {},
): { policy: Policy; warnings: readonly Problem[] } {
  const read = typeof descriptors === 'string' ? readDescriptorFiles(descriptors) : descriptors
  const paths = new Map(read.files.map(({ file, path }) => [file, path]))
  const { set, warnings } = loadDescriptors(read)
  const { policy, problems } = compilePolicy({
    ...rules,
    descriptors: set,
    reported: report,
    ...(own === undefined ? {} : { own }),
    ...(now === undefined ? {} : { now }),
  })
  const all = [...warnings, ...problems, ...unusualTrust(set, (file) => paths.get(file) ?? file)]
  if (policy === undefined) throw new Fault(all)
  return { policy, warnings: all }
}
