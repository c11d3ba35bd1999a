import type { Config, ConfiguredRule } from '../config/config.ts'
import { Fault, type Problem } from '../fault.ts'
import { KafkaRules, readKafkaRules } from '../kafka/rules.ts'

/** What the module may do at its Kafka cluster now. */
export interface KafkaRulesInForce {
  readonly kafka: KafkaRules
}

/**
 * The rules that these are, as they were written; none where there is no `kafka`. Throws a Fault with everything
 * that is wrong with them.
 */
export function kafkaRulesFrom(written: readonly ConfiguredRule[], config: Config): KafkaRules {
  const { kafka, module } = config
  const problems: Problem[] = []
  const rules = kafka === undefined ? [] : readKafkaRules(written, kafka, problems)
  if (problems.length > 0) throw new Fault(problems)
  return new KafkaRules(rules, {
    module: module.id,
    mode: kafka?.mode ?? 'enforce',
    now: Date.now,
  })
}
