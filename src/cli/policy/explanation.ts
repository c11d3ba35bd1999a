import type { Decision } from '../../policy/decision.ts'
import type { Reason } from '../../refusal/reasons.ts'
import { paint, table, textWidth } from '../terminal.ts'
import { wrap } from './wrap.ts'

/** What `policy explain --json` prints; every key is always there. */
export interface Told extends Pick<Decision, 'caller' | 'at' | 'provider' | 'interface' | 'route'> {
  readonly decision: 'allow' | 'refuse'
  /** Of a refusal, or of what report mode lets pass. */
  readonly reason: Reason | null
  readonly rule: Decision['rule']
  readonly because: string
  readonly wouldAllow: string | null
  readonly nearest: string | null
}

const INDENT = '  '

/** The same for a person, as wide as the terminal. */
export function explanation(told: Told, asked: string): string {
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
