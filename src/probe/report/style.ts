/** The report's own style sheet: no fetch, no script, readable in print and in the dark. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2329; --quiet: #56616b; --line: #d5dade; --paper: #fff;
  --shade: #f3f5f6; --link: #1f5f8f; --good: #1a6b3c; --open: #8a5300; --bad: #a4161a }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7ea; --quiet: #9aa5ae; --line: #39424a;
  --paper: #14181b; --shade: #1e2428; --link: #7fb8e0; --good: #6fce97; --open: #f0b35a; --bad: #ff8b8b } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 64rem; margin: 0 auto; padding: 2rem 1rem }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
h3 { font-size: .95rem; margin: 1rem 0 .25rem }
a { color: var(--link) } p { margin: .5rem 0; max-width: 46rem }
.verdict { font-size: 1.35rem; font-weight: 600; margin: 1.5rem 0 1rem; padding: .9rem 1.1rem;
  background: var(--shade); border-left: .4rem solid; border-radius: .2rem; max-width: none }
.bad { border-color: var(--bad) } .good { border-color: var(--good) } .open { border-color: var(--open) }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: 0 }
.facts dt { color: var(--quiet) } dd { margin: 0; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line) }
thead th { color: var(--quiet); font-weight: 400 } tbody th { font-weight: 400 }
td, thead th + th { text-align: right; font-variant-numeric: tabular-nums; width: 7rem }
tfoot th, tfoot td { font-weight: 600; border-bottom: 0 }
td.nil { color: var(--quiet) } td.got-through, td.inconclusive { font-weight: 600 }
.got-through { color: var(--bad) } .blocked { color: var(--good) } .inconclusive { color: var(--open) }
.worst ul { margin: .25rem 0 0; padding-left: 1.2rem } .worst li { margin: .3rem 0 }
.worst span { display: block; font-size: .9rem }
details { border-bottom: 1px solid var(--line) }
summary { cursor: pointer; display: grid; grid-template-columns: 1rem 7rem 1fr max-content;
  gap: 0 .5rem; align-items: baseline; padding: .35rem 0 }
summary::before { content: '\\25b8'; color: var(--quiet) } details[open] > summary::before { content: '\\25be' }
summary::-webkit-details-marker { display: none }
summary:hover { background: var(--shade) }
summary > b { font-size: .9rem } summary > code { color: var(--quiet) }
details > div { padding: .25rem 0 1rem 1.5rem }
.told { display: grid; grid-template-columns: 9rem 1fr; gap: .25rem 1rem; margin: .5rem 0 }
.told dt { color: var(--quiet) } #not-tried + .told { grid-template-columns: 15rem 1fr }
code, pre { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: .85rem }
pre { padding: .75rem; background: var(--shade); border-radius: .3rem; margin: .25rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere }
footer { margin: 3rem 0 1rem; font-size: .9rem; color: var(--quiet) }
@media (max-width: 40rem) { #not-tried + .told, .told, .facts { grid-template-columns: 1fr } .facts dt { margin-top: .4rem }
  summary { grid-template-columns: 1rem 6.5rem 1fr } summary > code { grid-column: 3 }
  table { font-size: .8rem } td, thead th + th { width: auto; padding-right: .3rem } }
@media print { :root { --ink: #000; --quiet: #444; --line: #bbb; --paper: #fff; --shade: #f3f5f6; --link: #000;
  --good: #1a6b3c; --open: #8a5300; --bad: #a4161a }
  @page { margin: 15mm } body { max-width: none; padding: 0; font-size: 10.5pt }
  summary, tr, li { break-inside: avoid } h2 { break-after: avoid } }
`
