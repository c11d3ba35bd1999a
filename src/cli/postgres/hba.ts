import { isIP } from 'node:net'
import { parseArgs } from 'node:util'
import { fault } from '../../fault.ts'
import { isNewTenantName } from '../../folio/tenant.ts'
import { type DatabaseModule, databaseModules, serverVersion } from './database-modules.ts'
import { plainName } from './sql.ts'

/** The content of the lines. */
export interface HbaOptions {
  readonly database: string
  readonly network: string
  readonly tenants: readonly string[]
  /** Certificate and password, instead of the certificate alone. */
  readonly password: boolean
  readonly version: 15 | 16
}

/** Prints the lines of both files; resolves to 0. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      descriptors: { type: 'string' },
      database: { type: 'string', default: 'folio' },
      network: { type: 'string', default: '0.0.0.0/0' },
      tenant: { type: 'string', multiple: true, default: [] },
      password: { type: 'boolean', default: false },
      'server-version': { type: 'string', default: '16' },
    },
  })
  const [address = '', bits = '', more] = values.network.split('/')
  const most = isIP(address) === 4 ? 32 : 128
  if (isIP(address) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > most || more !== undefined) {
    throw fault(`--network ${values.network} is not a network such as 10.0.0.0/8`)
  }
  const odd = values.tenant.find((tenant) => !isNewTenantName(tenant))
  if (odd !== undefined) throw fault(`--tenant ${JSON.stringify(odd)} is not a tenant id`)
  const { network, tenant: tenants, password } = values
  const version = serverVersion(values['server-version'])
  const options = { database: plainName(values.database), network, tenants, password, version }
  const modules = databaseModules(values.descriptors)
  process.stdout.write(`${hbaLines(options)}${password ? '' : `\n${identLines(modules, options)}`}`)
  return 0
}

/** Lines of pg_hba.conf. The first match decides, so they must be before all others for the network. */
export function hbaLines({ database, network, password }: HbaOptions): string {
  const method = password ? 'scram-sha-256 clientcert=verify-ca' : 'cert map=folio'
  return `# pg_hba.conf: only by TLS, only with a certificate of the installation (ssl_ca_file), before all other lines.
# What else connects to this database, as backups do, needs lines of its own above these.
hostssl  ${database}  all  ${network}  ${method}
host     ${database}  all  ${network}  reject
`
}

/** Lines of pg_ident.conf: the roles for the certificate of a module of any version. */
export function identLines(
  modules: readonly DatabaseModule[],
  { tenants, version }: Pick<HbaOptions, 'tenants' | 'version'>,
): string {
  const rows = modules.flatMap(({ product, role }) => {
    // The version begins with a digit: mod-users-19.7.0 is not mod-users-bl.
    const certificate = `"/^${product}-[0-9][0-9A-Za-z.-]*$"`
    // Patterns for roles exist since version 16.
    const ofTenants =
      version === 16
        ? [`"/^[a-z][a-z0-9]{0,30}_${role}$"`]
        : tenants.map((tenant) => `${tenant}_${role}`)
    return [role, ...ofTenants].map((each) => `folio  ${certificate}  ${each}\n`)
  })
  return `# pg_ident.conf: the common name of the certificate is the module id.\n${rows.join('')}`
}
