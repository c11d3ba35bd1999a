import { GROUPS, type Group } from '../attack.ts'
import type { AttackOutcome } from '../finding.ts'
import { capital, OUTCOMES, type Result, type Run, whose } from '../result.ts'
import { escapeXml } from './xml.ts'

const ORDER: readonly AttackOutcome[] = ['got-through', 'inconclusive', 'blocked']

/** Every attack of a group with its evidence, the worst first; what got through lies open. */
export function groupDetails(run: Run, group: Group): string {
  const mine = run.results
    .filter(({ attack }) => attack.group === group)
    .toSorted((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome))
  if (mine.length === 0) return ''
  const entries = mine.map((result) => entry(run, result)).join('')
  return `<section aria-labelledby="${group}"><h2 id="${group}">${escapeXml(capital(GROUPS[group]))}</h2>
${entries}</section>
`
}

/** The same attack may have been tried as several callers: then each has an anchor of its own. */
export function anchor(run: Run, { attack, as }: Pick<Result, 'attack' | 'as'>): string {
  return as === null || as === run.controls[0]?.as ? `a-${attack.id}` : `a-${attack.id}-${as}`
}

function entry(run: Run, result: Result): string {
  const { attack, outcome, reason, because, evidence } = result
  const who = run.controls.length > 1 ? whose(result) : null
  const title = who === null ? attack.title : `${attack.title}, as ${who}`
  const rows = [
    ['What was seen', because],
    ['It would mean', attack.meaning],
    ['How it is judged', attack.judged],
    ['What to do', attack.remedy],
    ['Try it alone', `--only ${attack.id}`],
  ] as const
  const list = rows.map(([name, text]) => `<dt>${name}</dt><dd>${escapeXml(text)}</dd>`).join('')
  const said = reason === null ? '' : `<code>${escapeXml(reason)}</code>`
  const again = evidence.replay === undefined ? '' : part('Send it again', evidence.replay)
  return `<details id="${escapeXml(anchor(run, result))}">
<summary><b class="${outcome}">${OUTCOMES[outcome]}</b> <span>${escapeXml(title)}</span> ${said}</summary>
<div><dl class="told">${list}</dl>${part('Sent', evidence.sent)}${part('Received', evidence.received)}${again}</div>
</details>
`
}

function part(name: string, text: string): string {
  return `<h3>${name}</h3><pre>${escapeXml(text)}</pre>`
}
