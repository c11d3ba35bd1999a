import type { ApiEntry } from './api.ts'

/**
 * Consumer groups of the classic protocol. That of KIP-848 (ConsumerGroupHeartbeat) is not here: clients that are
 * not offered it use this one.
 */
export const GROUP_APIS: readonly ApiEntry[] = [
  {
    key: 8,
    name: 'OffsetCommit',
    versions: [2, 9],
    flexible: 8,
    rule: 'topics',
    right: 'consume',
    request: `group string  generation int32  memberId string  groupInstanceId ?string@7+
      retentionMs int64@2-4
      topics [ name string  partitions raw [
        index int32  offset int64  leaderEpoch int32@6+  metadata ?string ] ]`,
    response: `throttleMs int32@3+
      topics [ name string  partitions [ index int32  error int16 ] ]`,
  },
  {
    key: 9,
    name: 'OffsetFetch',
    versions: [1, 9],
    flexible: 6,
    rule: 'offsetFetch',
    right: 'consume',
    request: `group string@1-7  topics [ name string  partitions raw [ int32 ] ]@1
      topics ?[ name string  partitions raw [ int32 ] ]@2-7
      groups [ group string  memberId ?string@9+  memberEpoch int32@9+
        topics ?[ name string  partitions raw [ int32 ] ] ]@8+
      requireStable bool@7+`,
    response: `throttleMs int32@3+
      topics [ name string  partitions [
        index int32  offset int64=-1  leaderEpoch int32@5+=-1  metadata ?string  error int16 ] ]@0-7
      error int16@2-7
      groups [ group string
        topics [ name string  partitions [
          index int32  offset int64=-1  leaderEpoch int32=-1  metadata ?string  error int16 ] ]
        error int16 ]@8+`,
  },
  {
    key: 11,
    name: 'JoinGroup',
    versions: [0, 9],
    flexible: 6,
    rule: 'topics',
    request: `group string  sessionTimeoutMs int32  rebalanceTimeoutMs int32@1+  memberId string
      groupInstanceId ?string@5+  protocolType string
      protocols raw [ name string  metadata bytes ]  reason ?string@8+`,
    response: `throttleMs int32@2+  error int16  generation int32=-1  protocolType ?string@7+
      protocolName string@0-6  protocolName ?string@7+  leader string  skipAssignment bool@9+
      memberId string
      members [ memberId string  groupInstanceId ?string@5+  metadata bytes ]`,
  },
  {
    key: 12,
    name: 'Heartbeat',
    versions: [0, 4],
    flexible: 4,
    rule: 'topics',
    request: `group string  generation int32  memberId string  groupInstanceId ?string@3+`,
    response: `throttleMs int32@1+  error int16`,
  },
  {
    key: 13,
    name: 'LeaveGroup',
    versions: [0, 5],
    flexible: 4,
    rule: 'topics',
    request: `group string  memberId string@0-2
      members raw [ memberId string  groupInstanceId ?string  reason ?string@5+ ]@3+`,
    response: `throttleMs int32@1+  error int16
      members [ memberId string  groupInstanceId ?string  error int16 ]@3+`,
  },
  {
    key: 14,
    name: 'SyncGroup',
    versions: [0, 5],
    flexible: 4,
    rule: 'topics',
    request: `group string  generation int32  memberId string  groupInstanceId ?string@3+
      protocolType ?string@5+  protocolName ?string@5+
      assignments raw [ memberId string  assignment bytes ]`,
    response: `throttleMs int32@1+  error int16  protocolType ?string@5+  protocolName ?string@5+
      assignment bytes`,
  },
  {
    key: 15,
    name: 'DescribeGroups',
    versions: [0, 5],
    flexible: 5,
    rule: 'groupList',
    request: `groups [ string ]  includeAuthorizedOperations bool@3+`,
    response: `throttleMs int32@1+
      groups [ error int16  group string  state string  protocolType string  protocolData string
        members raw [ memberId string  groupInstanceId ?string@4+  clientId string
          clientHost string  metadata bytes  assignment bytes ]
        authorizedOperations int32@3+=-2147483648 ]`,
  },
  {
    key: 16,
    name: 'ListGroups',
    versions: [0, 5],
    flexible: 3,
    rule: 'groupList',
    request: `statesFilter [ string ]@4+  typesFilter [ string ]@5+`,
    response: `throttleMs int32@1+  error int16
      groups [ group string  protocolType string  state string@4+  type string@5+ ]`,
  },
  {
    key: 42,
    name: 'DeleteGroups',
    versions: [0, 2],
    flexible: 2,
    rule: 'admin',
    request: `groups [ string ]`,
    response: `throttleMs int32  groups [ group string  error int16 ]`,
  },
  {
    key: 47,
    name: 'OffsetDelete',
    versions: [0, 0],
    rule: 'admin',
    request: `group string  topics [ name string  partitions raw [ index int32 ] ]`,
    response: `error int16  throttleMs int32
      topics [ name string  partitions [ index int32  error int16 ] ]`,
  },
]
