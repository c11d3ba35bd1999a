import type { ApiEntry } from './api.ts'

/**
 * Records and their offsets. Topics go by name up to Produce 12, Fetch 12, OffsetCommit 9 and OffsetFetch 9; from
 * the next versions on they go by id, which says nothing to a rule (KIP-516).
 */
export const RECORD_APIS: readonly ApiEntry[] = [
  {
    key: 0,
    name: 'Produce',
    versions: [3, 12],
    flexible: 9,
    rule: 'topics',
    right: 'produce',
    request: `transaction ?string  acks int16  timeoutMs int32
      topics [ name string  partitions raw [ index int32  records ?bytes ] ]`,
    response: `topics [ name string  partitions [
        index int32  error int16  baseOffset int64=-1  logAppendTimeMs int64=-1
        logStartOffset int64@5+=-1
        recordErrors raw [ batchIndex int32  message ?string ]@8+
        message ?string@8+
        currentLeader { leaderId int32  leaderEpoch int32 }@10+#0 ] ]
      throttleMs int32
      nodes [ nodeId int32  host string  port int32  rack ?string ]@10+#0`,
  },
  {
    key: 1,
    name: 'Fetch',
    versions: [4, 12],
    flexible: 12,
    rule: 'fetch',
    right: 'consume',
    request: `replicaId int32  maxWaitMs int32  minBytes int32  maxBytes int32  isolation int8
      sessionId int32@7+  sessionEpoch int32@7+
      topics [ name string  partitions raw [
        index int32  currentLeaderEpoch int32@9+  offset int64  lastFetchedEpoch int32@12+
        logStartOffset int64@5+  partitionMaxBytes int32 ] ]
      forgotten [ name string  partitions raw [ int32 ] ]@7+
      rack string@11+
      clusterId ?string@12+#0`,
    response: `throttleMs int32  error int16@7+  sessionId int32@7+
      topics [ name string  partitions [
        index int32  error int16  highWatermark int64=-1  lastStableOffset int64=-1
        logStartOffset int64@5+=-1
        aborted ?[ producerId int64  firstOffset int64 ]
        preferredReadReplica int32@11+=-1
        records ?bytes
        divergingEpoch { epoch int32  endOffset int64 }@12+#0
        currentLeader { leaderId int32  leaderEpoch int32 }@12+#1
        snapshotId { endOffset int64  epoch int32 }@12+#2 ] ]`,
  },
  {
    key: 2,
    name: 'ListOffsets',
    versions: [1, 10],
    flexible: 6,
    rule: 'topics',
    right: 'consume',
    request: `replicaId int32  isolation int8@2+
      topics [ name string  partitions raw [
        index int32  currentLeaderEpoch int32@4+  timestamp int64 ] ]
      timeoutMs int32@10+`,
    response: `throttleMs int32@2+
      topics [ name string  partitions [
        index int32  error int16  timestamp int64=-1  offset int64=-1  leaderEpoch int32@4+=-1 ] ]`,
  },
  {
    key: 21,
    name: 'DeleteRecords',
    versions: [0, 2],
    flexible: 2,
    rule: 'admin',
    request: `topics [ name string  partitions raw [ index int32  offset int64 ] ]  timeoutMs int32`,
    response: `throttleMs int32
      topics [ name string  partitions [ index int32  lowWatermark int64=-1  error int16 ] ]`,
  },
  {
    key: 23,
    name: 'OffsetForLeaderEpoch',
    versions: [2, 4],
    flexible: 4,
    rule: 'topics',
    right: 'consume',
    request: `replicaId int32@3+
      topics [ name string  partitions raw [
        index int32  currentLeaderEpoch int32  leaderEpoch int32 ] ]`,
    response: `throttleMs int32
      topics [ name string  partitions [
        error int16  index int32  leaderEpoch int32=-1  endOffset int64=-1 ] ]`,
  },
]
