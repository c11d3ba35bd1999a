/** The keys of `limits` in the configuration that something can run into; metrics count them. */
export const LIMITS = [
  'requestLineBytes',
  'headerBytes',
  'headerCount',
  'handshakeMs',
  'headMs',
  'bodyIdleMs',
  'callerReadIdleMs',
  'idleMs',
  'connectMs',
  'connectWaitMs',
  'responseHeadMs',
  'connections',
  'pendingConnections',
  'connectionsPerPeer',
  'exchanges',
  'exchangesPerCallee',
  'bufferedBytesPerExchange',
  'drainTimeoutMs',
  'connectionMaxAgeMs',
] as const

export type Limit = (typeof LIMITS)[number]
