import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LOAD_CPU } from '../measure/pinning.ts'
import type { Scenario } from '../scenarios.ts'

const run = promisify(execFile)
const CLIENT = new URL('open-loop-client.ts', import.meta.url).pathname

/** What the client is told. */
export interface OpenLoop {
  /** The whole request, without a body. */
  readonly head: string
  readonly port: number
  readonly perSecond: number
  /** Not measured. */
  readonly warmUpSeconds: number
  readonly seconds: number
  /** A request for which none is free is not sent, and counted. */
  readonly connections: number
}

/** Answers of one kind, and what they took. */
export interface Answers {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What became of what was asked. */
export interface OpenLoopResult {
  /** 200. */
  readonly answered: Answers
  /** Every other status. */
  readonly refused: Answers
  readonly notSentPerSecond: number
  /** Connections that were closed. */
  readonly broken: number
}

/** Asks at a fixed rate, whatever the answers are: those who call do not know of each other. */
export async function openLoop(load: OpenLoop): Promise<OpenLoopResult> {
  const command = ['-c', String(LOAD_CPU), process.execPath, CLIENT, JSON.stringify(load)]
  const { stdout } = await run('taskset', command)
  return JSON.parse(stdout)
}

/** The request of a scenario that has no body. */
export function headOf({ method, path, headers }: Scenario, port: number): string {
  const fields = Object.entries(headers).map((pair) => pair.join(': '))
  return [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...fields, '', ''].join('\r\n')
}

/** Of what each answer took, in milliseconds. */
export function summaryOf(ms: readonly number[], seconds: number): Answers {
  const sorted = ms.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { perSecond: ms.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) }
}
