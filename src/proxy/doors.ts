import { SUPERTENANT } from '../folio/tenant.ts'
import type { Direction } from '../observe/labels.ts'
import { type Caller, speaksAsOkapi } from '../policy/caller.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { Head } from '../wire/head.ts'
import {
  AT_OKAPI,
  DIRECTLY,
  FATE,
  FROM_MODULE,
  FROM_NOBODY,
  FROM_NOBODY_TO_OKAPI,
  FROM_OKAPI,
  FROM_PUBLIC,
} from './header-tables.ts'
import type { RequestRules } from './headers.ts'
import type { Note } from './note.ts'

/**
 * Finds where a request goes and whose ingress decides, into the note, before anything is judged:
 * `at`, `judge`, `start`, `upstream`, `authority`.
 */
export type Destination = (note: Note, head: Head) => Refusal | null

/** A listener, as data: what it takes off, what it tells the other side, where it leads. */
export interface Door extends DoorRules {
  readonly destination: Destination
}

export interface DoorRules {
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
export const DOORS = {
  /** Mutual TLS, from Okapi's sidecar to this module. */
  ingress: {
    direction: 'ingress',
    request: {
      fates: FROM_OKAPI,
      tokenCookies: 'readers',
      userId: FATE.pass,
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
      fates: DIRECTLY,
      tokenCookies: FATE.refuse,
      userId: FATE.refuse,
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
      fates: AT_OKAPI,
      tokenCookies: FATE.refuse,
      userId: FATE.refuse,
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
      fates: FROM_MODULE,
      tokenCookies: FATE.drop,
      userId: FATE.drop,
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
      fates: FROM_OKAPI,
      tokenCookies: FATE.pass,
      userId: FATE.pass,
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
      fates: FROM_PUBLIC,
      tokenCookies: FATE.pass,
      userId: FATE.drop,
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
      fates: FROM_NOBODY,
      tokenCookies: FATE.drop,
      userId: FATE.drop,
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
      fates: FROM_NOBODY_TO_OKAPI,
      tokenCookies: FATE.drop,
      userId: FATE.drop,
      appendsAddress: false,
    },
    judgesTenant: true,
    impliedTenant: SUPERTENANT,
    okapiUrl: 'untouched',
    answerer: 'okapi',
  },
} as const satisfies Record<string, DoorRules>

/**
 * The rules of a module's own listener: what a caller may say there depends on who it has proved to be,
 * and Okapi alone speaks as Okapi.
 */
export function rulesAtModule(caller: Caller): DoorRules {
  return speaksAsOkapi(caller) ? DOORS.ingress : DOORS.direct
}
