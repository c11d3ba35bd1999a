import { parseArgs } from 'node:util'
import { openAuthority } from '../../pki/ca.ts'
import { renew } from '../../pki/renewal.ts'
import { durationMs, only } from './arguments.ts'
import { tellIssued } from './issued.ts'

/** `certs renew NAME|DIR`: the same names again, in the same place. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      'valid-for': { type: 'string' },
      'keep-key': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const target = only(positionals, 'NAME or DIR', 'renew mod-users-19.7.0')
  const life = values['valid-for']
  const authority = await openAuthority(values.dir)
  const issued = await renew(authority, target, {
    keepKey: values['keep-key'],
    ...(life === undefined ? {} : { validForMs: durationMs('valid-for', life) }),
  })
  tellIssued(issued, values.json)
  return 0
}
