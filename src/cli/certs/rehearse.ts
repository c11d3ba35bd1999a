import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fault } from '../../fault.ts'
import { certificatesIn, readStateText } from '../../pki/state.ts'
import { json, paint, table, textWidth, wrap } from '../terminal.ts'
import { none } from './arguments.ts'
import { type Encounter, encounters, type Side } from './encounter.ts'
import { peersOf } from './meet.ts'

const EXAMPLE = 'rehearse --next next/mod-users-19.7.0 --peers okapi:8443'

/**
 * `certs rehearse`: a handshake with each peer using credentials that are not in use yet; exit code 1
 * if one of them would fail.
 */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      next: { type: 'string' },
      peers: { type: 'string' },
      // Every subcommand takes it; the CA is not asked here.
      dir: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  none(positionals, EXAMPLE)
  const { next, peers } = values
  if (next === undefined || peers === undefined) {
    throw fault(`--${next === undefined ? 'next' : 'peers'} is missing`, {
      hint: `okapi-sidecar certs ${EXAMPLE}`,
    })
  }
  const met = await encounters(peersOf(peers), await sideIn(next), new Date())
  if (values.json) json({ peers: met })
  else process.stdout.write(prose(met))
  return met.some(({ problems }) => problems.length > 0) ? 1 : 0
}

/** A credentials directory as one side of a handshake; throws a Fault if it is not one. */
export async function sideIn(directory: string): Promise<Side> {
  const file = join(directory, 'ca.crt')
  return {
    cert: await readStateText(join(directory, 'tls.crt')),
    key: await readStateText(join(directory, 'tls.key')),
    roots: certificatesIn(await readStateText(file), file),
  }
}

const INDENT = '    '

function prose(met: readonly Encounter[]): string {
  const rows = met.map(({ peer, name, takesUs, isTaken }) => [
    peer,
    name ?? '-',
    name === null ? '-' : takesUs ? 'accepts us' : 'refuses us',
    name === null ? '-' : isTaken ? 'is accepted' : 'is refused',
  ])
  const why = met.map(({ problems }) =>
    problems.flatMap((each) => wrap(each, textWidth() - INDENT.length)),
  )
  const lines = table(rows)
    .trimEnd()
    .split('\n')
    .flatMap((line, i) => [line.trimEnd(), ...why[i]!.map((each) => INDENT + paint('red', each))])
  const breaks = met.filter(({ problems }) => problems.length > 0).length
  const verdict =
    breaks === 0
      ? 'no peer would break'
      : `${breaks} of ${met.length} would break: do not activate this yet`
  return `${lines.join('\n')}\n\n${verdict}\n`
}
