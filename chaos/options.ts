import { parseArgs } from 'node:util'
import { fault } from '../src/fault.ts'
import type { Mode } from './mode.ts'

export const usage = `Usage: npm run chaos -- [--minutes N] [--seed S] [--rate N] [--only KIND]
                         [--link yes|no] [--workers N] [--peers DIR]
                         [--json] [--keep]

Calls of several tenants go from a module through its sidecar, Okapi's sidecar, Okapi and three
sidecars to three instances of another module, for N minutes (1 by default; 0.5 is fine), while
networks, names, clocks, disks and processes fail as the seed says. In the end every call must be
accounted for, and memory and open files must be back where they were. Prints its seed.

  --rate N     calls per second, 100 by default
  --only K     only this kind of fault; may be repeated
  --link       yes or no: the link between sidecars, or HTTP/1.1; else the seed decides
  --workers N  threads of each sidecar; else the seed decides between one and two
  --peers DIR  the sidecars of the three instances are of this other checkout
  --json       the account as JSON
  --keep       leave the folder with ledgers, logs and configuration

It ends ten minutes after its time at the latest, with 1 and what it waited for.
Exit codes: 0 the account comes out, 1 it does not, 2 wrong usage
`

/** What an instance does wrong, now and then, to show that the account finds it. */
export const LIES = ['swap', 'lose', 'twice'] as const
export type Lie = (typeof LIES)[number]

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly rate: number
  /** Kinds of faults; empty: all. */
  readonly only: readonly string[]
  /** What of the mode is chosen; the seed decides the rest. */
  readonly mode: Partial<Mode>
  /** Another checkout. */
  readonly peers: string | undefined
  readonly json: boolean
  readonly keep: boolean
  readonly help: boolean
  /** Each instance has one of the lies. */
  readonly lies: boolean
}

/** Throws a Fault when the arguments are not understood. */
export function parseOptions(argv: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      rate: { type: 'string', default: '100' },
      only: { type: 'string', multiple: true, default: [] },
      link: { type: 'string' },
      workers: { type: 'string' },
      peers: { type: 'string' },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      // For the test that the run can fail; not in the usage.
      lies: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const { lies, only, peers, json, keep, help } = values
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes <= 10_000)) {
    throw fault(`--minutes ${values.minutes} is no number of minutes`)
  }
  const seed = Number(values.seed)
  if (!Number.isSafeInteger(seed) || seed < 0) throw fault(`--seed ${values.seed} is no number`)
  const rate = Number(values.rate)
  if (!(rate >= 1 && rate <= 2000)) throw fault(`--rate ${values.rate} is no number from 1 to 2000`)
  const mode = { ...linkIn(values.link), ...workersIn(values.workers) }
  return { minutes, seed, rate, only, mode, peers, json, keep, help, lies }
}

function linkIn(text: string | undefined): Partial<Mode> {
  if (text === undefined) return {}
  if (text !== 'yes' && text !== 'no') throw fault(`--link ${text} is neither yes nor no`)
  return { link: text === 'yes' }
}

function workersIn(text: string | undefined): Partial<Mode> {
  if (text === undefined) return {}
  const workers = Number(text)
  if (!Number.isInteger(workers) || workers < 1 || workers > 8) {
    throw fault(`--workers ${text} is no number from 1 to 8`)
  }
  return { workers }
}
