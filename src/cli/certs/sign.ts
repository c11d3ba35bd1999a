import { parseArgs } from 'node:util'
import { openAuthority } from '../../pki/ca.ts'
import { signRequest } from '../../pki/signing.ts'
import { durationMs, only } from './arguments.ts'
import { tellIssued } from './issued.ts'

/** `certs sign CSR`: a leaf for a key that never leaves its owner. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      name: { type: 'string' },
      'valid-for': { type: 'string', default: '24h' },
      out: { type: 'string' },
      powerful: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const file = only(positionals, 'CSR', 'sign mod-users.csr --name mod-users-19.7.0')
  const validForMs = durationMs('valid-for', values['valid-for'])
  const authority = await openAuthority(values.dir)
  const { out, powerful } = values
  const options = { validForMs, powerful, ...(out === undefined ? {} : { out }) }
  tellIssued(await signRequest(authority, file, values.name, options), values.json)
  return 0
}
