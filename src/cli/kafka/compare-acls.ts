import type { MessageValues } from '../../kafka/message.ts'
import type { BrokerAcl } from './broker-acls.ts'

/** An ACL of a cluster, which allows or denies. */
export interface ClusterAcl extends BrokerAcl {
  readonly permission: 'allow' | 'deny'
}

/** The differences between rules and cluster. */
export interface AclDifference {
  /** Allowed by a rule but not by the cluster. */
  readonly missing: readonly BrokerAcl[]
  /** Allowed by the cluster, to this principal or to all, but by no rule. */
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
/** Operations that imply Describe (org.apache.kafka.metadata.authorizer.StandardAuthorizerData). */
const IMPLIES_DESCRIBE = ['Read', 'Write', 'Delete', 'Alter', 'Describe', 'All']

/** The ACLs in an answer to DescribeAcls; unknown kinds are left out. */
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

/** Compares the ACLs from rules with those of a cluster, for one principal. */
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

/** Does the first allow everything that the second allows? */
function covers(one: BrokerAcl, other: BrokerAcl): boolean {
  if (one.resource !== other.resource || !holds(one.operation, other.operation)) return false
  if (one.pattern === 'literal') {
    return one.name === '*' || (other.pattern === 'literal' && one.name === other.name)
  }
  // `*` alone means all names, not names that begin with `*`.
  return other.name !== '*' && other.name.startsWith(one.name)
}

/** Is there a name that both match? */
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
