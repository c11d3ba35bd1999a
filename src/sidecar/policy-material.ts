import type { Config, ConfiguredRule } from '../config/config.ts'
import { hintsOf, inOneLine, type Problem, sentence } from '../fault.ts'
import type { Logger } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Readiness } from '../observe/readiness.ts'
import type { DescriptorFiles } from '../policy/descriptor-files.ts'
import { loadPolicy } from '../policy/load-policy.ts'
import type { Policy } from '../policy/policy.ts'
import type { PolicyCell } from '../proxy/destination.ts'
import type { Authentication } from './authentication.ts'
import type { Connections } from './connections.ts'
import { type KafkaRulesInForce, kafkaRulesFrom, kafkaRuleWarnings } from './legs/kafka-rules.ts'

/** All inputs of a policy, as they were read; plain data that can be passed to threads. */
export interface PolicyMaterial {
  readonly grants: readonly ConfiguredRule[]
  readonly known: readonly ConfiguredRule[]
  readonly consortia: ConfiguredRule | undefined
  readonly descriptors: DescriptorFiles
  /** Rules for Kafka, of every module. */
  readonly kafka: readonly ConfiguredRule[]
}

/** A policy, and its warnings. */
export interface PolicyOf extends KafkaRulesInForce {
  readonly policy: Policy
  /** How many the configuration names. */
  readonly grants: number
  /** An error throws. */
  readonly warnings: readonly Problem[]
}

/** The policy that this makes. Throws a Fault with every problem. */
export function policyFrom(material: PolicyMaterial, config: Config): PolicyOf {
  const loaded = loadPolicy({ ...config.policy, ...material }, { own: config.module.id })
  const kafka = kafkaRulesFrom(material.kafka, config)
  const warnings = [...loaded.warnings, ...kafkaRuleWarnings(kafka, config)]
  return { ...loaded, kafka, warnings, grants: material.grants.length }
}

/** Everything that a change of policy affects. */
export interface PolicyChangeParts {
  readonly config: Config
  readonly policies: PolicyCell
  readonly authentication: Authentication
  readonly connections: Connections
}

/** All that report it. */
export interface PolicyChangeReaders {
  readonly policies: PolicyCell
  readonly readiness: Readiness
  readonly metrics: Metrics
  readonly log: Logger
}

/**
 * The next exchange is judged by the new policy; callers that may no longer do anything are
 * disconnected.
 */
export function policyChanged({
  config,
  policies,
  authentication,
  connections,
}: PolicyChangeParts): void {
  const policy = policies.current
  authentication.live.forEach(({ socket, identity, role }) => {
    const shut = role === 'client' && !policy.bind(identity, config.module.id).open
    if (shut) connections.dismiss(socket)
  })
}

/** A policy was taken up, or was not. */
export function tellPolicy(telling: PolicyChangeReaders, { result, problems }: PolicyReport): void {
  const { policies, readiness, metrics, log } = telling
  const { hash, mode } = policies.current
  const said = problems.map(sentence)
  const hints = hintsOf(problems)
  metrics.policyReloaded(result)
  if (result === 'ok') {
    readiness.remark('policy', undefined)
    log.info({ hash, mode, warnings: said, ...hints }, 'policy loaded')
  } else {
    const why = `the last good policy stays in force: ${inOneLine(problems)}`
    readiness.remark('policy', why)
    log.error({ hash, mode, problems: said, ...hints }, 'new policy refused')
  }
}

/** Reported once for each policy that came into force, and for each new reason why one did not. */
export type PolicyReport =
  | { readonly result: 'ok'; readonly problems: readonly Problem[] }
  | { readonly result: 'failed'; readonly problems: readonly Problem[] }
