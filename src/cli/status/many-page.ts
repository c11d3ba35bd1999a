import { html } from '../../html/markup.ts'
import { htmlPage } from '../../html/page.ts'
import type { SidecarState } from './asking.ts'
import { endsSoon, leftText, notes, refusedText } from './many-text.ts'

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; min-width: 70rem }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
th { color: var(--quiet); font-weight: 600 }
td { overflow-wrap: anywhere; min-width: 4rem } td.word { white-space: nowrap }
tbody th { min-width: 13rem; color: inherit; font-weight: inherit; overflow-wrap: anywhere } td:nth-child(n + 7) { min-width: 8rem } td:last-child { min-width: 18rem }
.scroll { overflow-x: auto }
.ready { color: var(--good) } .waiting, .draining { color: var(--warn) } .none, .soon { color: var(--bad) }
code { font-size: .9em }
`

/** One document for all of them, as of `now`. */
export function manyPage(seen: readonly SidecarState[], now: Date): string {
  const nowMs = now.getTime()
  const ready = seen.filter(({ state }) => state === 'ready').length
  const rows = seen.map((one) => {
    const state = one.state === 'no answer' ? 'none' : one.state
    const left = endsSoon(one, nowMs) ? 'soon' : ''
    return html`<tr><th scope="row">${one.name}</th><td class="word ${state}">${one.state}</td>
<td class="word ${left}">${leftText(one, nowMs)}</td><td>${one.version}</td><td>${one.generation ?? ''}</td><td>${one.openExchanges ?? ''}</td>
<td>${one.mode} <code class="quiet">${one.hash.slice(0, 12)}</code></td><td>${refusedText(one, 2)}</td>
<td>${notes(one, nowMs).join('; ')}</td></tr>
`
  })
  const body = html`<main><h1>Sidecars</h1>
<p>${ready} of ${seen.length} ready, ${now.toISOString().slice(0, 16).replace('T', ' ')} UTC</p>
<div class="scroll" tabindex="0" role="region" aria-label="All sidecars"><table><thead><tr><th>sidecar<th>state<th>certificate left<th>version<th>gen<th>open<th>policy<th>refused since the start<th>remarks</tr></thead>
<tbody>
${rows}</tbody></table></div></main>`
  return htmlPage({ title: 'Sidecars', style: STYLE, body })
}
