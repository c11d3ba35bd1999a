import type { Config } from '../config/config.ts'
import type { Logger } from '../observe/log.ts'
import type { Policy } from '../policy/policy.ts'

/** The policy in force; replaced as a whole. */
export interface Policies {
  readonly current: Policy
}

export function loadPolicies(_config: Config, _log: Logger): Policies {
  throw new Error('not yet')
}
