import { writeFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import { errorCode, Fault, fault } from '../src/fault.ts'
import { kafkaStudy, kafkaTable } from './kafka/study.ts'
import { startNeighbour } from './measure/neighbour.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { overloadStudy, overloadTable } from './overload/study.ts'
import { databaseStudy, databaseTable } from './postgres/study.ts'
import { Progress } from './progress.ts'
import type { Row } from './report/rows.ts'
import { loadTable, startTable } from './report/tables.ts'
import { openSite } from './site/site.ts'
import { bodies, connections, latency, newConnections, scenarios } from './studies/main.ts'
import { secondLine } from './studies/second-line.ts'
import { slowNetwork } from './studies/slow-network.ts'
import { measureStarts } from './studies/starts.ts'
import type { Study } from './studies/study.ts'
import { accessLog, peers, routes, tokens } from './studies/variants.ts'
import { workers } from './studies/workers.ts'
import { findTools, skipped, type Tools } from './tools.ts'

const FULL: readonly Study[] = [
  latency,
  newConnections,
  accessLog,
  tokens,
  routes,
  connections,
  bodies,
  peers,
  slowNetwork,
]

/** `npm run bench`: measures, shows, writes. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options.help) {
    process.stdout.write(usage)
    return 0
  }
  const progress = new Progress()
  if (options.postgres) return databases(options, progress)
  if (options.kafka) return brokers(options, progress)
  const tools = findTools()
  if (options.overload) return overload(options, progress, tools)
  for (const [candidate, why] of skipped(options.candidates, tools))
    process.stderr.write(`skipped: ${candidate}: ${why}\n`)
  progress.tell('certificates, descriptors and a backend')
  const site = await openSite(tools, options.nodes.values())
  const rows: Row[] = []
  let stopNeighbour = () => {}
  try {
    const starts = await measureStarts(site, progress.tell)
    progress.end()
    process.stdout.write(startTable(starts))
    if (options.busy) stopNeighbour = startNeighbour()
    const plan = {
      rounds: options.rounds,
      seconds: options.seconds,
      progress: progress.tell,
    }
    const all = options.full ? [scenarios, ...FULL, secondLine] : [scenarios]
    const studies = options.secondLine ? [secondLine] : all
    if (options.workers > 1) studies.push(workers)
    for (const study of studies) {
      progress.tell('starting the candidates')
      const found = await study.run({ site, options, plan })
      progress.end()
      process.stdout.write(`\n${study.title}\n${loadTable(found)}`)
      rows.push(...found)
    }
    if (options.json !== undefined) await writeJson(options.json, rows)
  } finally {
    progress.end()
    stopNeighbour()
    await site.close()
  }
  return 0
}

/** The database leg is measured alone: it has other peers. */
async function databases(options: Options, progress: Progress): Promise<number> {
  const { rounds, seconds, checkouts, json } = options
  try {
    const rows = await databaseStudy({ rounds, seconds, progress: progress.tell }, checkouts)
    progress.end()
    process.stdout.write(databaseTable(rows))
    if (json !== undefined) await writeJson(json, rows)
    return 0
  } finally {
    progress.end()
  }
}

/** The Kafka leg is measured alone, too. */
async function brokers({ rounds, seconds, json }: Options, progress: Progress): Promise<number> {
  try {
    const rows = await kafkaStudy({ rounds, seconds, progress: progress.tell })
    progress.end()
    process.stdout.write(kafkaTable(rows))
    if (json !== undefined) await writeJson(json, rows)
    return 0
  } finally {
    progress.end()
  }
}

/** More than can be served: each chain alone, the others idle. */
async function overload(
  { rounds, seconds, json }: Options,
  progress: Progress,
  tools: Tools,
): Promise<number> {
  progress.tell('certificates, descriptors and a backend')
  const site = await openSite(tools)
  try {
    const rows = await overloadStudy(site, { rounds, seconds, progress: progress.tell })
    progress.end()
    process.stdout.write(overloadTable(rows))
    if (json !== undefined) await writeJson(json, rows)
    return 0
  } finally {
    progress.end()
    await site.close()
  }
}

async function writeJson(file: string, rows: readonly unknown[]): Promise<void> {
  await writeFile(file, `${JSON.stringify({ rows }, null, 2)}\n`)
}

function failed(error: unknown): number {
  const problem = errorCode(error)?.startsWith('ERR_PARSE_ARGS') ? fault(String(error)) : error
  if (problem instanceof Fault) {
    for (const { message, hint } of problem.problems) {
      process.stderr.write(
        `bench: error: ${message}\n${hint === undefined ? '' : `bench: hint: ${hint}\n`}`,
      )
    }
    return 2
  }
  process.stderr.write(`bench: ${inspect(error)}\n`)
  return 1
}

process.exitCode = await main(process.argv.slice(2)).catch(failed)
