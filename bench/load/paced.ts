import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LOAD_CPU } from '../measure/pinning.ts'
import type { Scenario } from '../scenarios.ts'
import type { LoadResult } from './load.ts'

const run = promisify(execFile)
const CLIENT = new URL('paced-client.ts', import.meta.url).pathname

/** What the client is told. */
export interface Pace {
  readonly scenario: Scenario
  readonly port: number
  readonly seconds: number
  readonly perSecond: number
}

/**
 * Asks at a fixed rate, however fast the answers are. A request that finds no connection free waits,
 * and its wait counts: a slow proxy cannot slow down the clock that measures it.
 */
export async function paced(pace: Pace): Promise<LoadResult> {
  const command = [process.execPath, CLIENT, JSON.stringify(pace)]
  const { stdout } = await run('taskset', ['-c', String(LOAD_CPU), ...command])
  return JSON.parse(stdout)
}
