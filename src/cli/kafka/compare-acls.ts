import type { MessageValues } from '../../kafka/message.ts'
import type { BrokerAcl } from './broker-acls.ts'

/** An ACL that a cluster has: it allows or denies. */
export interface ClusterAcl extends BrokerAcl {
  readonly permission: 'allow' | 'deny'
}

/** What rules and cluster do not have in common. */
export interface AclDifference {
  /** What a rule allows and the cluster does not. */
  readonly missing: readonly BrokerAcl[]
  /** What the cluster allows this principal, or all of them, and no rule does. */
  readonly beyond: readonly BrokerAcl[]
}

// org.apache.kafka.common.resource.ResourceType, PatternType, acl.AclOperation, acl.AclPermissionType.
const RESOURCES: Readonly<Record<number, BrokerAcl['resource']>> = {
  2: 'topic',
  3: 'group',
  4: 'cluster',
  5: 'transactional-id',
}
const PATTERNS: Readonly<Record<number, BrokerAcl['pattern']>> = { 3: 'literal', 4: 'prefixed' }
const OPERATIONS: readonly string[] = [
  ...['Unknown', 'Any', 'All', 'Read', 'Write', 'Create', 'Delete', 'Alter', 'Describe'],
  ...['ClusterAction', 'DescribeConfigs', 'AlterConfigs', 'IdempotentWrite'],
]
const DENY = 2
const ANYONE = 'User:*'
/** What implies Describe (org.apache.kafka.metadata.authorizer.StandardAuthorizerData). */
const IMPLIES_DESCRIBE = ['Read', 'Write', 'Delete', 'Alter', 'Describe', 'All']

/** The ACLs in an answer to DescribeAcls; of a kind that is not known here, none. */
export function clusterAcls({ resources }: MessageValues): ClusterAcl[] {
  return values(resources).flatMap(({ resourceType, resourceName, patternType, acls }) => {
    const resource = RESOURCES[Number(resourceType)]
    const pattern = PATTERNS[Number(patternType)]
    if (resource === undefined || pattern === undefined) return []
    return values(acls).map(({ principal, operation, permissionType }) => ({
      principal: String(principal),
      resource,
      pattern,
      name: String(resourceName),
      operation: OPERATIONS[Number(operation)] ?? `operation ${operation}`,
      permission: Number(permissionType) === DENY ? 'deny' : 'allow',
    }))
  })
}

/** Holds the ACLs that rules make against those that a cluster has, for one principal. */
export function compareAcls(
  wanted: readonly BrokerAcl[],
  has: readonly ClusterAcl[],
  principal: string,
): AclDifference {
  const own = has.filter((acl) => acl.principal === principal || acl.principal === ANYONE)
  const allowed = own.filter(({ permission }) => permission === 'allow')
  const denied = own.filter(({ permission }) => permission === 'deny')
  return {
    missing: wanted.filter(
      (acl) =>
        !allowed.some((each) => covers(each, acl)) || denied.some((each) => meets(each, acl)),
    ),
    beyond: allowed
      .filter((acl) => !wanted.some((each) => covers(each, acl)))
      .map(({ permission: _, ...acl }) => acl),
  }
}

/** Does the first allow all that the second does? */
function covers(one: BrokerAcl, other: BrokerAcl): boolean {
  if (one.resource !== other.resource || !holds(one.operation, other.operation)) return false
  if (one.pattern === 'literal') {
    return one.name === '*' || (other.pattern === 'literal' && one.name === other.name)
  }
  // `*` alone is all names, not a name that begins so.
  return other.name !== '*' && other.name.startsWith(one.name)
}

/** Is there a name that both are about? */
function meets(one: BrokerAcl, other: BrokerAcl): boolean {
  if (one.resource !== other.resource || !holds(one.operation, other.operation)) return false
  const either = { ...one, operation: other.operation }
  return covers(either, other) || covers(other, either)
}

function holds(operation: string, other: string): boolean {
  if (operation === 'All' || operation === other) return true
  return other === 'Describe' && IMPLIES_DESCRIBE.includes(operation)
}

function values(list: MessageValues[string] | undefined): MessageValues[] {
  return Array.isArray(list) ? (list as MessageValues[]) : []
}
