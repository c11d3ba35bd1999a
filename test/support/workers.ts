import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StatusFacts } from '../../src/observe/status/facts.ts'
import { patiently } from './patience.ts'
import type { Sidecar } from './scenario/sidecar.ts'
import { Talk, type Where } from './scenario/talk.ts'

/** The JSON of the status page. */
export async function factsOf(sidecar: Sidecar): Promise<StatusFacts> {
  const url = `http://127.0.0.1:${sidecar.port('status')}/status.json`
  const answer = await patiently(fetch(url), () => `${sidecar.id} does not tell its status`)
  return (await answer.json()) as StatusFacts
}

/** Exchanges that each thread has served. */
export async function served(sidecar: Sidecar): Promise<readonly number[]> {
  return (await factsOf(sidecar)).workers.map(({ exchanges }) => exchanges)
}

/** Far more than are needed until each of a few threads has some. */
const CONNECTIONS_AT_MOST = 400

/**
 * Connections, opened one by one until each thread of this sidecar has so many. An Error where a thread
 * never gets one.
 */
export async function everywhere(
  sidecar: Sidecar,
  where: Where,
  least = 1,
  greet: (talk: Talk) => Promise<unknown> = async () => {},
): Promise<Talk[]> {
  const talks: Talk[] = []
  const before = (await factsOf(sidecar)).workers.map(({ connections }) => connections)
  while (talks.length < CONNECTIONS_AT_MOST) {
    const talk = new Talk(where)
    talks.push(talk)
    await greet(talk)
    const { workers } = await factsOf(sidecar)
    if (workers.every(({ connections }, i) => connections - before[i]! >= least)) return talks
  }
  throw new Error(`a thread got too few of ${talks.length} connections`)
}

/**
 * The environment of a process with a broken dependency: when a test writes to `file`, the thread
 * of this name runs `script`. Nothing in the product knows this variable.
 */
export function broken(
  thread: string,
  script: string,
): { env: Record<string, string>; file: string } {
  const file = join(mkdtempSync(join(tmpdir(), 'broken-')), 'now')
  const preload = `${file}.mjs`
  writeFileSync(file, '')
  writeFileSync(
    preload,
    `import { statSync } from 'node:fs'
     import { isMainThread, threadName } from 'node:worker_threads'
     if (!isMainThread && threadName === ${JSON.stringify(thread)}) {
       const timer = setInterval(() => {
         if (statSync(${JSON.stringify(file)}).size === 0) return
         clearInterval(timer)
         ${script}
       }, 20)
       timer.unref()
     }`,
  )
  // A thread that takes all the memory there is gets no more than this.
  return { env: { NODE_OPTIONS: `--max-old-space-size=160 --import ${preload}` }, file }
}
