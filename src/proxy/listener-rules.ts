import { SUPERTENANT } from '../folio/tenant.ts'
import type { Direction } from '../observe/labels.ts'
import { type Caller, speaksAsOkapi } from '../policy/caller.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { Head } from '../wire/head.ts'
import {
  ACTION,
  AT_OKAPI,
  DIRECTLY,
  FROM_MODULE,
  FROM_OKAPI,
  FROM_PUBLIC,
  FROM_UNPROVEN,
  FROM_UNPROVEN_TO_OKAPI,
} from './header-tables.ts'
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

/** The doors, each a row; a sidecar has those that its configuration names. */
export const LISTENER_RULES = {
  /** Mutual TLS, from Okapi's sidecar to this module. */
  ingress: {
    direction: 'ingress',
    request: {
      actions: FROM_OKAPI,
      tokenCookies: 'readers',
      userId: ACTION.pass,
      appendsAddress: false,
    },
    judgesTenant: false,
    impliedTenant: '',
    okapiUrl: 'rewritten',
    answerer: 'module',
  },
  /** Mutual TLS, to this module from whoever is not Okapi and was granted something. */
  direct: {
    direction: 'ingress',
    request: {
      actions: DIRECTLY,
      tokenCookies: ACTION.refuse,
      userId: ACTION.refuse,
      appendsAddress: false,
    },
    judgesTenant: true,
    impliedTenant: '',
    okapiUrl: 'replaced',
    answerer: 'module',
  },
  /** Mutual TLS, from everybody's sidecar to Okapi. */
  okapi: {
    direction: 'ingress',
    request: {
      actions: AT_OKAPI,
      tokenCookies: ACTION.refuse,
      userId: ACTION.refuse,
      appendsAddress: false,
    },
    judgesTenant: true,
    impliedTenant: SUPERTENANT,
    okapiUrl: 'untouched',
    answerer: 'okapi',
  },
  /** Plain, from this module to Okapi's sidecar. */
  egress: {
    direction: 'egress',
    request: {
      actions: FROM_MODULE,
      tokenCookies: ACTION.drop,
      userId: ACTION.drop,
      appendsAddress: false,
    },
    judgesTenant: true,
    impliedTenant: SUPERTENANT,
    okapiUrl: 'untouched',
    answerer: 'okapi',
  },
  /** Plain, from Okapi to the sidecars of modules: the first path segment names the module. */
  modules: {
    direction: 'modules',
    request: {
      actions: FROM_OKAPI,
      tokenCookies: ACTION.pass,
      userId: ACTION.pass,
      appendsAddress: false,
    },
    judgesTenant: false,
    impliedTenant: '',
    okapiUrl: 'untouched',
    answerer: 'callee',
  },
  /** TLS without client certificates, from browsers and load balancers to Okapi. */
  public: {
    direction: 'public',
    request: {
      actions: FROM_PUBLIC,
      tokenCookies: ACTION.pass,
      userId: ACTION.drop,
      appendsAddress: true,
    },
    judgesTenant: true,
    impliedTenant: SUPERTENANT,
    okapiUrl: 'untouched',
    answerer: 'okapi',
  },
  /** Plain, from listed addresses to a module: while Okapi has no sidecar yet. */
  plainToModule: {
    direction: 'plain',
    request: {
      actions: FROM_UNPROVEN,
      tokenCookies: ACTION.drop,
      userId: ACTION.drop,
      appendsAddress: false,
    },
    judgesTenant: true,
    impliedTenant: SUPERTENANT,
    okapiUrl: 'replaced',
    answerer: 'module',
  },
  /** Plain, from listed addresses to Okapi: modules that have no sidecar yet. */
  plainToOkapi: {
    direction: 'plain',
    request: {
      actions: FROM_UNPROVEN_TO_OKAPI,
      tokenCookies: ACTION.drop,
      userId: ACTION.drop,
      appendsAddress: false,
    },
    judgesTenant: true,
    impliedTenant: SUPERTENANT,
    okapiUrl: 'untouched',
    answerer: 'okapi',
  },
} as const satisfies Record<string, ListenerRules>

/**
 * The rules of a module's own listener: what a caller may say there depends on who it has proved to be,
 * and Okapi alone speaks as Okapi.
 */
export function rulesAtModule(caller: Caller): ListenerRules {
  return speaksAsOkapi(caller) ? LISTENER_RULES.ingress : LISTENER_RULES.direct
}
