import { parseArgs } from 'node:util'
import { fault } from '../../fault.ts'
import { openAuthority } from '../../pki/ca.ts'
import { type Revocation, revoke } from '../../pki/crl-issuance.ts'
import { REVOCATION_REASONS } from '../../x509/crl.ts'
import { json, table, tell, utcMinute } from '../terminal.ts'
import { durationMs, none, only } from './arguments.ts'

const EXAMPLE = 'revoke mod-users-19.7.0 --reason keyCompromise --distribute'

/** `certs revoke NAME|SERIAL|FILE`: writes the CRL, and on request copies it to every leaf. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      reason: { type: 'string', default: 'unspecified' },
      'crl-valid-for': { type: 'string', default: '30d' },
      distribute: { type: 'boolean', default: false },
      refresh: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  if (values.refresh) none(positionals, 'revoke --refresh --distribute')
  const target = values.refresh ? null : only(positionals, 'NAME, SERIAL or FILE', EXAMPLE)
  const reason = REVOCATION_REASONS.find((known) => known === values.reason)
  if (reason === undefined) {
    throw fault(`there is no reason \`${values.reason}\``, {
      hint: `use one of ${REVOCATION_REASONS.join(', ')}`,
    })
  }
  const crlValidForMs = durationMs('crl-valid-for', values['crl-valid-for'])
  const authority = await openAuthority(values.dir)
  const { distribute } = values
  const done = await revoke(authority, target, { reason, crlValidForMs, distribute })
  const unwritten = done.unwritten.map(({ directory, error }) => {
    return { directory, why: error instanceof Error ? error.message : String(error) }
  })
  if (values.json) json({ ...done, unwritten, nextUpdate: done.nextUpdate.toISOString() })
  else process.stdout.write(prose(done, distribute, values.dir))
  tell(
    unwritten.map(({ directory, why }) => ({
      severity: 'error',
      message: `${directory} did not get the list: ${why}`,
      hint: 'all others have it; to try again: okapi-sidecar certs revoke --refresh --distribute',
    })),
  )
  return unwritten.length === 0 ? 0 : 1
}

function prose(done: Revocation, distribute: boolean, dir: string): string {
  const rows = done.revoked.map(({ name, serial, notAfter }) => [
    name,
    serial,
    `would have expired ${utcMinute(new Date(notAfter))}`,
  ])
  const head = rows.length === 0 ? 'Nothing revoked' : 'Revoked'
  const { distributed } = done
  const where = distribute
    ? `copied into ${distributed.length} director${distributed.length === 1 ? 'y' : 'ies'}`
    : 'peers apply it once they have it: add --distribute, or copy it to each of them'
  return [
    `${head}\n\n`,
    rows.length === 0 ? '' : `${table(rows, '    ')}\n`,
    `${done.crl}, number ${done.number}: ${where}\n`,
    `valid until ${utcMinute(done.nextUpdate)}; after that peers refuse every new\nconnection. Renew it before:\n`,
    `    okapi-sidecar certs revoke --refresh --distribute --dir ${dir}\n`,
  ].join('')
}
