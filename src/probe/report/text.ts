import { GROUPS, type Group } from '../attack.ts'
import type { Control } from '../control.ts'
import { count, type Result, type Run } from '../result.ts'

/** Colours a text, or does not. */
export type Paint = (style: 'red' | 'green' | 'yellow' | 'bold', text: string) => string

const TITLE = 40
const OUTCOME = 13

/** The report for a terminal: what got through first, then a line for each group. */
export function textReport(run: Run, paint: Paint): string {
  const wrong = run.results.filter(({ outcome }) => outcome !== 'blocked')
  const groups = (Object.keys(GROUPS) as Group[]).map((group) => groupLine(run, group))
  const { blocked, 'got-through': through, inconclusive } = count(run)
  const left = run.notTried.length
  const sum = `${run.results.length} attacks in ${(run.tookMs / 1000).toFixed(1)} s: ${blocked} blocked, ${through} got through, ${inconclusive} inconclusive; ${left} not tried.`
  const list = wrong.length === 0 ? '' : `${wrong.map((result) => row(result, paint)).join('')}\n`
  const controls = run.controls.map(controlLine).join('')
  return `${list}${groups.join('')}\n${controls}${paint(through > 0 ? 'red' : 'green', sum)}\n`
}

function controlLine({ as, let: inside, because }: Control): string {
  const who = as === null ? '' : `, with ${as}`
  const so = inside ? '' : 'So whatever is tried behind the door was refused at the door.\n'
  return `For comparison${who}: ${because}.\n${so}`
}

function row({ attack, as, outcome, because }: Result, paint: Paint): string {
  const what = outcome.padEnd(OUTCOME)
  const colored = paint(outcome === 'got-through' ? 'red' : 'yellow', what)
  const who = as === null ? '' : `as ${as}; `
  return `${colored}${attack.title.padEnd(TITLE)}${attack.id}\n${' '.repeat(OUTCOME)}${who}${because}\n`
}

function groupLine({ results }: Run, group: Group): string {
  const mine = results.filter(({ attack }) => attack.group === group)
  if (mine.length === 0) return ''
  const { blocked, 'got-through': through, inconclusive } = count({ results: mine })
  const open = inconclusive === 0 ? '' : `, ${inconclusive} inconclusive`
  const bad = through === 0 ? '' : `, ${through} got through`
  return `${GROUPS[group].padEnd(OUTCOME + TITLE)}${blocked} blocked${bad}${open}\n`
}
