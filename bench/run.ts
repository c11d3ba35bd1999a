import { writeFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import { errorCode, Fault, fault } from '../src/fault.ts'
import { Chains } from './chains.ts'
import { wrk } from './load/wrk.ts'
import { type Cell, measure, type Plan, pair } from './measure/rounds.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { Progress } from './progress.ts'
import { type Row, rowsOf } from './report/rows.ts'
import { idleTable, loadTable } from './report/tables.ts'
import { SCENARIOS } from './scenarios.ts'
import { openSite, type Site } from './site/site.ts'
import { findTools } from './tools.ts'

/** `npm run bench`: measures, shows, writes. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options.help) {
    process.stdout.write(usage)
    return 0
  }
  const tools = findTools()
  const progress = new Progress()
  progress.tell('certificates, descriptors and a backend')
  const site = await openSite(tools)
  try {
    const rows = await mainStudy(site, options, progress)
    if (options.json !== undefined)
      await writeFile(options.json, `${JSON.stringify({ rows }, null, 2)}\n`)
  } finally {
    await site.close()
    progress.end()
  }
  return 0
}

async function mainStudy(site: Site, options: Options, progress: Progress): Promise<Row[]> {
  const chains = new Chains()
  try {
    progress.tell('starting the candidates')
    await chains.start(site, options)
    const idle = await chains.idle()
    const scenarios = SCENARIOS.filter(({ name }) => options.scenarios.includes(name))
    const cells: Cell[] = scenarios.flatMap((scenario) =>
      chains.all.map((chain) => ({
        group: scenario.name,
        candidate: chain.candidate,
        processes: pair(chain),
        load: (seconds) =>
          wrk(site.tools.wrk, scenario, {
            port: chain.port,
            seconds,
            directory: site.directory,
          }),
      })),
    )
    const rows = rowsOf(await measure(cells, planOf(options, progress)), idle)
    progress.end()
    process.stdout.write(`${loadTable(rows)}\n${idleTable(idle)}`)
    return rows
  } finally {
    await chains.stop()
  }
}

function planOf({ rounds, seconds }: Options, progress: Progress): Plan {
  return { rounds, seconds, warmUpSeconds: 4, progress: progress.tell }
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
