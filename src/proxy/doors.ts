import type { Direction } from '../observe/labels.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { Head } from '../wire/head.ts'
import { AT_OKAPI, FATE, FROM_MODULE, FROM_OKAPI, FROM_PUBLIC } from './header-tables.ts'
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
  /** Is the tenant judged that Okapi will take? */
  readonly judgesTenant: boolean
  /** The module behind this door learns loopback addresses instead of the real ones. */
  readonly rewritesOkapiUrl: boolean
  /** Who answers: a module (its answer loses what it must not say) or, in the end, a sidecar. */
  readonly answerer: 'module' | 'okapi' | 'sidecar'
}

/** The doors, each a row; a sidecar has those that its configuration names. */
export const DOORS = {
  /** Mutual TLS, from Okapi's sidecar to this module. */
  ingress: {
    direction: 'ingress',
    request: {
      fates: FROM_OKAPI,
      tokenCookies: FATE.drop,
      userId: FATE.pass,
      appendsAddress: false,
    },
    judgesTenant: false,
    rewritesOkapiUrl: true,
    answerer: 'module',
  },
  /** The ingress of a module that provides login or authtoken: it needs the user's cookies. */
  ingressOfLogin: {
    direction: 'ingress',
    request: {
      fates: FROM_OKAPI,
      tokenCookies: FATE.pass,
      userId: FATE.pass,
      appendsAddress: false,
    },
    judgesTenant: false,
    rewritesOkapiUrl: true,
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
    rewritesOkapiUrl: false,
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
    rewritesOkapiUrl: false,
    answerer: 'sidecar',
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
    rewritesOkapiUrl: false,
    answerer: 'sidecar',
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
    rewritesOkapiUrl: false,
    answerer: 'okapi',
  },
} as const satisfies Record<string, DoorRules>
