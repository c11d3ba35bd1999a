import { GROUPS, type Group } from '../attack.ts'
import { type Control, controlSentence } from '../control.ts'
import { callers, capital, conclusion, countOutcomes, type Result, type Run } from '../result.ts'
import { anchor } from './details.ts'
import { escapeXml } from './xml.ts'

/** What it comes to, for somebody who reads nothing else. */
export function summary(run: Run): string {
  const { kind, sentence } = conclusion(run)
  return `<dl class="facts">
<dt>Target</dt><dd>${escapeXml(run.target)}</dd>
<dt>Attacked as</dt><dd>${escapeXml(callers(run))}</dd>
<dt>When</dt><dd>${escapeXml(run.startedAt.toUTCString())}, for ${(run.tookMs / 1000).toFixed(1)} s</dd>
</dl>
<p class="verdict ${kind}">${escapeXml(sentence)}</p>
<section aria-labelledby="glance"><h2 id="glance">At a glance</h2>
<table><thead><tr><th scope="col">What was attacked</th><th scope="col">Got through</th><th scope="col">Inconclusive</th><th scope="col">Blocked</th><th scope="col">Not tried</th></tr></thead>
<tbody>${(Object.keys(GROUPS) as Group[]).map((group) => row(run, group)).join('')}</tbody>
<tfoot>${cells('All', run)}</tfoot></table>
</section>
${worst(run)}
<section aria-labelledby="comparison"><h2 id="comparison">For comparison</h2>
${run.controls.map(comparison).join('\n')}</section>`
}

/** Attacks that would mean the same are told in one breath. */
function worst(run: Run): string {
  const through = run.results.filter(({ outcome }) => outcome === 'got-through')
  if (through.length === 0) return ''
  const groups = [...Map.groupBy(through, ({ attack }) => attack.group)].map(([group, results]) => {
    const byMeaning = Map.groupBy(results, ({ attack }) => attack.meaning)
    const items = [...byMeaning].map(([meaning, same]) => {
      const links = same.map((result) => link(run, result)).join('; ')
      return `<li>${escapeXml(meaning)} <span>${links}</span></li>`
    })
    return `<h3>${escapeXml(capital(GROUPS[group]))}</h3>\n<ul>\n${items.join('\n')}\n</ul>`
  })
  return `<section aria-labelledby="worst" class="worst"><h2 id="worst">What that means</h2>
${groups.join('\n')}</section>`
}

function link(run: Run, result: Result): string {
  return `<a href="#${escapeXml(anchor(run, result))}">${escapeXml(result.attack.title)}</a>`
}

type Part = Pick<Run, 'results' | 'notTried'>

function row({ results, notTried }: Part, group: Group): string {
  const mine = {
    results: results.filter(({ attack }) => attack.group === group),
    notTried: notTried.filter(({ attack }) => attack.group === group),
  }
  const name = escapeXml(capital(GROUPS[group]))
  return cells(mine.results.length === 0 ? name : `<a href="#${group}">${name}</a>`, mine)
}

function cells(name: string, { results, notTried }: Part): string {
  const { blocked, 'got-through': through, inconclusive } = countOutcomes({ results })
  const numbers = [
    ['got-through', through],
    ['inconclusive', inconclusive],
    ['blocked', blocked],
    ['left', notTried.length],
  ] as const
  const row = numbers
    .map(([kind, number]) => `<td class="${number === 0 ? 'nil' : kind}">${number}</td>`)
    .join('')
  return `<tr><th scope="row">${name}</th>${row}</tr>`
}

function comparison(control: Control): string {
  return `<p>${escapeXml(controlSentence(control))}</p>`
}
