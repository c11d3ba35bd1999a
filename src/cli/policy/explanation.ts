import { isOkapi } from '../../folio/module-id.ts'
import { parseCaller } from '../../policy/caller.ts'
import type { Decision } from '../../policy/decision.ts'
import type { Reason } from '../../refusal/reasons.ts'
import { paint, table, textWidth, wrap } from '../terminal.ts'

/** What `policy explain --json` prints; every key is always there. */
export interface Told extends Pick<Decision, 'caller' | 'at' | 'provider' | 'interface' | 'route'> {
  readonly decision: 'allow' | 'refuse'
  /** Of a refusal, or of what report mode lets pass. */
  readonly reason: Reason | null
  readonly rule: Decision['rule']
  readonly because: string
  readonly wouldAllow: string | null
  readonly nearest: string | null
  /** Every sidecar that decides about such a call, in the order in which they are asked. */
  readonly decidedAt: readonly string[]
}

const INDENT = '  '

/** Who is asked about a call, each by its own policy. `provider`: the module that answers, if any. */
export function placesOf(caller: string, at: string, provider: string | null): readonly string[] {
  const sidecar = (id: string) => `${isOkapi(id) ? 'Okapi’s sidecar' : `sidecar of ${id}`}`
  const listener = caller === 'public' ? 'public' : caller === 'plain' ? 'migration' : 'ingress'
  if (!isOkapi(at)) {
    const from = isOkapi(caller) ? [`${sidecar(caller)} (modules)`] : []
    return [...from, `${sidecar(at)} (${listener})`]
  }
  const from = parseCaller(caller).kind === 'module' ? [`${sidecar(caller)} (egress)`] : []
  const on = provider === null ? [] : [`${sidecar(at)} (modules)`, `${sidecar(provider)} (ingress)`]
  return [...from, `${sidecar(at)} (${listener})`, ...on]
}

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
