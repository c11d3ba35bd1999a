import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { StatusFacts } from '../src/observe/status/facts.ts'

/** Of one question; a process that stands still answers none. */
const ANSWER_MS = 2000
/** Of a figure that is needed: by then a process that only lacks a processor has answered. */
const PATIENCE_MS = 60_000

/** Does anything accept connections there? */
export function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: ANSWER_MS })
    const end = (yes: boolean) => {
      socket.destroy()
      resolve(yes)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}

/** Is this answered with 200? */
export async function answers(url: string): Promise<boolean> {
  return (await textAt(url)) !== undefined
}

/** A figure of a sidecar's metrics, NaN where there is none. Throws where there is no answer in a minute. */
export async function metric(adminPort: number, series: string): Promise<number> {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const text = await textAt(`http://127.0.0.1:${adminPort}/metrics`)
    const line = text?.split('\n').find((each) => each.startsWith(`${series} `))
    if (text !== undefined)
      return line === undefined ? Number.NaN : Number(line.slice(series.length))
    if (performance.now() > end)
      throw new Error(`no metrics at port ${adminPort} in ${PATIENCE_MS} ms`)
    await pause(100)
  }
}

/** What a sidecar says of itself; undefined: it does not answer now. */
export async function statusOf(statusPort: number): Promise<StatusFacts | undefined> {
  const text = await textAt(`http://127.0.0.1:${statusPort}/status.json`)
  return text === undefined ? undefined : (JSON.parse(text) as StatusFacts)
}

async function textAt(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })
    const text = await answer.text()
    return answer.status === 200 ? text : undefined
  } catch {
    return undefined
  }
}
