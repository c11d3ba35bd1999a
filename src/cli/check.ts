import { parseArgs } from 'node:util'
import { type Loaded, loadConfig } from '../config/load.ts'
import { located } from '../config/locate.ts'
import { jsonSchema } from '../config/schema.ts'
import { Fault, type Problem } from '../fault.ts'
import { memoryProblems, workerProblems } from '../sidecar/machine.ts'
import { type CredentialsFound, checkCredentials, checkPublic } from './check/credentials.ts'
import { checkPolicy, type PolicyFound } from './check/policy.ts'
import { configurationSummary, settingsTable } from './check/summary.ts'
import { tell } from './terminal.ts'

/** The usage text of `check`. */
export const usage = `okapi-sidecar check: check configuration, credentials and policy

Usage:
    okapi-sidecar check [-c FILE] [--print] [--json]
    okapi-sidecar check --schema

Reads what \`run\` reads and reports every problem with file:line:column. Opens
no port and changes nothing.

Options:
    -c, --config FILE   the configuration, YAML or JSON; default sidecar.yaml.
                        SIDECAR_* variables win over it
        --print         print every value in force and where it comes from
        --json          problems and values as one JSON document
        --schema        print the JSON Schema of the configuration

Exit codes: 0 no error, 2 at least one error

Example:
    okapi-sidecar check -c sidecar.yaml --print
`

/** What is found, each room as far as it can be read. */
interface Findings {
  readonly loaded: Loaded | undefined
  readonly credentials: CredentialsFound | undefined
  readonly policy: PolicyFound | undefined
  readonly problems: readonly Problem[]
}

/** Resolves to 2 when there is an error, else to 0. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', short: 'c' },
      print: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      schema: { type: 'boolean', default: false },
    },
  })
  if (values.schema) {
    process.stdout.write(jsonSchema())
    return 0
  }
  const findings = await find(values.config)
  const failed = findings.problems.some(({ severity }) => severity === 'error')
  if (values.json) process.stdout.write(asJson(findings, !failed))
  else asText(findings, values.print)
  return failed ? 2 : 0
}

async function find(file: string | undefined): Promise<Findings> {
  const problems: Problem[] = []
  const loaded = await attempt(problems, () => loadConfig(file, process.env))
  if (loaded === undefined) {
    return { loaded, credentials: undefined, policy: undefined, problems }
  }
  const { config } = loaded
  const { overdue } = loaded
  for (const problem of loaded.problems) {
    problems.push(overdue.includes(problem) ? { ...problem, severity: 'error' } : problem)
  }
  const credentials = await attempt(problems, () => checkCredentials(config))
  const { public: door } = config
  if (door !== undefined) await attempt(problems, () => checkPublic(door))
  const policy = await attempt(problems, () => checkPolicy(loaded))
  problems.push(...(credentials?.problems ?? []), ...(policy?.problems ?? []))
  problems.push(...ofMachine(loaded))
  return { loaded, credentials, policy, problems: distinct(located(problems)) }
}

/** Two doors may look at the same file: the first word about it is enough. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  const same = Map.groupBy(problems, ({ severity, message, where }) =>
    JSON.stringify([severity, message, where]),
  )
  return [...same.values()].map(([first]) => first!)
}

/** What a person should know of `workers` and `limits` on this machine, where they were set. */
function ofMachine({ config, origins }: Loaded): Problem[] {
  const { limits } = config
  const found: readonly (readonly [string, Problem[]])[] = [
    ['workers', workerProblems(config)],
    ['limits.bufferedBytes', memoryProblems(limits.bufferedBytes)],
  ]
  return found.flatMap(([name, problems]) => {
    const origin = origins.find(({ key }) => key === name)?.origin
    const where =
      origin?.kind === 'file'
        ? origin.where
        : { file: origin?.kind === 'environment' ? origin.variable : 'default' }
    return problems.map((problem) => ({ ...problem, where }))
  })
}

/** What `read` gives, or undefined with its problems kept. */
async function attempt<T>(problems: Problem[], read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    problems.push(...error.problems)
    return undefined
  }
}

function asText({ loaded, credentials, policy, problems }: Findings, print: boolean): void {
  const out = process.stdout
  if (loaded !== undefined) {
    if (print) out.write(`${settingsTable(loaded.origins)}\n`)
    out.write(configurationSummary(loaded.config, credentials, policy))
  }
  tell(problems)
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const warnings = problems.length - errors
  if (errors > 0)
    process.stderr.write(`\n${count(errors, 'error')}, ${count(warnings, 'warning')}\n`)
  else out.write(warnings > 0 ? `\nFine, with ${count(warnings, 'warning')}.\n` : '\nFine.\n')
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function asJson({ loaded, credentials, policy, problems }: Findings, ok: boolean): string {
  const document = {
    ok,
    module: loaded?.config.module.id ?? null,
    problems: problems.map(({ severity, message, where, hint }) => ({
      severity,
      message,
      ...where,
      ...(hint === undefined ? {} : { hint }),
    })),
    credentials: credentials?.told ?? null,
    policy: policy?.told ?? null,
    settings: loaded?.origins ?? null,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
