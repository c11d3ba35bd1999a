import { productOf } from '../../folio/module-id.ts'
import type { NamePattern } from '../../kafka/name-pattern.ts'
import type { AdminApi, KafkaRule } from '../../kafka/rules.ts'

/** An ACL of a broker that allows something, in the terms of kafka-acls.sh and `kafka.acl` of its source. */
export interface BrokerAcl {
  readonly principal: string
  readonly resource: 'topic' | 'group' | 'transactional-id' | 'cluster'
  readonly pattern: 'literal' | 'prefixed'
  /** `*` with the literal pattern type means all. */
  readonly name: string
  readonly operation: string
}

/** The ACLs for rules, and the patterns for which the ACL is wider than the rule. */
export interface BrokerAcls {
  readonly acls: readonly BrokerAcl[]
  readonly wider: readonly { readonly pattern: string; readonly name: string }[]
  /** Patterns with {tenant} for which no tenant is named. */
  readonly unnamed: readonly string[]
}

/** How a broker names a module: by the subject of its certificate, or by what a mapping rule makes from it. */
export type PrincipalKind = 'cn' | 'product'

/** For `ssl.principal.mapping.rules`: the product, which ends before the first `-` with a digit. */
export const MAPPING_RULES = 'RULE:^CN=([A-Za-z][A-Za-z0-9_-]*?)-[0-9][0-9A-Za-z._-]*$/$1/,DEFAULT'

export function principalOf(module: string, kind: PrincipalKind): string {
  return kind === 'cn' ? `User:CN=${module}` : `User:${productOf(module)}`
}

/** The operation that each AdminApi needs on a topic that the module may create, on a group, or on the cluster. */
const OPERATIONS: Readonly<Record<AdminApi, readonly [BrokerAcl['resource'], string]>> = {
  DeleteTopics: ['topic', 'Delete'],
  DeleteRecords: ['topic', 'Delete'],
  CreatePartitions: ['topic', 'Alter'],
  DescribeConfigs: ['topic', 'DescribeConfigs'],
  AlterConfigs: ['topic', 'AlterConfigs'],
  IncrementalAlterConfigs: ['topic', 'AlterConfigs'],
  DescribeAcls: ['cluster', 'Describe'],
  CreateAcls: ['cluster', 'Alter'],
  DeleteAcls: ['cluster', 'Alter'],
  DeleteGroups: ['group', 'Delete'],
  OffsetDelete: ['group', 'Delete'],
}

/**
 * The ACLs that let one module do what its rules allow. `Write` and `Read` imply `Describe`, and with `Write` a
 * producer may be idempotent (KIP-679).
 *
 * @param rules of this module, in force
 * @param tenants candidates for {tenant}: those that a pattern does not match are left out
 */
export function brokerAcls(
  rules: readonly KafkaRule[],
  { principal, tenants }: { principal: string; tenants: readonly string[] },
): BrokerAcls {
  const acls = new Map<string, BrokerAcl>()
  const wider = new Map<string, string>()
  const unnamed = new Set<string>()
  const add = (acl: Omit<BrokerAcl, 'principal'>) => {
    acls.set(JSON.stringify(Object.values(acl)), { principal, ...acl })
  }
  const allow = (
    resource: BrokerAcl['resource'],
    operation: string,
    patterns: readonly NamePattern[],
  ) => {
    for (const each of patterns) {
      const names = namesOf(each, tenants)
      if (names.length === 0) unnamed.add(each.text)
      for (const { pattern, name, exact } of names) {
        if (!exact) wider.set(each.text, name)
        add({ resource, pattern, name, operation })
      }
    }
  }
  for (const { topics, groups, transactions, admin } of rules) {
    allow('topic', 'Write', topics.produce)
    allow('topic', 'Read', topics.consume)
    allow('topic', 'Create', topics.create)
    allow('group', 'Read', groups)
    allow('transactional-id', 'Write', transactions)
    for (const api of admin) {
      const [resource, operation] = OPERATIONS[api]
      if (resource === 'cluster') {
        add({ resource, pattern: 'literal', name: 'kafka-cluster', operation })
      } else allow(resource, operation, resource === 'topic' ? topics.create : groups)
    }
  }
  return {
    acls: [...acls.values()],
    wider: [...wider].map(([pattern, name]) => ({ pattern, name })),
    unnamed: [...unnamed],
  }
}

interface Named {
  readonly pattern: BrokerAcl['pattern']
  readonly name: string
  /** Does the ACL match no more names than the pattern? */
  readonly exact: boolean
}

function namesOf(pattern: NamePattern, tenants: readonly string[]): Named[] {
  const { parts } = pattern
  const star = parts.findIndex(({ kind }) => kind === 'any')
  const before = star < 0 ? parts : parts.slice(0, star)
  const text = (list: NamePattern['parts'], tenant: string) =>
    list
      .map((part) => (part.kind === 'text' ? part.text : part.kind === 'tenant' ? tenant : ''))
      .join('')
  const candidates = parts.some(({ kind }) => kind === 'tenant') ? tenants : ['']
  const named = candidates
    .filter((tenant) => pattern.matches(text(parts, tenant)))
    .map((tenant) => text(before, tenant))
  return [...new Set(named)].map((name) => {
    if (star < 0) return { pattern: 'literal', name, exact: true }
    const exact = star === parts.length - 1
    return name === ''
      ? { pattern: 'literal', name: '*', exact }
      : { pattern: 'prefixed', name, exact }
  })
}
