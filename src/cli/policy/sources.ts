import { grantsInForce, type Installation } from '../../analysis/installation.ts'
import type { Config } from '../../config/config.ts'
import { readConsortiaFile } from '../../config/consortia.ts'
import { readGrants } from '../../config/grants.ts'
import { loadConfig } from '../../config/load.ts'
import { Fault, fault } from '../../fault.ts'
import { isOkapi, productOf, splitModuleId } from '../../folio/module-id.ts'
import type { MigrationFacts } from '../../observe/status/facts.ts'
import { compilePolicy, type PolicySource } from '../../policy/compiled-policy.ts'
import { KNOWN_GRANTS_FILE, loadDescriptors } from '../../policy/descriptor-files.ts'
import { type DescriptorSet, nearestModule } from '../../policy/descriptors.ts'
import { loadPolicy, type PolicyRules } from '../../policy/load-policy.ts'
import type { Policy } from '../../policy/policy.ts'
import type { RuleSource } from '../../policy/rule-source.ts'
import { migrationFacts } from '../../sidecar/migration.ts'
import { tell } from '../terminal.ts'

/** The options of a verb for the sources of the policy. */
export interface SourceOptions {
  readonly config?: string | undefined
  readonly descriptors?: string | undefined
  readonly grants?: string | undefined
}

/** The policy that the options name, and the set it was compiled from. Throws a Fault. */
export function policyFromOptions(options: SourceOptions): { policy: Policy; set: DescriptorSet } {
  const { rules } = readSources(options)
  const { set } = loadDescriptors(rules.descriptors)
  const { policy } = loadPolicy(rules)
  return { policy, set }
}

/** A policy with everything needed for lists of who may call what. */
export interface Installed extends Installation {
  readonly mode: Policy['mode']
  /** The migration listener that the configuration has, open or not. */
  readonly migration: MigrationFacts | null
}

/** The same with every grant, for verbs that list who may call what. Throws a Fault. */
export function installationOf(options: SourceOptions): Installed {
  const { rules, config } = readSources(options)
  const source = sourceFrom(rules)
  const { policy, problems } = compilePolicy(source)
  if (policy === undefined) throw new Fault(problems)
  tell(problems)
  const { descriptors: set } = source
  const grants = grantsInForce(source)
  const migration = config === undefined ? null : migrationFacts(config, Date.now())
  const made = { policy, set, grants, mode: policy.mode, migration }
  if (config === undefined || migration?.open !== true) return made
  const at = isOkapi(config.module.id) ? 'okapi' : config.module.id
  return { ...made, plain: { at, untilMs: migration.untilMs } }
}

/** Everything that the options name, read but not compiled. Throws a Fault. */
export function policySourceFrom(options: SourceOptions): PolicySource {
  return sourceFrom(readSources(options).rules)
}

function sourceFrom({ descriptors, report: reported, ...rules }: PolicyRules): PolicySource {
  return { ...rules, reported, descriptors: loadDescriptors(descriptors).set }
}

/** The grants in a separate file. Throws a Fault. */
export function grantsIn(file: string | undefined): readonly RuleSource[] {
  return readGrants({ inline: [], files: file === undefined ? [] : [file] })
}

function readSources({ config: file, descriptors, grants }: SourceOptions): {
  rules: PolicyRules
  config?: Config
} {
  if ((file === undefined) === (descriptors === undefined)) {
    throw fault('the policy comes from -c FILE, or from --descriptors PATH', {
      hint: 'one of them, not both',
    })
  }
  if (file !== undefined) {
    if (grants !== undefined) throw fault('--grants goes with --descriptors, not with -c')
    const { config } = loadConfig(file, process.env)
    const { policy } = config
    const known = policy.knownGrants.length === 0 ? [] : grantsIn(KNOWN_GRANTS_FILE)
    const consortia = readConsortiaFile(policy.consortiaFile)
    return { rules: { ...policy, known, grants: readGrants(policy.grants), consortia }, config }
  }
  const rules: PolicyRules = {
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
  return { rules }
}

/**
 * The full id of an installed module, given by its id or by a product with only one installed version.
 * Throws a Fault that begins with `option`.
 */
export function resolveModule(option: string, name: string, { modules }: DescriptorSet): string {
  if (modules.has(name)) return name
  const ids = [...modules.keys()]
  const versions = splitModuleId(name).version === undefined ? ids.filter(isOf(name)) : []
  const [only, more] = versions
  if (only !== undefined && more === undefined) return only
  if (more !== undefined) {
    const hint = `one of ${versions.join(', ')}`
    throw fault(`${option} ${name}: there is more than one`, { hint })
  }
  const nearest = nearestModule(name, [...ids, ...ids.map(productOf)])
  throw fault(`${option} ${name}: it is not installed`, {
    hint: nearest === null ? 'a product or a full module id' : `did you mean ${nearest}?`,
  })
}

const isOf = (product: string) => (id: string) => productOf(id) === product
