import { parseArgs } from 'node:util'
import { jsonSchema } from '../config/schema.ts'
import { fault } from '../fault.ts'
import { type Findings, findingsOf } from './check/findings.ts'
import { checkInstallation } from './check/installation.ts'
import { configurationSummary, settingsTable } from './check/summary.ts'
import { tell } from './terminal.ts'

/** The usage text of `check`. */
export const usage = `okapi-sidecar check: check configuration, credentials and policy

Usage:
    okapi-sidecar check [-c FILE] [--print] [--json]
    okapi-sidecar check DIR [--json]
    okapi-sidecar check --schema

Reads what \`run\` reads and reports every problem with file:line:column. Opens
no port and changes nothing. DIR is a folder that \`init\` has written: all of its
configurations are checked, and whether they belong together.

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

/** Resolves to 2 when there is an error, else to 0. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
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
  const [folder, ...more] = positionals
  if (more.length > 0 || (folder !== undefined && values.config !== undefined)) {
    throw fault('check takes one folder, or -c FILE')
  }
  if (folder !== undefined) return checkInstallation(folder, values.json)
  const findings = await findingsOf(values.config, process.env)
  const failed = findings.problems.some(({ severity }) => severity === 'error')
  if (values.json) process.stdout.write(asJson(findings, !failed))
  else asText(findings, values.print)
  return failed ? 2 : 0
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
