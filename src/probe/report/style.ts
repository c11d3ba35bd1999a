/** The report's own style sheet: no fetch, no script, readable in print and in the dark. */
export const STYLE = `
:root { color-scheme: light dark; --bad: #b3261e; --good: #1b6e3c; --open: #8a5a00; --line: #8884 }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 }
h2 { font-size: 1.15rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line) }
.verdict { font-size: 1.25rem; margin: 1.5rem 0; padding: 1rem; border-left: .4rem solid }
.verdict.bad { border-color: var(--bad) } .verdict.good { border-color: var(--good) }
.verdict.open { border-color: var(--open) }
.counts { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none }
.counts li { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem 1rem }
.counts b { display: block; font-size: 1.5rem }
details { border-bottom: 1px solid var(--line); padding: .4rem 0 }
summary { cursor: pointer; display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap }
summary code { margin-left: auto }
.badge { font-size: .8rem; font-weight: 600; min-width: 6.5rem }
.got-through .badge { color: var(--bad) } .blocked .badge { color: var(--good) }
.inconclusive .badge { color: var(--open) }
dl { display: grid; grid-template-columns: 8rem 1fr; gap: .25rem 1rem; margin: .75rem 0 }
dt { font-weight: 600 } dd { margin: 0 }
pre { overflow-x: auto; padding: .75rem; background: #8882; border-radius: .3rem; font-size: .85rem;
  white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0 .75rem }
footer { margin: 3rem 0 1rem; font-size: .85rem; opacity: .75 }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr } summary code { margin-left: 0 } }
@media print { details { break-inside: avoid } }
`
