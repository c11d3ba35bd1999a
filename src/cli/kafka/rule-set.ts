import { KNOWN_KAFKA_RULES_FILE, writtenKafkaRules } from '../../config/kafka-rules.ts'
import { loadConfig } from '../../config/load.ts'
import { Fault, fault, type Problem } from '../../fault.ts'
import { productOf } from '../../folio/module-id.ts'
import type { PatternNames } from '../../kafka/name-pattern.ts'
import { type KafkaRule, readKafkaRules } from '../../kafka/rules.ts'
import { loadDescriptors } from '../../policy/descriptor-files.ts'
import type { RuleSource } from '../../policy/rule-source.ts'
import { kafkaNames } from '../../sidecar/legs/kafka-rules.ts'
import { type BrokerAcls, brokerAcls, type PrincipalKind, principalOf } from './broker-acls.ts'

/** Rules, the values of their placeholders, and the modules that they are for. */
export interface KafkaRuleSet {
  readonly modules: readonly string[]
  readonly sources: readonly RuleSource[]
  readonly names: PatternNames
}

/** The rules of a sidecar's configuration, for its module. Throws a Fault. */
export function configured(file: string | undefined): KafkaRuleSet {
  const { config } = loadConfig(file, process.env)
  if (config.kafka === undefined) throw fault('the configuration has no `kafka`')
  return {
    modules: [config.module.id],
    sources: writtenKafkaRules(config.kafka),
    names: kafkaNames(config.kafka, config),
  }
}

/** The rules of every module of a folder: the shipped ones and those of files. Throws a Fault. */
export function installed(
  descriptors: string,
  { rules, names }: { rules: readonly string[]; names: PatternNames },
): KafkaRuleSet {
  const { set } = loadDescriptors(descriptors)
  const sources = writtenKafkaRules({
    rules: { inline: [], files: [...rules, KNOWN_KAFKA_RULES_FILE] },
    knownRules: false,
  })
  return { modules: [...set.modules.keys()].sort(), sources, names }
}

/** The ACLs of all modules of a set. Throws a Fault for rules that cannot be read or expressed as ACLs. */
export function aclsOf(
  { modules, sources, names }: KafkaRuleSet,
  { tenants, kind, now }: { tenants: readonly string[]; kind: PrincipalKind; now: number },
): Pick<BrokerAcls, 'acls' | 'wider'> {
  const problems: Problem[] = []
  // Tenants that are given only here apply to rules for any tenant.
  const rules = readKafkaRules(sources, names, problems).filter(({ untilMs }) => now < untilMs)
  if (problems.length > 0) throw new Fault(problems)
  const { tenantCollection: collection } = names
  const candidates = new Set([
    ...names.tenants,
    ...tenants,
    ...(collection === undefined ? [] : [collection]),
    ...sources.flatMap(ownTenants),
  ])
  const all = modules.map((module) =>
    brokerAcls(
      rules.filter((rule) => isFor(rule, module)),
      { principal: principalOf(module, kind), tenants: [...candidates] },
    ),
  )
  const unnamed = [...new Set(all.flatMap((each) => each.unnamed))]
  if (unnamed.length > 0) {
    const more = unnamed.length > 1 ? ` and ${unnamed.length - 1} more` : ''
    throw fault(`no tenant is named that fits ${unnamed[0]}${more}`, {
      hint: 'a broker knows no {tenant}: name each by --tenant T',
    })
  }
  return { acls: all.flatMap(({ acls }) => acls), wider: all.flatMap(({ wider }) => wider) }
}

function isFor({ caller }: KafkaRule, module: string): boolean {
  return caller === module || caller === productOf(module)
}

function ownTenants({ value }: RuleSource): string[] {
  if (typeof value !== 'object' || value === null || !('tenants' in value)) return []
  return Array.isArray(value.tenants) ? value.tenants.map(String) : []
}
