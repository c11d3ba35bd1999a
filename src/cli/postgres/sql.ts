import { parseArgs } from 'node:util'
import { fault } from '../../fault.ts'
import { databaseModules, serverVersion } from './database-modules.ts'

/** RMB creates them for a new tenant; trusted since 13 (contrib/*.control). */
export const RMB_EXTENSIONS: readonly string[] = [
  'unaccent',
  'pg_trgm',
  'pgcrypto',
  'uuid-ossp',
  'btree_gin',
]

const WARNING_15 = `-- PostgreSQL 15 and earlier: a role with CREATEROLE is as good as a superuser. It may change the password of every
-- other role that is none, grant every such role to itself, and pg_execute_server_program too, which starts programs
-- as the owner of the server. Use PostgreSQL 16 or later, or a server for each module.
`

/** Prints the SQL; resolves to 0. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      descriptors: { type: 'string' },
      database: { type: 'string', default: 'folio' },
      'server-version': { type: 'string', default: '16' },
    },
  })
  const version = serverVersion(values['server-version'])
  const roles = databaseModules(values.descriptors).map(({ role }) => role)
  process.stdout.write(rolesSql(roles, plainName(values.database), version))
  return 0
}

/** SQL for psql, which may be run repeatedly. */
export function rolesSql(roles: readonly string[], database: string, version: 15 | 16): string {
  return [
    '-- A login role for each module, no superuser. Run it with psql as the owner of the server.\n',
    ...(version === 15 ? [WARNING_15] : []),
    '\\set ON_ERROR_STOP on\n',
    `SELECT 'CREATE DATABASE "${database}"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${database}') \\gexec\n`,
    `\\connect "${database}"\n`,
    '-- Tables of a module stand in schemas of its own.\n',
    'REVOKE CREATE ON SCHEMA public FROM PUBLIC;\n',
    ...RMB_EXTENSIONS.map(
      (each) => `CREATE EXTENSION IF NOT EXISTS "${each}" WITH SCHEMA public;\n`,
    ),
    ...roles.map((role) => roleSql(role, database)),
  ].join('')
}

// Roles that RMB creates for tenants connect with the rights of PUBLIC.
function roleSql(role: string, database: string): string {
  return `
SELECT 'CREATE ROLE "${role}"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') \\gexec
ALTER ROLE "${role}" LOGIN CREATEROLE INHERIT NOSUPERUSER NOCREATEDB NOREPLICATION NOBYPASSRLS;
GRANT CREATE ON DATABASE "${database}" TO "${role}";
-- \\password ${role}
`
}

/** A name that needs no escaping. Throws a Fault for any other. */
export function plainName(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(text)) return text
  throw fault(`--database ${JSON.stringify(text)} is no plain name`)
}
