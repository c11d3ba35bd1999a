import { paint, table } from '../terminal.ts'
import type { DiscoveryFinding, Standing } from './findings.ts'

/** The report at the end. */
export interface DiscoveryReport {
  readonly modules: readonly Standing[]
  readonly findings: readonly DiscoveryFinding[]
  /** False if Okapi was not asked, so its entries are not known. */
  readonly asked: boolean
  /** What was changed, one sentence each. */
  readonly done: readonly string[]
}

/** Writes it to standard output, as a table or as JSON. */
export function tellReport(report: DiscoveryReport, json: boolean): void {
  process.stdout.write(json ? `${JSON.stringify(jsonOf(report), null, 2)}\n` : textOf(report))
}

function jsonOf({ modules, findings, asked, done }: DiscoveryReport) {
  return {
    modules: modules.map(({ srvcId, instId, url, state, actual }) => ({
      srvcId,
      instId,
      url,
      state: asked ? state : null,
      actual: asked ? actual : null,
    })),
    findings: asked ? findings : [],
    done,
  }
}

function textOf({ modules, findings, asked, done }: DiscoveryReport): string {
  const rows = modules.map(({ srvcId, url, state }) =>
    asked ? [srvcId, url, state] : [srvcId, url],
  )
  const head = asked ? ['MODULE', 'SHOULD BE AT', 'OKAPI'] : ['MODULE', 'SHOULD BE AT']
  const lines = [table([head, ...rows]), ...done.map((what) => `${printable(what)}\n`)]
  if (!asked) return lines.join('')
  if (findings.length === 0)
    lines.push(`\n${paint('green', 'Okapi calls every module through its sidecar.')}\n`)
  else
    lines.push(
      '\n',
      ...findings.map(({ kind, because }) => `${paint('red', kind)}: ${printable(because)}\n`),
    )
  return lines.join('')
}

/** Okapi's data may come from others, and terminals execute control characters. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}
