import type { Direction } from '../observe/labels.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { Head } from '../wire/head.ts'
import type { RequestRules } from './headers.ts'
import type { RequestContext } from './request-context.ts'

/**
 * Finds where a request goes and whose ingress decides, into the note, before anything is judged:
 * `at`, `judge`, `start`, `upstream`, `authority`.
 */
export type Destination = (context: RequestContext, head: Head) => Refusal | null

/** A listener, as data: what it takes off, what it tells the other side, where it leads. */
export interface HttpListener extends ListenerRules {
  readonly destination: Destination
}

export interface ListenerRules {
  readonly direction: Direction
  readonly request: RequestRules
  /** Is the tenant judged that Okapi will take, or the module? */
  readonly judgesTenant: boolean
  /** The tenant of a request that names none: Okapi takes supertenant; '' at a module, which takes none. */
  readonly impliedTenant: string
  /**
   * X-Okapi-Url: untouched here; made the egress with the path that it had, which the egress takes off
   * again; or made the egress and nothing else, because who sent it is not believed.
   */
  readonly okapiUrl: 'untouched' | 'rewritten' | 'replaced'
  /**
   * Who answers. A module's answer loses what that module must not say: at its own sidecar, and again at
   * Okapi's, where `callee` may be whoever has the module's key.
   */
  readonly answerer: 'module' | 'callee' | 'okapi'
}
