import { runSubcommand, type Subcommands } from './verb.ts'

/** The usage text of `postgres` and its subcommands. */
export const usage = `okapi-sidecar postgres: database roles for modules

Usage:
    okapi-sidecar postgres sql   --descriptors DIR [--database NAME]
                                 [--server-version 15|16]
    okapi-sidecar postgres hba   --descriptors DIR [--database NAME]
                                 [--network CIDR] [--tenant T]... [--password]
                                 [--server-version 15|16]
    okapi-sidecar postgres check [-c FILE] [--role ROLE] [--json]

sql prints SQL that gives each module with a database (its descriptor has
DB_HOST or DB_USERNAME in launchDescriptor.env) a login role of its own, which
is not a superuser, and creates the extensions that RMB needs. Run it with psql
as the owner of the server, then set passwords with \\password ROLE. Up to
PostgreSQL 15 a role with CREATEROLE is as good as a superuser: the output for
15 says so.

hba prints lines for pg_hba.conf and pg_ident.conf that accept a module's roles
only with the certificate of that module, instead of a password. Up to
PostgreSQL 15 the roles of tenants must be named one by one: --tenant T. With
--password: certificate and password; PostgreSQL 15 cannot bind the role then.

check connects to each server of the configuration as \`run\` would and prints the
TLS version, the server's certificate and its authentication method. With
\`authentication: [cert]\` it logs in, says whether the role is a superuser or may
become one, and which of the extensions that RMB needs are installed.
ROLE: the first role of the listener without {tenant}. It sends no password.

Options:
        --descriptors DIR   the folder of ModuleDescriptors
        --database NAME     the database; default folio
        --network CIDR      where the sidecars are; default 0.0.0.0/0
        --tenant T          a tenant; may be repeated
        --password          ask for the certificate and a password
        --server-version N  15 or 16 (also for later ones); default 16
    -c, --config FILE       the configuration of a sidecar; default sidecar.yaml
        --role ROLE         the role to log in as
        --json              the findings as JSON

Exit codes: 0 fine, 1 a server cannot be used, 2 wrong usage or configuration

Example:
    okapi-sidecar postgres sql --descriptors descriptors > roles.sql
    okapi-sidecar postgres check -c sidecar.yaml
`

const SUBCOMMANDS: Subcommands = {
  sql: () => import('./postgres/sql.ts'),
  hba: () => import('./postgres/hba.ts'),
  check: () => import('./postgres/check.ts'),
}

/** Their names, for completion. */
export const subcommands = Object.keys(SUBCOMMANDS)

/** Finds the subcommand and runs it; throws a Fault for one that does not exist. */
export function run(argv: readonly string[]): Promise<number> {
  return runSubcommand('postgres', SUBCOMMANDS, argv)
}
