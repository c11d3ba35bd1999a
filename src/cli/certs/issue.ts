import { parseArgs } from 'node:util'
import { openAuthority } from '../../pki/ca.ts'
import { keyKind } from '../../pki/keys.ts'
import { durationMs, only } from './arguments.ts'
import { tellIssued } from './issued.ts'

const EXAMPLE = 'issue mod-users-19.7.0 --dns mod-users --ip 127.0.0.1'

/** `certs issue NAME`: a leaf with a new key. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      dns: { type: 'string', multiple: true, default: [] },
      ip: { type: 'string', multiple: true, default: [] },
      'valid-for': { type: 'string', default: '24h' },
      key: { type: 'string', default: 'p256' },
      out: { type: 'string' },
      powerful: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const name = only(positionals, 'NAME', EXAMPLE)
  const validForMs = durationMs('valid-for', values['valid-for'])
  const key = keyKind(values.key)
  const authority = await openAuthority(values.dir)
  const issued = await authority.issue(name, {
    dns: values.dns,
    ips: values.ip,
    validForMs,
    key,
    powerful: values.powerful,
    ...(values.out === undefined ? {} : { out: values.out }),
  })
  tellIssued(issued, values.json)
  return 0
}
