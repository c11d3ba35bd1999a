import type { ApiEntry } from './api.ts'

/** What administrators do. DeleteTopics from version 6 on goes by topic ids. */
export const ADMINISTRATION_APIS: readonly ApiEntry[] = [
  {
    key: 19,
    name: 'CreateTopics',
    versions: [2, 7],
    flexible: 5,
    rule: 'topics',
    right: 'create',
    request: `topics [ name string  partitionCount int32  replicationFactor int16
        assignments raw [ index int32  brokerIds [ int32 ] ]
        configs raw [ name string  value ?string ] ]
      timeoutMs int32  validateOnly bool`,
    response: `throttleMs int32
      topics [ name string  topicId uuid@7+  error int16  message ?string
        partitionCount int32@5+=-1  replicationFactor int16@5+=-1
        configs ?[ name string  value ?string  readOnly bool  configSource int8
          isSensitive bool ]@5+
        topicConfigError int16@5+#0 ]`,
  },
  {
    key: 20,
    name: 'DeleteTopics',
    versions: [1, 5],
    flexible: 4,
    rule: 'admin',
    request: `topics [ string ]  timeoutMs int32`,
    response: `throttleMs int32  topics [ name string  error int16  message ?string@5+ ]`,
  },
  {
    key: 29,
    name: 'DescribeAcls',
    versions: [1, 3],
    flexible: 2,
    rule: 'admin',
    request: `resourceType int8  resourceName ?string  patternType int8  principal ?string
      host ?string  operation int8  permissionType int8`,
    response: `throttleMs int32  error int16  message ?string
      resources [ resourceType int8  resourceName string  patternType int8
        acls [ principal string  host string  operation int8  permissionType int8 ] ]`,
  },
  {
    key: 30,
    name: 'CreateAcls',
    versions: [1, 3],
    flexible: 2,
    rule: 'admin',
    request: `acls [ resourceType int8  resourceName string  patternType int8  principal string
      host string  operation int8  permissionType int8 ]`,
    response: `throttleMs int32  acls [ error int16  message ?string ]`,
  },
  {
    key: 31,
    name: 'DeleteAcls',
    versions: [1, 3],
    flexible: 2,
    rule: 'admin',
    request: `acls [ resourceType int8  resourceName ?string  patternType int8  principal ?string
      host ?string  operation int8  permissionType int8 ]`,
    response: `throttleMs int32
      acls [ error int16  message ?string
        matching [ error int16  message ?string  resourceType int8  resourceName string
          patternType int8  principal string  host string  operation int8
          permissionType int8 ] ]`,
  },
  {
    key: 32,
    name: 'DescribeConfigs',
    versions: [1, 4],
    flexible: 4,
    rule: 'resources',
    request: `resources [ resourceType int8  resourceName string  keys ?[ string ] ]
      includeSynonyms bool  includeDocumentation bool@3+`,
    response: `throttleMs int32
      resources [ error int16  message ?string  resourceType int8  resourceName string
        configs raw [ name string  value ?string  readOnly bool  configSource int8
          isSensitive bool  synonyms [ name string  value ?string  source int8 ]
          configType int8@3+  documentation ?string@3+ ] ]`,
  },
  {
    key: 33,
    name: 'AlterConfigs',
    versions: [0, 2],
    flexible: 2,
    rule: 'resources',
    request: `resources [ resourceType int8  resourceName string
        configs raw [ name string  value ?string ] ]
      validateOnly bool`,
    response: `throttleMs int32
      resources [ error int16  message ?string  resourceType int8  resourceName string ]`,
  },
  {
    key: 37,
    name: 'CreatePartitions',
    versions: [0, 3],
    flexible: 2,
    rule: 'admin',
    request: `topics [ name string  count int32  assignments raw ?[ brokerIds [ int32 ] ] ]
      timeoutMs int32  validateOnly bool`,
    response: `throttleMs int32  topics [ name string  error int16  message ?string ]`,
  },
  {
    key: 44,
    name: 'IncrementalAlterConfigs',
    versions: [0, 1],
    flexible: 1,
    rule: 'resources',
    request: `resources [ resourceType int8  resourceName string
        configs raw [ name string  operation int8  value ?string ] ]
      validateOnly bool`,
    response: `throttleMs int32
      resources [ error int16  message ?string  resourceType int8  resourceName string ]`,
  },
]
