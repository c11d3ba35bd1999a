import { parseArgs } from 'node:util'
import { fault } from '../src/fault.ts'

export const usage = `Usage: npm run soak -- [--minutes N] [--workers N]

Load at saturation through two sidecars for N minutes (1 by default; 0.5 is fine) while credentials
are rotated, the policy is reloaded and callers go away in the middle; then 1 GiB there and back.
Reports errors, the heap's slope and resident memory. With --workers each sidecar serves with N threads,
whose heaps are added up.

Exit codes: 0 no errors and no growth, 1 errors or growth, 2 wrong usage
`

export interface Options {
  readonly minutes: number
  readonly workers: number
  readonly help: boolean
}

/** Throws a Fault when the arguments are not understood. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: 'string', default: '1' },
      workers: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes <= 10_000)) {
    throw fault(`--minutes ${values.minutes} is no number of minutes`)
  }
  const workers = Number(values.workers)
  if (!(Number.isInteger(workers) && workers >= 1 && workers <= 64)) {
    throw fault(`--workers ${values.workers} is no number from 1 to 64`)
  }
  return { minutes, workers, help: values.help === true }
}
