import type { AdminGroup } from '../folio/admin-groups.ts'

/** What an operator does with Okapi, under one name. */
export interface OperatorProfile {
  readonly groups: readonly AdminGroup[]
  /** Of modules, as `METHOD,METHOD /path`. */
  readonly routes: readonly string[]
  /** Must a grant of it have an end? */
  readonly ends: boolean
}

/** To get a token, once the supertenant has an auth filter. */
const LOGIN: readonly string[] = [
  'POST /authn/login',
  'POST /authn/login-with-expiry',
  'POST /authn/refresh',
  'POST /authn/logout',
]

/**
 * The profiles that a grant may name. No one has `env` and `deployment`, which show passwords.
 * `bootstrap` is for the steps before an auth filter locks Okapi (Okapi's doc/securing.md), when
 * every caller that reaches Okapi may do everything: the first users with their permissions and
 * credentials.
 */
export const OPERATOR_PROFILES = {
  bootstrap: {
    groups: ['read', 'discovery', 'tenants', 'import'],
    routes: [
      'GET,POST /perms/users',
      'POST /perms/users/{id}/permissions',
      'GET,POST /users',
      'POST /authn/credentials',
      ...LOGIN,
    ],
    ends: true,
  },
  daily: {
    groups: ['read', 'discovery', 'tenants', 'timers', 'import'],
    routes: LOGIN,
    ends: false,
  },
  'read-only': { groups: ['read'], routes: LOGIN, ends: false },
} as const satisfies Record<string, OperatorProfile>

/** The name of a profile. */
export type OperatorProfileName = keyof typeof OPERATOR_PROFILES

/** Is it the name of one? */
export function isOperatorProfile(name: string): name is OperatorProfileName {
  return Object.hasOwn(OPERATOR_PROFILES, name)
}

/** A longer `bootstrap` is no longer for the installation. */
export const BOOTSTRAP_DAYS = 31
