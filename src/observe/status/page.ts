import { chart } from './chart.ts'
import type { Access, StatusFacts } from './facts.ts'
import type { PeerSeen, Refused } from './history.ts'
import { Html, html } from './html.ts'
import { STYLE } from './style.ts'
import { date, plainDoorText, span, urgency, when } from './words.ts'

const SLICE_SECONDS = 10

/** The status page: read-only, one document, nothing from outside. */
export function statusPage(facts: StatusFacts): string {
  const { module, nowMs, slices } = facts
  const rate = slices.map(({ exchanges }) => exchanges / SLICE_SECONDS)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${module} · okapi-sidecar</title>
<style>${STYLE_PART}</style>
</head>
<body>
<header>
<h1>${module}</h1>
<p>${state(facts)} <span class="quiet">okapi-sidecar ${facts.version} on ${facts.host}, up for ${span(nowMs - facts.startedMs)}, ${date(nowMs)}</span></p>
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
<section aria-labelledby="peers"><h2 id="peers">Peers seen</h2>${peers(facts.peers, nowMs)}</section>
<section aria-labelledby="callers"><h2 id="callers">May call this module</h2>${accesses(facts.policy.callers)}</section>
<section aria-labelledby="callees"><h2 id="callees">This module may call</h2>${accesses(facts.policy.callees)}</section>
<section aria-labelledby="policy"><h2 id="policy">Policy</h2>${policy(facts)}</section>
</main>
</body>
</html>
`
  return page.text
}

const STYLE_PART = new Html(STYLE)

function state({ ready, draining, awaiting }: StatusFacts): Html {
  if (draining) return html`<span class="soon">draining</span>`
  if (ready) return html`<span class="fine">ready</span>`
  return html`<span class="over">waiting for ${awaiting.join(', ')}</span>`
}

function remarks({ remarks: said, plainBeyondLoopback, plainDoor }: StatusFacts): Html {
  const lines = Object.entries(said).map(
    ([about, words]) => html`<p class="bad">${about}: ${words}</p>`,
  )
  const plain =
    plainBeyondLoopback === null
      ? html``
      : html`<p class="bad">plain HTTP may leave loopback here: ${plainBeyondLoopback}</p>`
  const door = plainDoor === null ? html`` : html`<p class="bad">${plainDoorText(plainDoor)}</p>`
  return html`${lines}${plain}${door}`
}

function identity(facts: StatusFacts): Html {
  const { certificate, roots, nowMs, listening, revocationListsEndMs } = facts
  const { notBeforeMs, notAfterMs, serial, uri, generation } = certificate
  const trusted = roots.map(
    (root) => html`<li>${root.subject} <code>${root.fingerprint.slice(0, 16)}</code>,
<span class="${urgency(root.notBeforeMs, root.notAfterMs, nowMs)}">until ${date(root.notAfterMs)}</span></li>`,
  )
  const lists =
    revocationListsEndMs === null ? 'none in use' : `current until ${date(revocationListsEndMs)}`
  const doors = Object.entries(listening).map(
    ([name, address]) => html`<li>${name} <code>${address}</code></li>`,
  )
  return html`<dl>
<dt>Identity</dt><dd><code>${uri}</code></dd>
<dt>Certificate</dt><dd><span class="${urgency(notBeforeMs, notAfterMs, nowMs)}">${span(notAfterMs - nowMs)} left</span>, until ${date(notAfterMs)}, serial <code>${serial}</code>, generation ${generation}</dd>
<dt>Trusts</dt><dd><ul>${trusted}</ul></dd>
<dt>Revocation lists</dt><dd>${lists}</dd>
<dt>Listens</dt><dd><ul>${doors}</ul></dd>
${threads(facts)}
</dl>`
}

/** Only where there are several. */
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
    ) => html`<tr><td>${when(one.timeMs, nowMs)}</td><td>${one.passed ? 'would be ' : ''}<code>${one.reason}</code></td>
<td>${one.caller}</td><td>${one.method} <code>${one.route}</code> at ${one.at}</td><td>${one.because}</td></tr>`,
  )
  return html`<div class="scroll"><table><thead><tr><th scope="col">When</th><th scope="col">Reason</th><th scope="col">Caller</th><th scope="col">Asked</th><th scope="col">Because</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function peers(list: readonly PeerSeen[], nowMs: number): Html {
  if (list.length === 0) return html`<p class="quiet">Nobody has called since the start.</p>`
  const rows = list.map(
    (peer) =>
      html`<tr><td>${peer.name}</td><td class="number">${peer.exchanges}</td><td class="number">${peer.refused}</td><td>${when(peer.lastMs, nowMs)}</td></tr>`,
  )
  return html`<div class="scroll"><table><thead><tr><th scope="col">Peer</th><th scope="col" class="number">Exchanges</th><th scope="col" class="number">Refused</th><th scope="col">Last</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function accesses(list: readonly Access[]): Html {
  if (list.length === 0) return html`<p class="quiet">Nobody.</p>`
  const rows = list.map(
    (access) =>
      html`<tr><td>${access.name}</td><td>${access.what}</td><td class="quiet">${access.rule}</td></tr>`,
  )
  return html`<div class="scroll"><table><thead><tr><th scope="col">Module</th><th scope="col">What</th><th scope="col">By what right</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function policy({ policy: rules }: StatusFacts): Html {
  const { mode, hash, descriptors, quarantine, expiring } = rules
  const list = (lines: readonly string[]) =>
    lines.length === 0 ? html`none` : html`<ul>${lines.map((line) => html`<li>${line}</li>`)}</ul>`
  return html`<dl>
<dt>Mode</dt><dd><span class="${mode === 'enforce' ? 'fine' : 'soon'}">${mode}</span></dd>
<dt>Hash</dt><dd><code>${hash}</code></dd>
<dt>Descriptors</dt><dd>${descriptors}</dd>
<dt>Quarantine</dt><dd>${list(quarantine)}</dd>
<dt>Grants that expire</dt><dd>${list(expiring)}</dd>
</dl>`
}
