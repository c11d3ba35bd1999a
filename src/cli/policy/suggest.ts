import { parseArgs } from 'node:util'
import { callersOf } from '../../analysis/installation.ts'
import {
  missingByHint,
  missingInLog,
  tellsPermissions,
} from '../../analysis/missing-permissions.ts'
import { propose } from '../../analysis/proposals.ts'
import { reachOf } from '../../analysis/reach.ts'
import { unusedRulesOf } from '../../analysis/unused-rules.ts'
import { fault } from '../../fault.ts'
import { counted, tell } from '../terminal.ts'
import { type LinesRead, readAccessLogs } from './access-lines.ts'
import { suggestKafkaRule } from './kafka-suggestion.ts'
import { installationOf, policySourceFrom } from './sources.ts'
import {
  grantsYaml,
  hintedGrants,
  recordedGrants,
  tenantGrants,
  unmetLines,
  unusedGrants,
} from './suggestion.ts'
import { crossings, servedGrants } from './tenant-grants.ts'
import { tokenGrants } from './token-grants.ts'

/** Proposes grants, or narrower ones, as YAML for a person to review. Throws a Fault. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      config: { type: 'string', short: 'c' },
      descriptors: { type: 'string' },
      grants: { type: 'string' },
      from: { type: 'string', multiple: true, default: [] },
      'from-descriptors': { type: 'boolean', default: false },
      tighten: { type: 'boolean', default: false },
      kafka: { type: 'boolean', default: false },
    },
  })
  const { tighten, 'from-descriptors': hinted } = values
  // `--from A B`: the words after the first are logs too, because a shell expands `*.log`.
  const from = values.from.length === 0 ? [] : [...values.from, ...positionals]
  if (from.length === 0 && positionals.length > 0) {
    throw fault(`\`${positionals[0]}\` is one argument too many`, { hint: 'a log follows --from' })
  }
  if ((from.length === 0) !== hinted || (hinted && tighten)) {
    throw fault('suggest takes --from LOG, or --from-descriptors', {
      hint: 'okapi-sidecar policy suggest --descriptors descriptors --from access.log',
    })
  }
  if (values.kafka) return atKafka(values, from)
  if (hinted) return hint(values)
  const read = await readAccessLogs(from)
  process.stderr.write(`${counts(read, from)}\n`)
  return tighten ? narrow(values, read) : grantRecorded(values, read)
}

async function atKafka(
  { config, ...others }: Sources & { 'from-descriptors': boolean; tighten: boolean },
  logs: readonly string[],
): Promise<number> {
  const { descriptors, grants, 'from-descriptors': hinted, tighten } = others
  if (hinted || tighten || descriptors !== undefined || grants !== undefined) {
    throw fault('--kafka goes with -c FILE and --from LOG alone', {
      hint: 'okapi-sidecar policy suggest -c sidecar.yaml --kafka --from sidecar.log',
    })
  }
  process.stdout.write(await suggestKafkaRule(config, logs))
  return 0
}

type Sources = Parameters<typeof policySourceFrom>[0]

function hint(options: Sources): number {
  const source = policySourceFrom(options)
  if (!tellsPermissions(source.descriptors)) {
    throw fault('these descriptors do not say which permissions their routes ask for', {
      hint: 'a packed file leaves them out: name the folder that it was made from',
    })
  }
  const { proposals } = propose(source, missingByHint(source.descriptors))
  const heading = [
    'From modulePermissions: what a module holds a permission for, without declaring the interface.',
    'Some of it is held for others: Okapi hands tokens on. Grant what the module itself calls.',
  ]
  process.stdout.write(grantsYaml(heading, hintedGrants(proposals, Date.now())))
  return 0
}

function grantRecorded(options: Sources, { usage, firstMs, lastMs }: LinesRead): number {
  const source = policySourceFrom(options)
  const { missing, lost } = missingInLog(source.descriptors, usage.wouldBeRefused)
  const { proposals, unmet } = propose(source, missing)
  const heading = [
    `What report mode let pass ${between(firstMs, lastMs)}: review each, then enforce.`,
  ]
  const tenants = tenantGrants(source, usage.refusedTenants, Date.now())
  const served = servedGrants(usage.refusedTenants, Date.now())
  const crossed = crossings(source, usage.crossings, Date.now())
  const told = [...heading, ...unmetLines(unmet, lost), ...tenants.unmet, ...crossed.rules]
  const recorded = recordedGrants(proposals, Date.now())
  const tokens = tokenGrants(source, usage.unknownTokens, Date.now())
  process.stdout.write(
    grantsYaml(told, [...recorded, ...tenants.grants, ...served, ...crossed.grants, ...tokens]),
  )
  if (unmet.length + lost.length > 0) {
    const message = `not all is covered, the first lines say what: ${unmet.length + lost.length}`
    tell([{ severity: 'warning', message }])
  }
  return 0
}

function narrow(options: Sources, { usage, firstMs, lastMs }: LinesRead): number {
  const installation = installationOf(options)
  const modules = callersOf(installation).filter(({ kind }) => !['public', 'plain'].includes(kind))
  const unused = unusedRulesOf(reachOf(installation, modules), installation.grants, usage.passed)
  const heading = [
    `Unused ${between(firstMs, lastMs)}: grants to use instead of wider ones.`,
    'A log does not show yearly work: consider what it was too short to show.',
  ]
  process.stdout.write(grantsYaml(heading, unused.map(unusedGrants)))
  return 0
}

function counts({ lines, exchanges, usage }: LinesRead, files: readonly string[]): string {
  const would = usage.wouldBeRefused.reduce((sum, { count }) => sum + count, 0)
  const where = files.map((file) => (file === '-' ? 'standard input' : file)).join(', ')
  const refused = usage.refusedTenants.reduce((sum, { count }) => sum + count, 0)
  const unknown = usage.unknownTokens.reduce((sum, { count }) => sum + count, 0)
  const tokens = unknown === 0 ? '' : `; ${unknown} with a token that was not seen`
  const passed = `${counted(exchanges, 'exchange')} that passed, ${would} of them by report mode alone`
  return `${where}: ${counted(lines, 'line')}, ${passed}${refused === 0 ? '' : `; ${refused} refused for their tenant`}${tokens}`
}

function between(firstMs: number, lastMs: number): string {
  if (Number.isNaN(firstMs)) return 'in a log without exchanges'
  return `between ${new Date(firstMs).toISOString()} and ${new Date(lastMs).toISOString()}`
}
