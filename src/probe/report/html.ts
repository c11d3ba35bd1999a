import { type Html, html } from '../../html/markup.ts'
import { htmlPage } from '../../html/page.ts'
import { GROUPS, type Group } from '../attack.ts'
import { controlSentence } from '../control.ts'
import type { AttackOutcome } from '../finding.ts'
import {
  callers,
  capital,
  conclusion,
  countOutcomes,
  OUTCOMES,
  type Result,
  type Run,
  whose,
} from '../result.ts'

/** For print and dark mode too. */
const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 2rem 1rem }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
h3 { font-size: .95rem; margin: 1rem 0 .25rem }
a { color: var(--accent) } p { margin: .5rem 0; max-width: 46rem }
.verdict { font-size: 1.35rem; font-weight: 600; margin: 1.5rem 0 1rem; padding: .9rem 1.1rem;
  background: var(--raised); border-left: .4rem solid; border-radius: .2rem; max-width: none }
.bad { border-color: var(--bad) } .good { border-color: var(--good) } .open { border-color: var(--warn) }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: 0 }
.facts dt { color: var(--quiet) } dd { margin: 0; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line) }
thead th { color: var(--quiet); font-weight: 400 } tbody th { font-weight: 400 }
td, thead th + th { text-align: right; font-variant-numeric: tabular-nums; width: 7rem }
tfoot th, tfoot td { font-weight: 600; border-bottom: 0 }
td.nil { color: var(--quiet) } td.got-through, td.inconclusive { font-weight: 600 }
.got-through { color: var(--bad) } .blocked { color: var(--good) } .inconclusive { color: var(--warn) }
.worst ul { margin: .25rem 0 0; padding-left: 1.2rem } .worst li { margin: .3rem 0 }
.worst span { display: block; font-size: .9rem }
details { border-bottom: 1px solid var(--line) }
summary { cursor: pointer; display: grid; grid-template-columns: 1rem 7rem 1fr max-content;
  gap: 0 .5rem; align-items: baseline; padding: .35rem 0 }
summary::before { content: '\\25b8'; color: var(--quiet) } details[open] > summary::before { content: '\\25be' }
summary::-webkit-details-marker { display: none }
summary:hover { background: var(--raised) }
summary > b { font-size: .9rem } summary > code { color: var(--quiet) }
details > div { padding: .25rem 0 1rem 1.5rem }
.told { display: grid; grid-template-columns: 9rem 1fr; gap: .25rem 1rem; margin: .5rem 0 }
.told dt { color: var(--quiet) } #not-tried + .told { grid-template-columns: 15rem 1fr }
code, pre { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: .85rem }
pre { padding: .75rem; background: var(--raised); border-radius: .3rem; margin: .25rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere }
footer { margin: 3rem 0 1rem; font-size: .9rem; color: var(--quiet) }
@media (max-width: 40rem) { #not-tried + .told, .told, .facts { grid-template-columns: 1fr } .facts dt { margin-top: .4rem }
  summary { grid-template-columns: 1rem 6.5rem 1fr } summary > code { grid-column: 3 }
  table { font-size: .8rem } td, thead th + th { width: auto; padding-right: .3rem } }
@media print { @page { margin: 15mm } body { max-width: none; padding: 0; font-size: 10.5pt }
  summary, tr, li { break-inside: avoid } h2 { break-after: avoid } }
`

const ALL_GROUPS = Object.keys(GROUPS) as Group[]

/**
 * One self-contained page: a summary for a manager, and for a tester the bytes of every attack with a
 * line to send them again. It has no script and may load nothing, so that what a hostile target
 * answered is never more than text.
 */
export function htmlReport(run: Run): string {
  return htmlPage({
    title: `okapi-sidecar probe: ${run.target}`,
    style: STYLE,
    body: html`<main>
<h1>Can a rogue module get through?</h1>
${summary(run)}
${ALL_GROUPS.map((group) => groupDetails(run, group))}${notTried(run)}
</main>
<footer>Made by <code>okapi-sidecar probe</code>. The probe judges answers, not what happens behind
them. Tokens, cookies and keys are masked; bytes are cut to 2 KiB.</footer>`,
  })
}

/** The summary, for readers of nothing else. */
function summary(run: Run): Html {
  const { kind, sentence } = conclusion(run)
  const took = (run.tookMs / 1000).toFixed(1)
  return html`<dl class="facts">
<dt>Target</dt><dd>${run.target}</dd>
<dt>Attacked as</dt><dd>${callers(run)}</dd>
<dt>When</dt><dd>${run.startedAt.toUTCString()}, for ${took} s</dd>
</dl>
<p class="verdict ${kind}">${sentence}</p>
<section aria-labelledby="glance"><h2 id="glance">At a glance</h2>
<table><thead><tr><th scope="col">What was attacked</th><th scope="col">Got through</th><th scope="col">Inconclusive</th><th scope="col">Blocked</th><th scope="col">Not tried</th></tr></thead>
<tbody>${ALL_GROUPS.map((group) => groupRow(run, group))}</tbody>
<tfoot>${cells(html`All`, run)}</tfoot></table>
</section>
${consequences(run)}
<section aria-labelledby="comparison"><h2 id="comparison">For comparison</h2>
${lines(run.controls.map((control) => html`<p>${controlSentence(control)}</p>`))}</section>`
}

type Counted = Pick<Run, 'results' | 'notTried'>

function groupRow({ results, notTried: left }: Run, group: Group): Html {
  const mine = {
    results: results.filter(({ attack }) => attack.group === group),
    notTried: left.filter(({ attack }) => attack.group === group),
  }
  // The database is attacked in separate runs.
  if (mine.results.length + mine.notTried.length === 0) return html``
  const name = html`${capital(GROUPS[group])}`
  return cells(mine.results.length === 0 ? name : html`<a href="#${group}">${name}</a>`, mine)
}

function cells(name: Html, { results, notTried: left }: Counted): Html {
  const { blocked, 'got-through': through, inconclusive } = countOutcomes({ results })
  const numbers = [
    ['got-through', through],
    ['inconclusive', inconclusive],
    ['blocked', blocked],
    ['left', left.length],
  ] as const
  const row = numbers.map(
    ([kind, number]) => html`<td class="${number === 0 ? 'nil' : kind}">${number}</td>`,
  )
  return html`<tr><th scope="row">${name}</th>${row}</tr>`
}

/** What got through, by group; attacks with the same meaning are combined. */
function consequences(run: Run): Html {
  const through = run.results.filter(({ outcome }) => outcome === 'got-through')
  if (through.length === 0) return html``
  const groups = [...Map.groupBy(through, ({ attack }) => attack.group)].map(([group, results]) => {
    const byMeaning = Map.groupBy(results, ({ attack }) => attack.meaning)
    const items = [...byMeaning].map(([meaning, same]) => {
      const links = same.map((result, i) => html`${i === 0 ? '' : '; '}${link(run, result)}`)
      return html`<li>${meaning} <span>${links}</span></li>`
    })
    return html`<h3>${capital(GROUPS[group])}</h3>\n<ul>\n${lines(items)}\n</ul>`
  })
  return html`<section aria-labelledby="worst" class="worst"><h2 id="worst">What that means</h2>
${lines(groups)}</section>`
}

function link(run: Run, result: Result): Html {
  return html`<a href="#${anchor(run, result)}">${result.attack.title}</a>`
}

/** The same attack may have been tried as several callers: each has its own anchor. */
function anchor(run: Run, { attack, as }: Result): string {
  return as === null || as === run.controls[0]?.as ? `a-${attack.id}` : `a-${attack.id}-${as}`
}

const WORST_FIRST: readonly AttackOutcome[] = ['got-through', 'inconclusive', 'blocked']

/** Every attack of a group with its evidence, the worst first. */
function groupDetails(run: Run, group: Group): Html {
  const mine = run.results
    .filter(({ attack }) => attack.group === group)
    .toSorted((a, b) => WORST_FIRST.indexOf(a.outcome) - WORST_FIRST.indexOf(b.outcome))
  if (mine.length === 0) return html``
  return html`<section aria-labelledby="${group}"><h2 id="${group}">${capital(GROUPS[group])}</h2>
${mine.map((result) => details(run, result))}</section>
`
}

function details(run: Run, result: Result): Html {
  const { attack, outcome, reason, because, evidence } = result
  const who = run.controls.length > 1 ? whose(result) : null
  const title = who === null ? attack.title : `${attack.title}, as ${who}`
  const rows = [
    ['What was seen', because],
    ['It would mean', attack.meaning],
    ['How the result is decided', attack.judged],
    ['What to do', attack.remedy],
    ['Try it alone', `--only ${attack.id}`],
  ] as const
  const told = rows.map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)
  const said = reason === null ? html`` : html`<code>${reason}</code>`
  const again = evidence.replay === undefined ? html`` : bytes('Send it again', evidence.replay)
  return html`<details id="${anchor(run, result)}">
<summary><b class="${outcome}">${OUTCOMES[outcome]}</b> <span>${title}</span> ${said}</summary>
<div><dl class="told">${told}</dl>${bytes('Sent', evidence.sent)}${bytes('Received', evidence.received)}${again}</div>
</details>
`
}

function bytes(name: string, text: string): Html {
  return html`<h3>${name}</h3><pre>${text}</pre>`
}

/** Grouped by what was lacking, so that a tester sees what to give next time. */
function notTried({ notTried: left }: Run): Html {
  if (left.length === 0) return html``
  const items = [...Map.groupBy(left, ({ why }) => why)].map(([why, list]) => {
    const titles = list.map(({ attack }) => attack.title).join('; ')
    return html`<dt>${why} (${list.length})</dt><dd>${titles}</dd>`
  })
  return html`<section aria-labelledby="not-tried"><h2 id="not-tried">Not tried</h2>
<dl class="told">${lines(items)}</dl></section>`
}

function lines(parts: readonly Html[]): readonly Html[] {
  return parts.map((part, i) => (i === 0 ? part : html`\n${part}`))
}
