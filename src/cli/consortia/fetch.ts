import { parseArgs } from 'node:util'
import { fault } from '../../fault.ts'
import { isOrdinaryTenant } from '../../folio/tenant.ts'
import { Okapi, tokenIn } from '../okapi.ts'
import { needed } from '../verb.ts'
import { writeConsortium } from './file.ts'
import { consortiumIn, consortiumOfUsers } from './sources.ts'

const HINT =
  'okapi-sidecar consortia fetch --okapi https://okapi:8443 --credentials anna \\\n    --tenant east --token-file token --out consortia.yaml'

/** Writes the consortium of a tenant into the file. If it throws a Fault, nothing is written. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      okapi: { type: 'string' },
      tenant: { type: 'string' },
      out: { type: 'string', short: 'o' },
      from: { type: 'string', default: 'consortia' },
      credentials: { type: 'string' },
      'token-file': { type: 'string' },
    },
  })
  const tenant = needed('--tenant', values.tenant, HINT)
  const out = needed('--out', values.out, HINT)
  const url = needed('--okapi', values.okapi, HINT)
  if (!isOrdinaryTenant(tenant))
    throw fault(`--tenant ${JSON.stringify(tenant)} is not a tenant id`)
  const find = { consortia: consortiumIn, 'user-tenants': consortiumOfUsers }[values.from]
  if (find === undefined) throw fault(`--from ${values.from}: consortia or user-tenants`)
  const okapi = await Okapi.at(url, values.credentials, tokenIn(values['token-file']))
  try {
    const found = await find(okapi, tenant)
    const { added, gone } = writeConsortium(out, found)
    const changes = [...added.map((name) => `+ ${name}`), ...gone.map((name) => `- ${name}`)]
    const count = found.members.length === 1 ? '1 member' : `${found.members.length} members`
    process.stdout.write(`${out}: the consortium of ${found.central} has ${count}\n`)
    for (const change of changes) process.stdout.write(`    ${change}\n`)
    return 0
  } finally {
    await okapi.close()
  }
}
