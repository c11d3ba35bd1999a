import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { LOAD_CPU } from '../measure/pinning.ts'
import type { Scenario } from '../scenarios.ts'
import { type LoadResult, NoAnswer } from './load.ts'

const run = promisify(execFile)
/** wrk asks the clock again only about as often: shorter runs would measure its own granularity. */
const TIMEOUT = '10s'

/** Loads 127.0.0.1:`port` for `seconds`, each connection asking again as soon as it is answered. */
export async function wrk(
  program: string,
  scenario: Scenario,
  { port, seconds, directory }: { port: number; seconds: number; directory: string },
): Promise<LoadResult> {
  const script = `${directory}/${scenario.name}.lua`
  await writeFile(script, luaOf(scenario))
  const args = ['-t1', `-c${scenario.connections}`, `-d${seconds}s`, '--latency']
  const url = `http://127.0.0.1:${port}${scenario.path}`
  const command = [
    '-c',
    String(LOAD_CPU),
    program,
    ...args,
    '--timeout',
    TIMEOUT,
    '-s',
    script,
    url,
  ]
  const { stdout } = await run('taskset', command)
  return parseWrk(stdout)
}

/** Reads what `wrk --latency` prints. Throws when an answer was missing or no success, NoAnswer when all were. */
export function parseWrk(text: string): LoadResult {
  const broken = /^\s*(?:Socket errors|Non-2xx).*$/m.exec(text)
  if (broken !== null) throw new Error(`requests failed: ${broken[0].trim()}`)
  const requests = Number(/(\d+) requests in /.exec(text)?.[1] ?? 0)
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0)
  if (requests === 0) throw new NoAnswer(`wrk answered no request:\n${text}`)
  return {
    requests,
    perSecond,
    p50Micros: latencyMicros(text, 50),
    p99Micros: latencyMicros(text, 99),
  }
}

const UNIT_MICROS: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6 }

function latencyMicros(text: string, percent: number): number {
  const [, number, unit] =
    new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)\\s*$`, 'm').exec(text) ?? []
  if (number === undefined || unit === undefined)
    throw new Error(`wrk names no ${percent}%:\n${text}`)
  return Number(number) * UNIT_MICROS[unit]!
}

function luaOf({ method, headers, body }: Scenario): string {
  const lines = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`,
  )
  const payload = body === undefined ? [] : [`wrk.body = ${lua(body)}`]
  return [`wrk.method = ${lua(method)}`, ...payload, ...lines, ''].join('\n')
}

/** A JSON string of printable ASCII is a Lua string too. */
function lua(text: string): string {
  return JSON.stringify(text)
}
