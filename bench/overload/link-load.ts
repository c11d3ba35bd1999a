import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LOAD_CPU } from '../measure/pinning.ts'
import type { Site } from '../site/site.ts'
import type { OpenLoopResult } from './open-loop.ts'

const run = promisify(execFile)
const CLIENT = new URL('link-client.ts', import.meta.url).pathname

/** One caller with a link of its own. */
export interface LinkCaller {
  /** Its module id: whose certificate it shows. */
  readonly name: string
  /** Asked at this rate, whatever the answers are; 0: as many as `open`, each again when it is answered. */
  readonly perSecond: number
  /** So many at a time; a request for which there is no room is not sent, and counted. */
  readonly open: number
}

/** What the client is told. */
export interface LinkLoad {
  readonly port: number
  /** Folder of folders with tls.crt, tls.key and ca.crt. */
  readonly certs: string
  /** The whole request, without a body. */
  readonly head: string
  readonly callers: readonly LinkCaller[]
  /** Not measured. */
  readonly warmUpSeconds: number
  readonly seconds: number
}

/** What became of what was asked: of all, and of each caller in the order in which they were named. */
export interface LinkResult {
  readonly all: OpenLoopResult
  readonly callers: readonly OpenLoopResult[]
}

/** Asks over links, as the sidecars of several callers do. */
export async function linkLoad(
  { certs }: Pick<Site, 'certs'>,
  load: Omit<LinkLoad, 'certs'>,
): Promise<LinkResult> {
  const told: LinkLoad = { ...load, certs }
  const command = ['-c', String(LOAD_CPU), process.execPath, CLIENT, JSON.stringify(told)]
  const { stdout } = await run('taskset', command)
  return JSON.parse(stdout)
}
