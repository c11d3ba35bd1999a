import type { ApiEntry } from './api.ts'

/**
 * Where brokers are, what they speak, and who one is. Metadata begins at version 4: before it a client cannot
 * say that a topic is not to be created. From 12 on topics are asked for by their ids. SaslHandshake 0 would be
 * followed by bytes that are no frames.
 */
export const CLUSTER_APIS: readonly ApiEntry[] = [
  {
    key: 3,
    name: 'Metadata',
    versions: [4, 11],
    flexible: 9,
    rule: 'metadata',
    request: `topics ?[ topicId uuid@10+  name string@0-9  name ?string@10+ ]
      allowAutoTopicCreation bool  includeClusterAuthorizedOperations bool@8-10
      includeTopicAuthorizedOperations bool@8+`,
    response: `throttleMs int32
      nodes [ nodeId int32  host string  port int32  rack ?string ]
      clusterId ?string  controllerId int32
      topics [ error int16  name string  topicId uuid@10+  isInternal bool
        partitions raw [ error int16  index int32  leaderId int32  leaderEpoch int32@7+
          replicaNodes [ int32 ]  isrNodes [ int32 ]  offlineReplicas [ int32 ]@5+ ]
        topicAuthorizedOperations int32@8+=-2147483648 ]
      clusterAuthorizedOperations int32@8-10`,
  },
  {
    key: 10,
    name: 'FindCoordinator',
    versions: [0, 5],
    flexible: 3,
    rule: 'coordinator',
    request: `key string@0-3  keyType int8@1+  keys [ string ]@4+`,
    response: `throttleMs int32@1+  error int16@0-3  message ?string@1-3
      nodeId int32@0-3=-1  host string@0-3  port int32@0-3=-1
      coordinators [ key string  nodeId int32=-1  host string  port int32=-1  error int16
        message ?string ]@4+`,
  },
  {
    key: 17,
    name: 'SaslHandshake',
    versions: [1, 1],
    rule: 'open',
    request: `mechanism string`,
    response: `error int16  mechanisms [ string ]`,
  },
  {
    key: 18,
    name: 'ApiVersions',
    versions: [0, 4],
    flexible: 3,
    rule: 'open',
    request: `clientSoftwareName string@3+  clientSoftwareVersion string@3+`,
    response: `error int16
      apis [ key int16  first int16  last int16 ]
      throttleMs int32@1+
      supportedFeatures [ name string  first int16  last int16 ]@3+#0
      finalizedFeaturesEpoch int64@3+#1
      finalizedFeatures [ name string  last int16  first int16 ]@3+#2
      zkMigrationReady bool@3+#3`,
  },
  {
    key: 36,
    name: 'SaslAuthenticate',
    versions: [0, 2],
    flexible: 2,
    rule: 'open',
    request: `token bytes`,
    response: `error int16  message ?string  token bytes  sessionLifetimeMs int64@1+`,
  },
  {
    key: 60,
    name: 'DescribeCluster',
    versions: [0, 1],
    flexible: 0,
    rule: 'open',
    request: `includeClusterAuthorizedOperations bool  endpointType int8@1+`,
    response: `throttleMs int32  error int16  message ?string  endpointType int8@1+
      clusterId string  controllerId int32
      nodes [ nodeId int32  host string  port int32  rack ?string ]
      clusterAuthorizedOperations int32`,
  },
]
