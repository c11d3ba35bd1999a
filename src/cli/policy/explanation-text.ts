import type { Explanation } from '../../analysis/explanation.ts'
import { paint, table, textWidth, wrap } from '../terminal.ts'

const INDENT = '  '

/** An explanation for a person, as wide as the terminal. */
export function explanationText(told: Explanation, asked: string): string {
  const { decision, reason, caller, at, provider, route, rule } = told
  const head = decision === 'allow' ? paint('green', 'allow') : paint('red', 'refuse')
  const facts: (readonly [string, string | null])[] = [
    ['caller', caller],
    ['at', at],
    ['request', asked],
    ['route', route && `${route.methods.join(',')} ${route.pathPattern}`],
    ['interface', told.interface && `${told.interface.id} ${told.interface.version}`],
    ['provider', provider],
    [
      'rule',
      rule && (rule.file === null ? rule.kind : `${rule.kind}, ${rule.file}#${rule.pointer}`),
    ],
    ['because', told.because],
    ['allowed by', told.wouldAllow],
    ['nearest', told.nearest],
    ['decided at', told.decidedAt.join('; ')],
  ]
  const rows = facts.flatMap(([label, text]) => (text === null ? [] : cells(label, text)))
  return `${head}${reason === null ? '' : `  ${reason}`}\n\n${table(rows, INDENT)}`
}

const LABEL = 'allowed by'.length

/** One row for each line that the text takes. */
function cells(label: string, text: string): string[][] {
  const width = textWidth() - INDENT.length - LABEL - 2
  return wrap(text, width).map((line, i) => [i === 0 ? label.padEnd(LABEL) : '', line])
}
