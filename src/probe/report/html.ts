import { GROUPS, type Group } from '../attack.ts'
import type { Outcome } from '../finding.ts'
import { count, type NotTried, type Result, type Run } from '../result.ts'
import { STYLE } from './style.ts'
import { escapeXml } from './xml.ts'

/**
 * One page that needs nothing else: what it comes to for a manager, and for a tester the bytes of
 * every attack with a line to send them again. There is no script in it, and it may fetch nothing:
 * what a hostile target answered is only ever text.
 */
export function htmlReport(run: Run): string {
  const groups = (Object.keys(GROUPS) as Group[]).map((group) => section(run, group)).join('')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>okapi-sidecar probe: ${escapeXml(run.target)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Can a rogue module get through?</h1>
<p>${escapeXml(run.target)}, ${escapeXml(run.startedAt.toUTCString())}, in ${(run.tookMs / 1000).toFixed(1)} s</p>
${summary(run)}
${controls(run)}
${groups}
${left(run.notTried)}
</main>
<footer>Made by okapi-sidecar probe. Tokens, cookies and keys are masked; bytes are cut to 2 KiB.
</footer>
</body>
</html>
`
}

function summary(run: Run): string {
  const { blocked, 'got-through': through, inconclusive } = count(run)
  const all = run.results.length
  const [kind, sentence] =
    through > 0
      ? ['bad', `${through} of ${all} attacks got through. What each would mean stands beside it.`]
      : inconclusive > 0 || all === 0
        ? [
            'open',
            `Nothing got through, but ${inconclusive} of ${all} attacks could not be judged.`,
          ]
        : ['good', `All ${all} attacks were blocked.`]
  const counts = [
    [through, 'got through'],
    [blocked, 'blocked'],
    [inconclusive, 'inconclusive'],
    [run.notTried.length, 'not tried'],
  ]
  const items = counts.map(([number, what]) => `<li><b>${number}</b>${what}</li>`).join('')
  const worst = run.results.filter(({ outcome }) => outcome === 'got-through')
  const list = worst
    .map(
      ({ attack }) =>
        `<li><a href="#${attack.id}">${escapeXml(attack.title)}</a>: ${escapeXml(attack.meaning)}</li>`,
    )
    .join('\n')
  return `<p class="verdict ${kind}">${escapeXml(sentence)}</p>
<ul class="counts">${items}</ul>
${list === '' ? '' : `<ul>\n${list}\n</ul>`}`
}

function controls(run: Run): string {
  const items = run.controls.map(({ as, let: inside, because }) => {
    const who = as === null ? '' : `with ${as}: `
    const so = inside ? '' : '. So whatever is tried behind the door was refused at the door.'
    return `<li>${escapeXml(`${who}${because}${so}`)}</li>`
  })
  return `<p>For comparison:</p>\n<ul>${items.join('')}</ul>`
}

const ORDER: readonly Outcome[] = ['got-through', 'inconclusive', 'blocked']

function section({ results }: Run, group: Group): string {
  const mine = results
    .filter(({ attack }) => attack.group === group)
    .toSorted((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome))
  if (mine.length === 0) return ''
  const title = GROUPS[group]
  return `<h2>${escapeXml(title.charAt(0).toUpperCase() + title.slice(1))}</h2>\n${mine.map(entry).join('')}`
}

function entry({ attack, as, outcome, reason, because, evidence }: Result): string {
  const who = as === null ? '' : ` <small>as ${escapeXml(as)}</small>`
  const rows = [
    ['What was seen', because],
    ['It would mean', attack.meaning],
    ['How it is judged', attack.judged],
    ['What to do', attack.remedy],
  ]
  const list = rows.map(([name, text]) => `<dt>${name}</dt><dd>${escapeXml(text!)}</dd>`).join('')
  const again =
    evidence.replay === undefined ? '' : `<p>Again:</p><pre>${escapeXml(evidence.replay)}</pre>`
  return `<details id="${attack.id}" class="${outcome}"${outcome === 'got-through' ? ' open' : ''}>
<summary><span class="badge">${outcome}</span> ${escapeXml(attack.title)}${who}
<code>${escapeXml(reason ?? '')}</code></summary>
<dl>${list}</dl>
<p>Sent:</p><pre>${escapeXml(evidence.sent)}</pre>
<p>Received:</p><pre>${escapeXml(evidence.received)}</pre>
${again}
</details>
`
}

function left(notTried: readonly NotTried[]): string {
  if (notTried.length === 0) return ''
  const items = notTried
    .map(({ attack, why }) => `<li>${escapeXml(attack.title)}: ${escapeXml(why)}</li>`)
    .join('\n')
  return `<h2>Not tried</h2>\n<ul>\n${items}\n</ul>`
}
