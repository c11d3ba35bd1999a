import { fileURLToPath } from 'node:url'
import type { ConfiguredRule } from './config.ts'
import { readGrants } from './grants.ts'
import type { KafkaSettings } from './kafka.ts'

/** The rules for Kafka that ship with the product: YAML, a list with a product as each caller. */
export const KNOWN_KAFKA_RULES_FILE = fileURLToPath(
  new URL('../../grants/kafka.yaml', import.meta.url),
)

/**
 * All rules for Kafka, of every module, for `readKafkaRules`: those of the configuration, of its files, and
 * with `knownRules` those that ship. Throws a Fault for a file that is absent, no list, or open to others;
 * called again when a file changes.
 */
export function writtenKafkaRules({
  rules,
  knownRules,
}: Pick<KafkaSettings, 'rules' | 'knownRules'>): readonly ConfiguredRule[] {
  const shipped = knownRules ? [KNOWN_KAFKA_RULES_FILE] : []
  return readGrants({ inline: rules.inline, files: [...rules.files, ...shipped] })
}
