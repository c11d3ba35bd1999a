import { parseArgs } from 'node:util'
import { fault } from '../../fault.ts'
import { printable } from '../terminal.ts'
import {
  type BrokerAcl,
  type BrokerAcls,
  MAPPING_RULES,
  type PrincipalKind,
} from './broker-acls.ts'
import { aclsOf, configured, installed } from './rule-set.ts'

/** Prints ACLs; resolves to 0. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', short: 'c' },
      descriptors: { type: 'string' },
      rules: { type: 'string', multiple: true, default: [] },
      env: { type: 'string', default: 'folio' },
      tenant: { type: 'string', multiple: true, default: [] },
      'tenant-collection': { type: 'string' },
      principal: { type: 'string', default: 'cn' },
      json: { type: 'boolean', default: false },
    },
  })
  const kind = principalKind(values.principal)
  const odd = values.tenant.find((tenant) => !/^[A-Za-z0-9._-]{1,100}$/.test(tenant))
  if (odd !== undefined) throw fault(`--tenant ${JSON.stringify(odd)} is not a tenant id`)
  const set =
    values.descriptors === undefined
      ? configured(values.config)
      : installed(values.descriptors, {
          rules: values.rules,
          names: { env: values.env, tenants: [], tenantCollection: values['tenant-collection'] },
        })
  const { acls, wider } = aclsOf(set, { tenants: values.tenant, kind, now: Date.now() })
  process.stdout.write(
    values.json ? `${JSON.stringify({ acls, wider }, null, 2)}\n` : commands(acls, wider, kind),
  )
  return 0
}

export function principalKind(text: string): PrincipalKind {
  if (text === 'cn' || text === 'product') return text
  throw fault(`--principal ${text}: cn or product`)
}

function commands(
  acls: readonly BrokerAcl[],
  wider: BrokerAcls['wider'],
  kind: PrincipalKind,
): string {
  const groups = new Map<string, BrokerAcl[]>()
  for (const acl of acls) {
    const key = JSON.stringify([acl.principal, acl.resource, acl.pattern, acl.name])
    groups.set(key, [...(groups.get(key) ?? []), acl])
  }
  const head = [
    '# Names of variables: BOOTSTRAP, brokers as host:port; ADMIN, the properties of a client that may alter ACLs.',
    ...(kind === 'product'
      ? [`# On each broker: ssl.principal.mapping.rules=${MAPPING_RULES}`]
      : []),
    ...wider.map(
      ({ pattern, name }) => `# wider than the rule ${printable(pattern)}: ${printable(name)}`,
    ),
    'set -e',
  ]
  return `${[...head, ...[...groups.values()].map(command)].join('\n')}\n`
}

function command(acls: readonly BrokerAcl[]): string {
  const { principal, resource, pattern, name } = acls[0]!
  const what = resource === 'cluster' ? ['--cluster'] : [`--${resource}`, quoted(name)]
  return [
    'kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add',
    ...['--allow-principal', quoted(principal)],
    ...acls.map(({ operation }) => `--operation ${operation}`),
    ...what,
    ...(pattern === 'prefixed' ? ['--resource-pattern-type prefixed'] : []),
  ].join(' ')
}

/** Quoted for a shell, so that nothing in it has a special meaning. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
