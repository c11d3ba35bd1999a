import { createHash } from 'node:crypto'
import { Html, html } from '../../observe/status/html.ts'
import { matrixOf, type Part } from '../../policy/matrix.ts'
import { type Opening, partText } from '../../policy/opening.ts'
import { type Headline, headLines } from './matrix-text.ts'
import { SCRIPT } from './page/script.ts'
import { STYLE } from './page/style.ts'

const LEGEND = [
  ['requires', 'the caller’s descriptor requires it'],
  ['optional', 'the caller’s descriptor lists it as optional'],
  ['own', 'the caller provides it, or Okapi calls what the module declares'],
  ['system', 'Okapi calls a system interface'],
  ['default', 'no rule: browsers, whose users Okapi judges; the plain door'],
  ['grant', 'an operator’s grant'],
] as const

/** One page with everything in it: the matrix, its filters, and the routes behind each cell. */
export function matrixPage(openings: readonly Opening[], headline: Headline): string {
  const legend = LEGEND.map(
    ([kind, what]) => html`<li><span class="${kind}"></span>${kind}: ${what}</li>`,
  )
  const head = headLines(headline).map(
    (line) => html`<p class="quiet">${line.replace('who may call what: ', '')}</p>`,
  )
  // Inside a script element only `<` could end it.
  const data = JSON.stringify(dataOf(openings)).replaceAll('<', '\\u003c')
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Who may call what</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<header>
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
<script type="application/json" id="data">${new Html(data)}</script>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`
  return page.text
}

const POLICY = [
  "default-src 'none'",
  `style-src '${sha256(STYLE)}'`,
  `script-src '${sha256(SCRIPT)}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

function sha256(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

/** Each text once, and numbers in its place. */
function dataOf(openings: readonly Opening[]) {
  const callers = new Index()
  const providers = new Index()
  const titles = new Index()
  const routes = new Index()
  const rules = new Map<string, number>()
  for (const name of openings.map(({ provider }) => provider).sort()) providers.of(name)
  const ruleOf = ({ rule, why }: Part) => {
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

function titleOf(part: Part): string {
  return partText(part).replaceAll('`', '')
}

function noteOf({ at, kind, rule }: Part): string {
  if (kind === 'multiple') return 'where X-Okapi-Module-Id names the provider'
  if (at === 'okapi' || kind === 'system' || rule.kind === 'own') return ''
  return 'past Okapi, at the module’s own ingress'
}

/** One line for each method, so that their number is what other forms count. */
function routeLines({ routes }: Part): string[] {
  return routes.flatMap(({ methods, pathPattern, only }) => {
    const path = only === null ? pathPattern : `${pathPattern} (only ${only})`
    return methods.map((method) => `${method} ${path}`)
  })
}
