import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { FLAW, interimFlaw, malformed, requestRefusal, responseRefusal } from '../src/wire/flaws.ts'
import { compareAnswers, compareForwarded, compareRequests } from '../test/support/agreement.ts'
import { anyAnswers, askedBy } from '../test/support/answers.ts'
import { chaos, events, plans } from '../test/support/chaos.ts'
import { connections, cuts, placed } from '../test/support/messages.ts'
import { REQUESTS, RESPONSES } from '../test/wire/differences.ts'
import { DATABASE_TRIALS } from './database.ts'
import { HANDLE_TRIALS } from './handles.ts'
import { KAFKA_TRIALS } from './kafka.ts'
import { LINK_TRIALS, linkStates } from './link.ts'
import { randomBytesOf } from './random-bytes.ts'
import { overSockets, scenes } from './sockets.ts'

const USAGE = `npm run fuzz -- [--minutes N] [--seed S]

Throws generated and mutated messages at the wire engine, beside Node's own parser, and lets callers and
upstreams do what they like; and start-ups of database sessions before a server that writes down what
reaches it. Prints its seed; a failure prints the smallest case and how to see it
again. N may be a fraction; the default is one minute.
`

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean' } },
})
const minutes = Number(values.minutes ?? 1)
const firstSeed = Number(values.seed ?? Date.now() % 2 ** 31)
if (values.help || !(minutes > 0) || !Number.isInteger(firstSeed)) {
  process.stderr.write(USAGE)
  process.exit(2)
}

const wantedOfRequests = new Set(REQUESTS.map(({ flaw }) => requestRefusal(FLAW[flaw]).because))
const wantedOfAnswers = new Set([
  ...RESPONSES.map(({ flaw }) => responseRefusal(FLAW[flaw], 'upstream').because),
  malformed('upstream', interimFlaw(101, 1) ?? '').because,
])

/** Throws when two readings of the same bytes disagree in an unwanted way. */
function agreed(
  { wrong, stricter }: { wrong: string | null; stricter: string | null },
  wanted: ReadonlySet<string>,
): void {
  if (wrong !== null) throw new Error(wrong)
  if (stricter !== null && !wanted.has(stricter)) throw new Error(`unwanted: ${stricter}`)
}

function fine(wrong: string | null): void {
  if (wrong !== null) throw new Error(wrong)
}

/** What is tried, and how often in a round. */
const TRIALS = {
  requests: [
    1000,
    fc.asyncProperty(connections, cuts, async (text, at) =>
      agreed(await compareRequests(text, placed(text, at)), wantedOfRequests),
    ),
  ],
  bytes: [
    500,
    fc.asyncProperty(randomBytesOf, cuts, async (text, at) =>
      agreed(await compareRequests(text, placed(text, at)), wantedOfRequests),
    ),
  ],
  forwarded: [
    500,
    fc.asyncProperty(connections, cuts, async (text, at) =>
      fine(await compareForwarded(text, placed(text, at))),
    ),
  ],
  answers: [
    1000,
    fc.asyncProperty(askedBy, anyAnswers, cuts, async (method, text, at) =>
      agreed(await compareAnswers(method, text, placed(text, at)), wantedOfAnswers),
    ),
  ],
  chaos: [
    300,
    fc.asyncProperty(plans, events, async (all, script) => fine(await chaos(all, script))),
  ],
  ...LINK_TRIALS,
  ...HANDLE_TRIALS,
  ...DATABASE_TRIALS,
  ...KAFKA_TRIALS,
  sockets: [30, fc.asyncProperty(scenes, async (scene) => fine(await overSockets(scene)))],
} as const

let seed = firstSeed
let trial = ''
const again = () => `npm run fuzz -- --seed ${seed} --minutes 0.01`

process.on('uncaughtException', (error) => {
  process.stdout.write(
    `\nthe process would have died in ${trial}: ${error.stack}\nagain: ${again()}\n`,
  )
  process.exit(1)
})

process.stdout.write(`seed ${seed}, ${minutes} min\n`)
const until = performance.now() + minutes * 60_000
const done: Record<string, number> = {}
do {
  for (const [name, [numRuns, property]] of Object.entries(TRIALS)) {
    trial = name
    const result = await fc.check<unknown>(property as fc.IAsyncProperty<unknown>, {
      numRuns,
      seed,
    })
    done[name] = (done[name] ?? 0) + result.numRuns
    if (!result.failed) continue
    const report = await fc.asyncDefaultReportMessage(result)
    const why = result.errorInstance instanceof Error ? result.errorInstance.stack : ''
    process.stdout.write(`\n${name}: ${report}\n${why}\nagain: ${again()}\n`)
    process.exit(1)
  }
  seed++
} while (performance.now() < until)
const counts = Object.entries(done).map(([name, runs]) => `${name} ${runs}`)
process.stdout.write(`nothing found: ${counts.join(', ')}\n${linkStates()}\n`)
process.exit(0)
