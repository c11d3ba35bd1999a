// Calls through the plain port of its pod, for a while or until a file appears, and says what became of them as one
// line of JSON. In Okapi's container it calls as Okapi's client, beside a module as that module.
//
//     node caller.ts '{"path":"/users","tenant":"diku","ms":10000,"callers":3,"pauseMs":30}'
import { existsSync, writeFileSync } from 'node:fs'

interface CallerSettings {
  /** Where it calls; as a module does it, by default. */
  readonly okapi?: string
  readonly path: string
  readonly tenant: string
  readonly ms: number
  readonly callers: number
  readonly pauseMs: number
  /** It goes on until there were so many calls, whatever the time: a busy machine makes fewer. */
  readonly least?: number
  /** A file that ends it; beside it one appears, with `.begun`, after the first call. */
  readonly stop?: string
}

const NO_ANSWER_MS = 300_000
const settings: CallerSettings = JSON.parse(process.argv[2] ?? '{}')
const {
  okapi = 'http://localhost:9130',
  path,
  tenant,
  ms,
  callers,
  pauseMs,
  least = 1,
  stop,
} = settings

const end = Date.now() + ms
const wrong: string[] = []
const pods: Record<string, number> = {}
let calls = 0
let slowestMs = 0
let slowestAt = ''

function isOver(): boolean {
  return calls >= least && (Date.now() >= end || (stop !== undefined && existsSync(stop)))
}

async function call(): Promise<void> {
  const begun = Date.now()
  calls++
  try {
    const headers = { 'X-Okapi-Tenant': tenant }
    const signal = AbortSignal.timeout(NO_ANSWER_MS)
    const answer = await fetch(`${okapi}${path}`, { headers, signal })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`${answer.status} ${text.slice(0, 300)}`)
    const { pod }: { pod: string } = JSON.parse(text)
    pods[pod] = (pods[pod] ?? 0) + 1
  } catch (error) {
    const { message, cause } = error as Error
    const at = `${new Date(begun).toISOString()} +${Date.now() - begun} ms`
    wrong.push(`${at}: ${message} ${cause ?? ''}`)
  }
  const took = Date.now() - begun
  if (took > slowestMs) {
    slowestMs = took
    slowestAt = new Date(begun).toISOString()
  }
}

async function caller(): Promise<void> {
  while (!isOver()) {
    await call()
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

await call()
if (stop !== undefined) writeFileSync(`${stop}.begun`, '')
await Promise.all(Array.from({ length: callers }, caller))
console.log(JSON.stringify({ calls, wrong, pods, slowestMs, slowestAt }))
