import type { Config, ConfiguredRule } from '../../config/config.ts'
import type { KafkaSettings } from '../../config/kafka.ts'
import { Fault, type Problem } from '../../fault.ts'
import type { NamePattern, PatternNames } from '../../kafka/name-pattern.ts'
import { type KafkaRule, KafkaRules, readKafkaRules } from '../../kafka/rules.ts'
import { guardedTenants } from './guarded-tenants.ts'

/** What the module may currently do at its Kafka cluster. */
export interface KafkaRulesInForce {
  readonly kafka: KafkaRules
}

/**
 * The rules as written; none without `kafka`. Throws a Fault with everything that is wrong with them.
 */
export function kafkaRulesFrom(written: readonly ConfiguredRule[], config: Config): KafkaRules {
  const { kafka, module } = config
  const problems: Problem[] = []
  const rules =
    kafka === undefined ? [] : readKafkaRules(written, kafkaNames(kafka, config), problems)
  if (problems.length > 0) throw new Fault(problems)
  return new KafkaRules(rules, {
    module: module.id,
    mode: kafka?.mode ?? 'enforce',
    now: Date.now,
  })
}

/**
 * The values of placeholders in rules. Without `kafka.tenants`, {tenant} is one of those that the tenant guard lets
 * the module act for, if it has a list and is enforced.
 */
export function kafkaNames(kafka: KafkaSettings, config: Config): PatternNames {
  if (kafka.tenants.length > 0) return kafka
  const tenants = guardedTenants(config)
  return tenants.length === 0 ? kafka : { ...kafka, tenants }
}

/** Warnings if there is a `kafka`: no rule for this module, or one that allows nothing or far too much. */
export function kafkaRuleWarnings({ rules }: KafkaRules, { kafka, module }: Config): Problem[] {
  if (kafka === undefined) return []
  if (rules.length > 0) return rules.flatMap((rule) => ruleWarnings(rule, Date.now()))
  const message = `kafka: no rule is for ${module.id}, so every topic and group is refused`
  const hint = 'set kafka.knownRules: true, write kafka.rules, or begin with kafka.mode: report'
  return [{ severity: 'warning', message, hint }]
}

function ruleWarnings(rule: KafkaRule, now: number): Problem[] {
  const { file, pointer, topics, groups, admin } = rule
  const warning = (message: string, at = ''): Problem => {
    return { severity: 'warning', message, where: { file, pointer: `${pointer}${at}` } }
  }
  if (rule.untilMs <= now) return [warning('this rule has ended: remove it')]
  const isAll = ({ text }: NamePattern) => text === '*'
  const kafkasOwn = Object.entries(topics).flatMap(([right, patterns]) =>
    patterns.filter(({ text }) => text.startsWith('__')).map(({ text }) => [right, text]),
  )
  const rights = Object.entries(topics).filter(([, patterns]) => patterns.some(isAll))
  const acls = admin.filter((name) => name === 'CreateAcls' || name === 'DeleteAcls')
  return [
    ...rights.map(([right]) =>
      warning(`\`*\` is every topic, of every module and tenant`, `/topics/${right}`),
    ),
    ...kafkasOwn.map(([right, text]) =>
      warning(`\`${text}\` is of Kafka itself, with the state of all modules`, `/topics/${right}`),
    ),
    ...(groups.some(isAll) ? [warning('`*` is every group, of every module', '/groups')] : []),
    ...acls.map((name) =>
      warning(
        `${name} makes the module an administrator: it decides about the ACLs of all`,
        '/admin',
      ),
    ),
  ]
}
