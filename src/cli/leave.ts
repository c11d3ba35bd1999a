import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { errorCode, fault } from '../fault.ts'

export const usage = `okapi-sidecar leave: send callers to other addresses before it is stopped

Usage:
    okapi-sidecar leave [-c FILE] [--pid PID]

For a preStop hook in the sidecar's own container, or for ExecStop of a unit:
the sidecar learns that it will be stopped, before its module is. /ready says
draining. New exchanges over a link are returned as not delivered, so that the
calling sidecars use other addresses; answers over HTTP/1.1 say Connection:
close. Open exchanges finish, and the module's own calls go on. SIGTERM comes
later and ends the process.

It sends SIGUSR2 to the process that runs \`okapi-sidecar run\` under the same
user; in a container that is the only one. Nothing is sent over the network.

Options:
    -c, --config FILE   if several run: the one with this configuration
    --pid PID           the process with this id

Exit codes: 0 done; 1 no such process; 2 wrong usage, or several processes

Example:
    okapi-sidecar leave
`

const PROC = '/proc'
/** Bit of SIGUSR2 in the masks of /proc/PID/status (proc(5)). */
const SIGUSR2_BIT = 1n << 11n

/** A running sidecar. */
interface Running {
  readonly pid: number
  /** With symbolic links resolved. */
  readonly config: string
}

/** Signals the running sidecar. Throws a Fault if it is not clear which one. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { config: { type: 'string', short: 'c' }, pid: { type: 'string' } },
  })
  const { config, pid } = values
  if (pid !== undefined && !/^[1-9]\d{0,9}$/.test(pid))
    throw fault(`--pid ${pid} is not a process id`)
  const wanted = config === undefined ? undefined : real(resolve(config))
  const found = running().filter(
    (each) =>
      (pid === undefined || each.pid === Number(pid)) &&
      (wanted === undefined || each.config === wanted),
  )
  const [first, second] = found
  if (first === undefined) {
    process.stderr.write('okapi-sidecar: no such process runs `okapi-sidecar run` as this user\n')
    return 1
  }
  if (second !== undefined) {
    const which = found.map((each) => `${each.pid} (${each.config})`).join(', ')
    const hint = `say which with ${wanted === undefined ? '--pid or -c' : '--pid'}`
    throw fault(`several sidecars run: ${which}`, { hint })
  }
  process.kill(first.pid, 'SIGUSR2')
  return 0
}

/** The sidecars of this user, in this container or on this machine. Throws a Fault without /proc. */
function running(): Running[] {
  let names: string[]
  try {
    names = readdirSync(PROC)
  } catch (error) {
    const hint = 'send SIGUSR2 to the process yourself: kill -USR2 PID'
    throw fault(`${PROC} cannot be read (${errorCode(error)})`, { hint })
  }
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
  return pids.map(sidecarAt).filter((each) => each !== undefined)
}

/** Undefined for another program or user, or if it has ended or is so new that the signal would end it. */
function sidecarAt(pid: number): Running | undefined {
  if (pid === process.pid) return undefined
  try {
    const status = readFileSync(`${PROC}/${pid}/status`, 'utf8')
    const uid = /^Uid:\t(\d+)/m.exec(status)?.[1]
    const caught = BigInt(`0x${/^SigCgt:\t([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
    if (Number(uid) !== process.getuid?.() || (caught & SIGUSR2_BIT) === 0n) return undefined
    const args = readFileSync(`${PROC}/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
    const verb = args.indexOf('run')
    const at = folderOf(pid)
    const [, own = ''] = process.argv
    if (verb < 1 || real(resolve(at, args[verb - 1] ?? '')) !== real(own)) return undefined
    return { pid, config: real(resolve(at, configIn(args.slice(verb + 1)))) }
  } catch {
    return undefined
  }
}

/** The directory for its relative paths. */
function folderOf(pid: number): string {
  try {
    return readlinkSync(`${PROC}/${pid}/cwd`)
  } catch {
    return '/'
  }
}

/** The arguments of `run`, as `run` reads them. */
function configIn(args: readonly string[]): string {
  const options = { config: { type: 'string', short: 'c', default: 'sidecar.yaml' } } as const
  return parseArgs({ args: [...args], options, strict: false }).values.config as string
}

/** With symbolic links resolved; unchanged if there is no such file. */
function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
