import { GROUPS, type Group } from '../attack.ts'
import { controlSentence } from '../control.ts'
import {
  callers,
  conclusion,
  countOutcomes,
  type NotTried,
  OUTCOMES,
  type Result,
  type Run,
  whose,
} from '../result.ts'
/** Colours a text if colours are enabled. */
export type Paint = (style: 'red' | 'green' | 'yellow' | 'bold', text: string) => string

const COLUMNS = 80
const OUTCOME = 14
const NAME = 34
const COLOR = { bad: 'red', open: 'yellow', good: 'green' } as const

/** The report for a terminal of 80 columns: what got through first, then a line for each group. */
export function textReport(run: Run, paint: Paint): string {
  const wrong = run.results.filter(({ outcome }) => outcome !== 'blocked')
  const list = wrong.map((result) => row(run, result, paint)).join('')
  const groups = (Object.keys(GROUPS) as Group[]).map((group) => groupLine(run, group))
  const { blocked, 'got-through': through, inconclusive } = countOutcomes(run)
  const took = (run.tookMs / 1000).toFixed(1)
  const sum = `${run.results.length} attacks in ${took} s: ${blocked} blocked, ${through} got through, ${inconclusive} inconclusive; ${run.notTried.length} not tried.`
  const { kind, sentence } = conclusion(run)
  const parts = [
    wrapped(`${run.target}, attacked as ${callers(run)}`),
    list,
    groups.join(''),
    left(run.notTried),
    `${run.controls.map((control) => wrapped(controlSentence(control))).join('')}${wrapped(sum)}`,
    `${paint(COLOR[kind], `Did anything get through? ${sentence}`)}\n`,
  ]
  return parts.filter((part) => part !== '').join('\n')
}

function row(run: Run, result: Result, paint: Paint): string {
  const { attack, outcome, because } = result
  const what = OUTCOMES[outcome].padEnd(OUTCOME)
  const colored = paint(outcome === 'got-through' ? 'red' : 'yellow', what)
  const who = run.controls.length > 1 ? whose(result) : null
  const seen = `${attack.id}${who === null ? '' : `, as ${who}`}: ${because}`
  return `${colored}${attack.title}\n${wrapped(seen, ' '.repeat(OUTCOME))}`
}

function groupLine({ results }: Run, group: Group): string {
  const mine = results.filter(({ attack }) => attack.group === group)
  if (mine.length === 0) return ''
  const { blocked, 'got-through': through, inconclusive } = countOutcomes({ results: mine })
  const open = inconclusive === 0 ? '' : `, ${inconclusive} inconclusive`
  const bad = through === 0 ? '' : `, ${through} got through`
  return `${GROUPS[group].padEnd(NAME)}${String(blocked).padStart(3)} blocked${bad}${open}\n`
}

/** Why attacks were not tried: most need only one more option. */
function left(notTried: readonly NotTried[]): string {
  return [...Map.groupBy(notTried, ({ why }) => why)]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(
      ([why, list]) => `${'not tried'.padEnd(OUTCOME)}${String(list.length).padStart(3)}: ${why}\n`,
    )
    .join('')
}

/** Lines of at most 80 characters; a longer word has its own line. */
function wrapped(text: string, indent = ''): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!
    if (last === '') lines[lines.length - 1] = word
    else if (indent.length + last.length + 1 + word.length <= COLUMNS)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.map((line) => `${indent}${line}\n`).join('')
}
