import { readGrants } from '../../config/grants.ts'
import { loadConfig } from '../../config/load.ts'
import { Fault, fault } from '../../fault.ts'
import type { Clause } from '../../policy/clause.ts'
import { compilePolicy, type PolicySource } from '../../policy/compile.ts'
import type { DescriptorSet } from '../../policy/descriptors.ts'
import { grantsInForce } from '../../policy/grants-in-force.ts'
import { loadPolicy, type PolicyRules } from '../../policy/load.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Installation } from '../../policy/reach.ts'
import { KNOWN_GRANTS_FILE, loadDescriptors } from '../../policy/source.ts'
import { tell } from '../terminal.ts'

/** What the options of a verb say about where the policy comes from. */
export interface SourceOptions {
  readonly config?: string | undefined
  readonly descriptors?: string | undefined
  readonly grants?: string | undefined
}

/** The policy that the options name, and the set it was compiled from. Throws a Fault. */
export function policyOf(options: SourceOptions): { policy: Policy; set: DescriptorSet } {
  const rules = rulesOf(options)
  const { set } = loadDescriptors(rules.descriptors)
  const { policy } = loadPolicy(rules)
  return { policy, set }
}

/** The same with every grant, for verbs that list who may call what. Throws a Fault. */
export function installationOf(options: SourceOptions): Installation & { mode: Policy['mode'] } {
  const source = sourceOf(options)
  const { policy, problems } = compilePolicy(source)
  if (policy === undefined) throw new Fault(problems)
  tell(problems)
  const { descriptors: set } = source
  return { policy, set, grants: grantsInForce(source), mode: policy.mode }
}

/** All that the options name, read but not compiled. Throws a Fault. */
export function sourceOf(options: SourceOptions): PolicySource {
  const { descriptors, report: reported, ...rules } = rulesOf(options)
  return { ...rules, reported, descriptors: loadDescriptors(descriptors).set }
}

/** The grants in a file of their own. Throws a Fault. */
export function grantsIn(file: string | undefined): readonly Clause[] {
  return readGrants({ inline: [], files: file === undefined ? [] : [file] })
}

function rulesOf({ config, descriptors, grants }: SourceOptions): PolicyRules {
  if ((config === undefined) === (descriptors === undefined)) {
    throw fault('the policy comes from -c FILE, or from --descriptors PATH', {
      hint: 'one of them, not both',
    })
  }
  if (config !== undefined) {
    if (grants !== undefined) throw fault('--grants goes with --descriptors, not with -c')
    const { policy } = loadConfig(config, process.env).config
    const known = policy.knownGrants.length === 0 ? [] : grantsIn(KNOWN_GRANTS_FILE)
    return { ...policy, known, grants: readGrants(policy.grants) }
  }
  return {
    descriptors: descriptors!,
    grants: grantsIn(grants),
    mode: 'enforce',
    report: [],
    known: [],
    knownGrants: [],
    quarantine: [],
    pathExceptions: [],
    sensitivity: {},
  }
}
