import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fault } from '../../fault.ts'
import { createAuthority } from '../../pki/ca.ts'
import { keyKind, keyTitle } from '../../pki/keys.ts'
import { duration, json, table, utcMinute } from '../terminal.ts'
import { durationMs, none } from './arguments.ts'

const EXAMPLE = 'init --dir certs-dev --trust-domain folio.test'

/** `certs init`: a development CA. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      'trust-domain': { type: 'string' },
      key: { type: 'string', default: 'p256' },
      'valid-for': { type: 'string', default: '90d' },
      json: { type: 'boolean', default: false },
    },
  })
  none(positionals, EXAMPLE)
  const trustDomain = values['trust-domain']
  if (trustDomain === undefined) {
    throw fault('--trust-domain is missing', { hint: `okapi-sidecar certs ${EXAMPLE}` })
  }
  const validForMs = durationMs('valid-for', values['valid-for'])
  const key = keyKind(values.key)
  const authority = await createAuthority(values.dir, { trustDomain, key, validForMs })
  const { certificate } = (await authority.read()).signing
  const notAfter = certificate.validToDate
  const files = { certificate: join(values.dir, 'ca.crt'), key: join(values.dir, 'ca.key') }
  if (values.json) {
    json({ trustDomain, directory: values.dir, files, notAfter: notAfter.toISOString() })
    return 0
  }
  process.stdout.write(`A CA for the trust domain ${trustDomain}, for development only\n\n`)
  process.stdout.write(
    table(
      [
        [files.certificate, 'the root certificate: every sidecar trusts it'],
        [files.key, `its key, ${keyTitle(certificate.publicKey)}: keep it here`],
      ],
      '    ',
    ),
  )
  process.stdout.write(`\nvalid until ${utcMinute(notAfter)} (${duration(validForMs)})\n`)
  process.stdout.write(`next: okapi-sidecar certs issue mod-users-19.7.0 --dir ${values.dir}\n`)
  return 0
}
