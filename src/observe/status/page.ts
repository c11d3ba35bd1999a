import { type Html, html } from '../../html/markup.ts'
import { htmlPage } from '../../html/page.ts'
import type { OverShare } from '../over-share.ts'
import type { Access, StatusFacts } from './facts.ts'
import type { PeerActivity } from './history.ts'
import type { Refused } from './last-refusals.ts'
import {
  askedText,
  auditText,
  callsText,
  dateText,
  migrationText,
  oftenText,
  processText,
  spanText,
  tokensText,
  urgency,
  when,
  whoText,
} from './words.ts'

const SLICE_SECONDS = 10

/** Its hash is in the Content-Security-Policy that the server sends. */
export const STATUS_STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem; max-width: 72rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
p { margin: .25rem 0 } code { font-size: .9em; overflow-wrap: anywhere }
.fine { color: var(--good) } .soon { color: var(--warn) } .over, .bad { color: var(--bad) }
.fine, .soon, .over, .bad { font-weight: 600 }
table { border-collapse: collapse; width: 100%; min-width: 44rem }
ul { margin: 0; padding-left: 1.2rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line) }
.line { white-space: nowrap } td, dd, li { overflow-wrap: anywhere }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto } .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem }
figure { margin: 0 } svg { width: 100%; height: 4rem; border-bottom: 1px solid var(--line) }
polyline { fill: none; stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; margin: 0 } dt { color: var(--quiet) } dd { margin: 0; min-width: 0 }
`

/** The status page: read-only, one document, loads nothing. */
export function statusPage(facts: StatusFacts): string {
  const { module, nowMs, slices } = facts
  const rate = slices.map(({ exchanges }) => exchanges / SLICE_SECONDS)
  return htmlPage({
    title: `${module} · okapi-sidecar`,
    style: STATUS_STYLE,
    body: html`<header>
<h1>${module}</h1>
<p>${state(facts)} <span class="quiet">okapi-sidecar ${facts.version} on ${facts.host}, up for ${spanText(nowMs - facts.startedMs)}, ${dateText(nowMs)}</span></p>
${remarks(facts)}
</header>
<main>
<section aria-labelledby="who"><h2 id="who">Who this is</h2>${identity(facts)}</section>
<section aria-labelledby="traffic"><h2 id="traffic">The last ten minutes</h2>
<div class="charts">
${chart('Exchanges a second', rate, 'a second')}
${chart(
  'Mean duration',
  slices.map(({ meanMs }) => meanMs),
  'ms',
)}
${chart(
  'Refused',
  slices.map(({ refused }) => refused),
  'in ten seconds',
)}
${chart(
  'Failed',
  slices.map(({ failed }) => failed),
  'in ten seconds',
)}
</div></section>
<section aria-labelledby="refusals"><h2 id="refusals">Last refusals</h2>${refusals(facts.refusals, nowMs)}</section>
<section aria-labelledby="shares"><h2 id="shares">Callers over their share</h2>${overShare(facts.overShare, nowMs)}</section>
<section aria-labelledby="peers"><h2 id="peers">Peers seen</h2>${peers(facts.peers, nowMs)}</section>
<section aria-labelledby="callers"><h2 id="callers">May call this module</h2>${accesses(facts.policy.callers)}</section>
<section aria-labelledby="callees"><h2 id="callees">This module may call</h2>${accesses(facts.policy.callees)}</section>
<section aria-labelledby="policy"><h2 id="policy">Policy</h2>${policy(facts)}</section>
</main>`,
  })
}

function state({ ready, draining, awaiting }: StatusFacts): Html {
  if (draining) return html`<span class="soon">draining</span>`
  if (ready) return html`<span class="fine">ready</span>`
  return html`<span class="over">waiting for ${awaiting.join(', ')}</span>`
}

function remarks({ remarks: said, plainBeyondLoopback, migration }: StatusFacts): Html {
  const lines = Object.entries(said).map(
    ([about, words]) => html`<p class="bad">${about}: ${words}</p>`,
  )
  const plain =
    plainBeyondLoopback === null
      ? html``
      : html`<p class="bad">plain HTTP may leave loopback here: ${plainBeyondLoopback}</p>`
  const warning = migration === null ? html`` : html`<p class="bad">${migrationText(migration)}</p>`
  return html`${lines}${plain}${warning}`
}

function identity(facts: StatusFacts): Html {
  const { certificate, roots, nowMs, listening, revocationListsEndMs } = facts
  const { notBeforeMs, notAfterMs, serial, uri, generation } = certificate
  const trusted = roots.map(
    (root) => html`<li>${root.subject} <code>${root.fingerprint.slice(0, 16)}</code>,
<span class="${urgency(root.notBeforeMs, root.notAfterMs, nowMs)}">until ${dateText(root.notAfterMs)}</span></li>`,
  )
  const lists =
    revocationListsEndMs === null
      ? 'none in use'
      : `current until ${dateText(revocationListsEndMs)}`
  const listeners = Object.entries(listening).map(
    ([name, address]) => html`<li>${name} <code>${address}</code></li>`,
  )
  return html`<dl>
<dt>Identity</dt><dd><code>${uri}</code></dd>
<dt>Certificate</dt><dd><span class="${urgency(notBeforeMs, notAfterMs, nowMs)}">${spanText(notAfterMs - nowMs)} left</span>, until ${dateText(notAfterMs)}, serial <code>${serial}</code>, generation ${generation}</dd>
<dt>Trusts</dt><dd><ul>${trusted}</ul></dd>
<dt>Revocation lists</dt><dd>${lists}</dd>
<dt>Under way</dt><dd>${facts.openExchanges} exchanges, ${facts.openConnections} connections</dd>
<dt>Process</dt><dd>${processText(facts.process)}</dd>
<dt>Listens</dt><dd><ul>${listeners}</ul></dd>
${lost(facts)}${concurrency(facts)}${threads(facts)}${tokens(facts)}${audit(facts)}
</dl>`
}

/** Only if lines of the log were dropped. */
function lost({ log }: StatusFacts): Html {
  return log.lost === 0
    ? html``
    : html`<dt>Log</dt><dd class="bad">${log.lost} lines lost since the start</dd>`
}

/** Only if the limit is on. */
function concurrency({ concurrency: seen }: StatusFacts): Html {
  return seen === null ? html`` : html`<dt>Calls</dt><dd>${callsText(seen)}</dd>`
}

/** Only if they are judged. */
function tokens({ tokens: memory }: StatusFacts): Html {
  return memory === null ? html`` : html`<dt>Tokens</dt><dd>${tokensText(memory)}</dd>`
}

/** Only if there is one. */
function audit({ audit: trail }: StatusFacts): Html {
  if (trail === null) return html``
  const style = trail.trouble === null && trail.lost === 0 ? '' : 'bad'
  return html`<dt>Audit trail</dt><dd class="${style}">${auditText(trail)}</dd>`
}

/** Only if there are several. */
function threads({ workers }: StatusFacts): Html {
  if (workers.length === 0) return html``
  const lines = workers.map(
    ({ connections, exchanges }) =>
      html`<li>${exchanges} exchanges, ${connections} connections open</li>`,
  )
  return html`<dt>Threads</dt><dd><ol>${lines}</ol></dd>`
}

function refusals(list: readonly Refused[], nowMs: number): Html {
  if (list.length === 0) return html`<p class="quiet">Nothing was refused since the start.</p>`
  const rows = list.map(
    (
      one,
    ) => html`<tr><td>${when(one.timeMs, nowMs)}${often(one)}</td><td class="line">${one.passed ? 'would be ' : ''}<code>${one.reason}</code></td>
<td>${whoText(one)}</td><td>${askedText(one)}</td><td>${one.because}${request(one)}</td></tr>`,
  )
  return html`<div class="scroll"><table><thead><tr><th scope="col">When</th><th scope="col">Reason</th><th scope="col">Caller</th><th scope="col">Asked</th><th scope="col">Because</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function often(one: Refused): Html {
  const words = oftenText(one)
  return words === '' ? html`` : html`<br><span class="quiet">${words}</span>`
}

/** To find the line of the log. */
function request({ requestId }: Refused): Html {
  return requestId === '' ? html`` : html`<br><code class="quiet">${requestId}</code>`
}

function overShare(list: readonly OverShare[], nowMs: number): Html {
  if (list.length === 0) {
    return html`<p class="quiet">No caller has used up its share of a limit since the start.</p>`
  }
  const rows = list.map(
    (caller) =>
      html`<tr><td>${caller.name}</td><td><code>limits.${caller.limit}</code></td><td class="number">${caller.times}</td><td>${when(caller.lastMs, nowMs)}</td></tr>`,
  )
  return html`<div class="scroll"><table><thead><tr><th scope="col">Caller</th><th scope="col">Limit</th><th scope="col" class="number">Told too-many</th><th scope="col">Last</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function peers(list: readonly PeerActivity[], nowMs: number): Html {
  if (list.length === 0) return html`<p class="quiet">No calls since the start.</p>`
  const rows = list.map(
    (peer) =>
      html`<tr><td>${peer.name}</td><td class="number">${peer.exchanges}</td><td class="number">${peer.refused}</td><td>${when(peer.lastMs, nowMs)}</td></tr>`,
  )
  return html`<div class="scroll"><table><thead><tr><th scope="col">Peer</th><th scope="col" class="number">Exchanges</th><th scope="col" class="number">Refused</th><th scope="col">Last</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function accesses(list: readonly Access[]): Html {
  if (list.length === 0) return html`<p class="quiet">None.</p>`
  const rows = list.map(
    (access) =>
      html`<tr><td>${access.name}</td><td>${access.what}</td><td class="quiet">${access.rule}</td></tr>`,
  )
  return html`<div class="scroll"><table><thead><tr><th scope="col">Module</th><th scope="col">What</th><th scope="col">By what right</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function policy({ policy: rules }: StatusFacts): Html {
  const { mode, hash, descriptors, quarantine, tenants, expiring } = rules
  const list = (lines: readonly string[]) =>
    lines.length === 0 ? html`none` : html`<ul>${lines.map((line) => html`<li>${line}</li>`)}</ul>`
  return html`<dl>
<dt>Mode</dt><dd><span class="${mode === 'enforce' ? 'fine' : 'soon'}">${mode}</span></dd>
<dt>Hash</dt><dd><code>${hash}</code></dd>
<dt>Descriptors</dt><dd>${descriptors}</dd>
<dt>Tenants</dt><dd>${list(tenants)}</dd>
<dt>Quarantine</dt><dd>${list(quarantine)}</dd>
<dt>Grants that expire</dt><dd>${list(expiring)}</dd>
</dl>`
}

const WIDTH = 480
const HEIGHT = 64

/**
 * A line of values over time as inline SVG, with its highest value in words. The last slice is not complete, and is
 * not drawn because it would look like a drop.
 */
function chart(title: string, values: readonly number[], unit: string): Html {
  const highest = Math.max(...values, 0)
  const whole = values.slice(0, -1)
  const step = WIDTH / Math.max(whole.length - 1, 1)
  const y = (value: number) => (highest === 0 ? HEIGHT : HEIGHT - (value / highest) * (HEIGHT - 4))
  const points = whole.map((value, i) => `${(i * step).toFixed(1)},${y(value).toFixed(1)}`)
  const words =
    highest === 0 ? 'nothing in the last ten minutes' : `highest ${round(highest)} ${unit}`
  return html`<figure>
  <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}: ${words}" preserveAspectRatio="none">
    <polyline points="${points.join(' ')}" />
  </svg>
  <figcaption>${title} <span class="quiet">${words}</span></figcaption>
</figure>`
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10)
}
