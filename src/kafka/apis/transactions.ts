import type { ApiEntry } from './api.ts'

/**
 * Idempotent and transactional producers. AddPartitionsToTxn from version 4 on is for brokers alone (KIP-890),
 * InitProducerId 6 for two-phase commit (KIP-939).
 */
export const TRANSACTION_APIS: readonly ApiEntry[] = [
  {
    key: 22,
    name: 'InitProducerId',
    versions: [0, 5],
    flexible: 2,
    rule: 'topics',
    request: `transaction ?string  timeoutMs int32  producerId int64@3+  producerEpoch int16@3+`,
    response: `throttleMs int32  error int16  producerId int64=-1  producerEpoch int16=-1`,
  },
  {
    key: 24,
    name: 'AddPartitionsToTxn',
    versions: [0, 3],
    flexible: 3,
    rule: 'allTopics',
    right: 'produce',
    request: `transaction string  producerId int64  producerEpoch int16
      topics [ name string  partitions raw [ int32 ] ]`,
    response: `throttleMs int32  topics [ name string  partitions [ index int32  error int16 ] ]`,
  },
  {
    key: 25,
    name: 'AddOffsetsToTxn',
    versions: [0, 4],
    flexible: 3,
    rule: 'topics',
    request: `transaction string  producerId int64  producerEpoch int16  group string`,
    response: `throttleMs int32  error int16`,
  },
  {
    key: 26,
    name: 'EndTxn',
    versions: [0, 5],
    flexible: 3,
    rule: 'topics',
    request: `transaction string  producerId int64  producerEpoch int16  committed bool`,
    response: `throttleMs int32  error int16  producerId int64@5+=-1  producerEpoch int16@5+=-1`,
  },
  {
    key: 28,
    name: 'TxnOffsetCommit',
    versions: [0, 5],
    flexible: 3,
    rule: 'topics',
    right: 'consume',
    request: `transaction string  group string  producerId int64  producerEpoch int16
      generation int32@3+  memberId string@3+  groupInstanceId ?string@3+
      topics [ name string  partitions raw [
        index int32  offset int64  leaderEpoch int32@2+  metadata ?string ] ]`,
    response: `throttleMs int32  topics [ name string  partitions [ index int32  error int16 ] ]`,
  },
]
