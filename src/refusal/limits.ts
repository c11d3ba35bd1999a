/**
 * The keys of `limits` in the configuration that metrics count. Two are missing: nothing goes beyond
 * `bufferedBytesPerExchange`, and when `drainTimeoutMs` is over the process ends.
 */
export const LIMITS = [
  'requestLineBytes',
  'headerBytes',
  'headerCount',
  'handshakeMs',
  'handshakesPerSecond',
  'recordOverheadBytesPerSecond',
  'headMs',
  'bodyIdleMs',
  'bodyBytesPerSecond',
  'callerReadIdleMs',
  'calleeReadIdleMs',
  'idleMs',
  'halfCloseMs',
  'connectMs',
  'connectWaitMs',
  'responseHeadMs',
  'responseIdleMs',
  'connections',
  'pendingConnections',
  'connectionsPerPeer',
  'exchanges',
  'exchangesToModule',
  'exchangesPerCallee',
  'brokenOffPerSecond',
  'bufferedBytes',
  'connectionMaxAgeMs',
  'databaseSessions',
  'databaseLoginMs',
  'databaseIdleMs',
  'kafka.frameBytes',
  'kafka.heldBytes',
  'kafka.bufferedBytes',
  'kafka.connections',
  'kafka.requests',
  'kafka.frameMs',
  'kafka.idleMs',
] as const

export type Limit = (typeof LIMITS)[number]
