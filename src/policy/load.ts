import { Fault, type Problem } from '../fault.ts'
import type { Clause } from './clause.ts'
import { compilePolicy } from './compile.ts'
import type { Sensitivity } from './decision.ts'
import type { Policy } from './policy.ts'
import { type DescriptorFiles, loadDescriptors, readDescriptors } from './source.ts'
import { unusualTrust } from './trusted.ts'

/** The section `policy` of the configuration, with the files of grants read. */
export interface PolicyRules {
  /** Path of a folder or a packed file, or what was read there. */
  readonly descriptors: string | DescriptorFiles
  readonly mode: 'enforce' | 'report'
  /** Interfaces in report mode while the rest is enforced. */
  readonly report: readonly string[]
  readonly grants: readonly Clause[]
  /** What `grants/known.yaml` holds; needed where `knownGrants` names anything. */
  readonly known: readonly Clause[]
  readonly knownGrants: readonly string[]
  readonly quarantine: readonly Clause[]
  readonly pathExceptions: readonly Clause[]
  readonly sensitivity: Readonly<Record<string, Sensitivity>>
}

/**
 * Reads the descriptors and compiles. Throws a Fault with every problem when there is an error, so
 * that the last good policy can stay; returns the warnings beside the policy.
 */
export function loadPolicy(
  { descriptors, report, ...rules }: PolicyRules,
  { own, now }: { own?: string; now?: () => number } = {},
): { policy: Policy; warnings: readonly Problem[] } {
  const read = typeof descriptors === 'string' ? readDescriptors(descriptors) : descriptors
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
