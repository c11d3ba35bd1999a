import { type MatrixPart, matrixOf } from '../../analysis/matrix.ts'
import { type Opening, partText } from '../../analysis/opening.ts'
import { Html, html } from '../../html/markup.ts'
import { htmlPage } from '../../html/page.ts'
import { type Headline, headLines } from './matrix-text.ts'

const STYLE = `
[hidden] { display: none !important }
html, body { height: 100% }
body { font: 14px/1.45 system-ui, sans-serif; margin: 0;
  display: flex; flex-direction: column }
header { padding: .8rem 1rem .6rem; border-bottom: 1px solid var(--line) }
h1 { font-size: 1.25rem; margin: 0 } h2 { font-size: 1.05rem; margin: 0 0 .5rem; overflow-wrap: anywhere }
h3 { font-size: .95rem; margin: .8rem 0 .1rem; overflow-wrap: anywhere }
p { margin: .15rem 0 }
code, .route { font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
.filters { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin-top: .6rem }
.filters label { display: flex; flex-direction: column; color: var(--quiet); font-size: 12px }
.filters label.check { flex-direction: row; gap: .35rem; align-items: center; padding-bottom: .3rem }
input[type=search] { font: inherit; width: 15rem; padding: .25rem .4rem; color: var(--ink);
  background: var(--paper); border: 1px solid var(--quiet); border-radius: 4px }
button { font: inherit; padding: .25rem .7rem; color: var(--ink); background: var(--raised);
  border: 1px solid var(--quiet); border-radius: 4px; cursor: pointer }
.legend { display: flex; flex-wrap: wrap; gap: .2rem .9rem; margin: .5rem 0 0; padding: 0; list-style: none;
  font-size: 12px } .legend span { display: inline-block; width: 1.1em; height: 1.1em; margin-right: .35em;
  border: 1px solid var(--line); vertical-align: -.2em }
main { flex: 1; min-height: 0; display: grid; grid-template-columns: minmax(0, 1fr) }
main:has(#told:not([hidden])) { grid-template-columns: minmax(0, 1fr) 27rem }
.scroll { overflow: auto } #told { overflow: auto; padding: 1rem; border-left: 1px solid var(--line); position: relative }
#told > button { float: right; margin: 0 0 .5rem .5rem }
table { border-collapse: separate; border-spacing: 0 }
td, thead th { width: 22px; min-width: 22px; max-width: 22px; padding: 0; border-right: 1px solid var(--line);
  border-bottom: 1px solid var(--line) }
td { height: 22px; text-align: center; font-size: 10px; font-variant-numeric: tabular-nums }
td.open, th[tabindex] { cursor: pointer }
thead th { position: sticky; top: 0; z-index: 2; height: 15rem; vertical-align: bottom; background: var(--raised) }
thead th span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 14.5rem; padding: .3rem 0;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; font-size: 12px; font-weight: 400; margin: auto }
tbody th { position: sticky; left: 0; z-index: 1; width: 17rem; min-width: 17rem; max-width: 17rem;
  padding: 0 .5rem; text-align: left; font-weight: 400; font-size: 12px; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; background: var(--raised); border-right: 1px solid var(--line);
  border-bottom: 1px solid var(--line) }
thead th.corner { left: 0; z-index: 3; width: 17rem; min-width: 17rem; max-width: 17rem; padding: .4rem .5rem;
  text-align: left; font-weight: 400; font-size: 12px; color: var(--quiet) }
.requires { background: var(--requires) } .optional { background: var(--optional) } .own { background: var(--own) }
.grant { background: var(--grant); font-weight: 700 } .default { background: var(--default) }
.system { background: var(--system) }
th.near { background: var(--line) }
[aria-selected=true] { outline: 2px solid var(--ink); outline-offset: -2px }
:focus-visible { outline: 3px solid var(--accent); outline-offset: -2px }
.badge { display: inline-block; padding: 0 .45em; border-radius: 3px; font-size: 12px }
ul.routes { margin: .2rem 0 .4rem; padding: 0; list-style: none }
ul.routes b { display: inline-block; min-width: 4.2em; font-weight: 600 }
details { border-bottom: 1px solid var(--line); padding: .3rem 0 } summary { cursor: pointer; overflow-wrap: anywhere }
@media (max-width: 62rem) { html, body { height: auto } main, main:has(#told:not([hidden])) { grid-template-columns: minmax(0, 1fr) }
  .scroll { max-height: 70vh } #told { border-left: 0; border-top: 1px solid var(--line) } }
`

const LEGEND = [
  ['requires', 'the caller’s descriptor requires it'],
  ['optional', 'the caller’s descriptor lists it as optional'],
  ['own', 'the caller provides it, or Okapi calls what the module declares'],
  ['system', 'Okapi calls a system interface'],
  ['default', 'no rule: browsers, whose users Okapi authorizes; the migration listener'],
  ['grant', 'an operator’s grant'],
] as const

/** One self-contained page: the matrix, its filters, and the routes of each cell. */
export function matrixPage(openings: readonly Opening[], headline: Headline): string {
  const legend = LEGEND.map(
    ([kind, what]) => html`<li><span class="${kind}"></span>${kind}: ${what}</li>`,
  )
  // The grid needs the space, so only unusual facts are given here.
  const trusted = headline.trusted.filter(({ usual }) => !usual)
  const head = headLines({ ...headline, trusted }).map(
    (line) => html`<p class="quiet">${line.replace('who may call what: ', '')}</p>`,
  )
  // Only `<` could end a script element.
  const data = JSON.stringify(dataOf(openings)).replaceAll('<', '\\u003c')
  return htmlPage({
    title: 'Who may call what',
    style: STYLE,
    scripts: ['matrix-grid.js', 'matrix-panel.js'],
    head: html`<meta name="referrer" content="no-referrer">\n`,
    body: html`<header>
<h1>Who may call what</h1>
${head}
<p class="quiet">Choose a cell to see its interfaces, routes and the rule behind each; a name to see everything of that caller or provider. The number in a cell counts its routes.</p>
<div class="filters" role="search" aria-label="Filters">
<label>Caller <input id="caller" type="search" autocomplete="off" spellcheck="false"></label>
<label>Provider <input id="provider" type="search" autocomplete="off" spellcheck="false"></label>
<label>Interface or path <input id="find" type="search" autocomplete="off" spellcheck="false"></label>
<label class="check"><input id="grants" type="checkbox"> only by grant</label>
<button id="clear" type="button">Clear</button>
<p id="count" role="status"></p>
</div>
<ul class="legend" aria-label="What the colours mean">${legend}</ul>
<noscript><p>This page needs its own script. The same as text: <code>okapi-sidecar policy matrix</code>, as a table: <code>--csv</code>.</p></noscript>
</header>
<main>
<div class="scroll"><table id="grid" role="grid" aria-label="Callers by providers: arrow keys move, Enter opens"></table></div>
<section id="told" aria-labelledby="title" aria-live="polite" tabindex="0" hidden></section>
</main>
<script type="application/json" id="data">${new Html(data)}</script>`,
  })
}

/** Each text once, replaced by numbers elsewhere. */
function dataOf(openings: readonly Opening[]) {
  const callers = new Index()
  const providers = new Index()
  const titles = new Index()
  const routes = new Index()
  const rules = new Map<string, number>()
  for (const name of openings.map(({ provider }) => provider).sort()) providers.of(name)
  const ruleOf = ({ rule, why }: MatrixPart) => {
    const place = rule.file === null ? '' : `${rule.file}#${rule.pointer ?? ''}`
    const key = JSON.stringify([rule.kind, place, why ?? ''])
    const index = rules.get(key) ?? rules.size
    rules.set(key, index)
    return index
  }
  const cells = matrixOf(openings).map(({ caller, provider, parts }) => [
    callers.of(caller),
    providers.of(provider),
    parts.map((part) => [
      titles.of(titleOf(part)),
      ruleOf(part),
      noteOf(part),
      routeLines(part).map((route) => routes.of(route)),
    ]),
  ])
  const lists = { callers: callers.list, providers: providers.list, titles: titles.list }
  const ruleList = [...rules.keys()].map((key): unknown => JSON.parse(key))
  return { ...lists, routes: routes.list, rules: ruleList, cells }
}

class Index {
  readonly #known = new Map<string, number>()

  of(text: string): number {
    const index = this.#known.get(text) ?? this.#known.size
    this.#known.set(text, index)
    return index
  }

  get list(): readonly string[] {
    return [...this.#known.keys()]
  }
}

function titleOf(part: MatrixPart): string {
  return partText(part).replaceAll('`', '')
}

function noteOf({ at, kind, rule }: MatrixPart): string {
  if (kind === 'multiple') return 'where X-Okapi-Module-Id names the provider'
  if (at === 'okapi' || kind === 'system' || rule.kind === 'own') return ''
  return 'past Okapi, at the module’s own ingress'
}

/** One line for each method, so that the number of lines equals the count in other formats. */
function routeLines({ routes }: MatrixPart): string[] {
  return routes.flatMap(({ methods, pathPattern, only }) => {
    const path = only === null ? pathPattern : `${pathPattern} (only ${only})`
    return methods.map((method) => `${method} ${path}`)
  })
}
