import type { Config, ConfiguredRule } from '../../config/config.ts'
import type { KafkaSettings } from '../../config/kafka.ts'
import { Fault, type Problem } from '../../fault.ts'
import type { PatternNames } from '../../kafka/name-pattern.ts'
import { KafkaRules, readKafkaRules } from '../../kafka/rules.ts'
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

/** A warning if there is a `kafka`, but no rule for this module. */
export function withoutKafkaRules({ rules }: KafkaRules, { kafka, module }: Config): Problem[] {
  if (kafka === undefined || rules.length > 0) return []
  const message = `kafka: no rule is for ${module.id}, so every topic and group is refused`
  const hint = 'set kafka.knownRules: true, write kafka.rules, or begin with kafka.mode: report'
  return [{ severity: 'warning', message, hint }]
}
