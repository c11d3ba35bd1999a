import { isNewTenantName } from '../folio/tenant.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { AuthenticationMethod } from './authentication.ts'
import { quoted } from './quoted.ts'
import type { StartupMessage } from './startup.ts'

/** What one listener allows, as the configuration says it. */
export interface DatabaseRules {
  readonly databases: readonly string[]
  /** Names, or patterns with one `{tenant}`. */
  readonly roles: readonly string[]
  /** What `{tenant}` stands for; none: what Okapi takes for the id of a new tenant. */
  readonly tenants?: readonly string[]
  /** Start-up parameters beyond those that are always allowed, in lower case. */
  readonly parameters: readonly string[]
  readonly authentication: readonly AuthenticationMethod[]
  /** `report`: roles and superusers are let pass, and it is recorded. */
  readonly mode: 'enforce' | 'report'
  readonly superuser: 'refuse' | 'report'
}

/** A refusal, or one that is only recorded. */
export interface Judgement {
  readonly refusal: Refusal
  readonly passes: boolean
}

/**
 * They set how values are written and timeouts, and cannot change the role: what pgjdbc,
 * vertx-pg-client, libpq, pgx and node-postgres send by default.
 */
const ORDINARY_PARAMETERS: ReadonlySet<string> = new Set([
  'application_name',
  'bytea_output',
  'client_encoding',
  'client_min_messages',
  'datestyle',
  'extra_float_digits',
  'idle_in_transaction_session_timeout',
  'intervalstyle',
  'lock_timeout',
  'statement_timeout',
  'timezone',
])

/** PostgreSQL truncates longer names (NAMEDATALEN), which would turn them into another role. */
const LONGEST_NAME = 63

/** Checks a start-up message against the rules: undefined if all of it is allowed. */
export function judgeStartup(
  { user, database, parameters }: StartupMessage,
  rules: DatabaseRules,
): Judgement | undefined {
  for (const name of parameters.keys()) {
    if (ORDINARY_PARAMETERS.has(name)) continue
    // A protocol option changes the messages themselves; none is known here.
    if (name.startsWith('_pq_.') || !rules.parameters.includes(name)) {
      return enforced(parameterRefusal(name))
    }
  }
  if (!rules.databases.includes(database)) return enforced(databaseRefusal(database, rules))
  return judgeRole(user, rules)
}

/** May this role be used here? At login, and when the server says that the session has become another. */
export function judgeRole(role: string, rules: DatabaseRules): Judgement | undefined {
  const { roles, tenants = [] } = rules
  if (isListedRole(role, roles, tenants)) return undefined
  const guarded = tenants.length > 0 && isListedRole(role, roles)
  const which = guarded ? ' with a tenant of policy.tenantsOf' : ''
  const because = `the role ${quoted(role)} is not one of ${roles.join(', ')}${which}`
  const wouldAllow = guarded
    ? 'its tenant in `policy.tenantsOf` for this module'
    : `the role in \`roles\` of this postgres listener`
  const refusal = refuse('role-not-allowed', because, { wouldAllow })
  return { refusal, passes: rules.mode === 'report' }
}

/** The result for a superuser. */
export function judgeSuperuser(role: string, rules: DatabaseRules): Judgement {
  const because = `the server says that ${quoted(role)} is a superuser`
  return superuser(because, 'ALTER ROLE ... NOSUPERUSER on the server', rules)
}

/** The result for a role that may become others which are as good as superusers. */
export function judgeMemberships(
  role: string,
  others: readonly string[] | undefined,
  rules: DatabaseRules,
): Judgement | undefined {
  if (others === undefined) {
    return superuser(
      `the server does not say what ${quoted(role)} may become`,
      'pg_roles and pg_has_role, which every role of PostgreSQL may read',
      rules,
    )
  }
  if (others.length === 0) return undefined
  if (others.includes(role)) {
    const because = `${quoted(role)} has SUPERUSER or REPLICATION, which is as good`
    return superuser(because, 'ALTER ROLE ... NOSUPERUSER NOREPLICATION on the server', rules)
  }
  const names = others.map((other) => quoted(other)).join(', ')
  const because = `${quoted(role)} may become ${names} (SET ROLE), which is as good as a superuser`
  return superuser(because, 'REVOKE ... FROM on the server', rules)
}

/**
 * The result for a role that may grant itself others. It is only recorded, because RMB creates a role for each tenant:
 * who cannot change the server would let all superusers pass instead.
 */
export function judgeGrants(role: string): Judgement {
  const because = `${quoted(role)} has CREATEROLE, which up to PostgreSQL 15 is as good as a superuser`
  return { refusal: refuse('superuser', because), passes: true }
}

/** The result if a server does not say whether a role is a superuser. */
export function judgeUnsaid(rules: DatabaseRules): Judgement {
  const because = 'the server does not say whether the role is a superuser'
  const wouldAllow = 'a server that sends is_superuser: PostgreSQL itself, with no pooler before it'
  const passes = passesSuperusers(rules)
  return { refusal: refuse('superuser', because, { wouldAllow }), passes }
}

function superuser(because: string, remedy: string, rules: DatabaseRules): Judgement {
  const wouldAllow = `${remedy}; \`superuser: report\` lets it pass meanwhile`
  const passes = passesSuperusers(rules)
  return { refusal: refuse('superuser', because, { wouldAllow }), passes }
}

function passesSuperusers({ mode, superuser }: DatabaseRules): boolean {
  return mode === 'report' || superuser === 'report'
}

/**
 * A pattern matches as a whole, and `{tenant}` only one of `tenants`; where there are none, what Okapi takes for the id
 * of a new tenant.
 */
export function isListedRole(
  role: string,
  patterns: readonly string[],
  tenants: readonly string[] = [],
): boolean {
  const isTenant = (text: string) =>
    tenants.length === 0 ? isNewTenantName(text) : tenants.includes(text)
  if (Buffer.byteLength(role) > LONGEST_NAME) return false
  return patterns.some((pattern) => {
    const [before, after] = pattern.split('{tenant}')
    if (before === undefined || after === undefined) return role === pattern
    if (role.length < before.length + after.length) return false
    const fits = role.startsWith(before) && role.endsWith(after)
    return fits && isTenant(role.slice(before.length, role.length - after.length))
  })
}

function enforced(refusal: Refusal): Judgement {
  return { refusal, passes: false }
}

function parameterRefusal(name: string): Refusal {
  const because = `the start-up parameter ${quoted(name)} is not allowed here`
  const wouldAllow = `its name in \`parameters\` of this postgres listener`
  return refuse('parameter-not-allowed', because, name.startsWith('_pq_.') ? {} : { wouldAllow })
}

function databaseRefusal(database: string, { databases }: DatabaseRules): Refusal {
  const because = `the database ${quoted(database)} is not one of ${databases.join(', ')}`
  const wouldAllow = `its name in \`databases\` of this postgres listener`
  return refuse('database-not-allowed', because, { wouldAllow })
}
