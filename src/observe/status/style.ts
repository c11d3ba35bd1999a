/** The page's only style sheet; its hash stands in the Content-Security-Policy. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2329; --quiet: #5b6670; --line: #d5dade; --paper: #fff;
  --good: #1a6b3c; --warn: #8a5300; --bad: #a4161a; --bar: #2f6f9f }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7ea; --quiet: #9aa5ae; --line: #39424a;
  --paper: #14181b; --good: #6fce97; --warn: #f0b35a; --bad: #ff8b8b; --bar: #7fb8e0 } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; padding: 1.5rem; max-width: 72rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
p { margin: .25rem 0 } .quiet { color: var(--quiet) } code { font-size: .9em; overflow-wrap: anywhere }
.fine { color: var(--good) } .soon { color: var(--warn) } .over, .bad { color: var(--bad) }
.fine, .soon, .over, .bad { font-weight: 600 }
table { border-collapse: collapse; width: 100%; min-width: 44rem }
ul { margin: 0; padding-left: 1.2rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line) }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto } .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem }
figure { margin: 0 } svg { width: 100%; height: 4rem; border-bottom: 1px solid var(--line) }
polyline { fill: none; stroke: var(--bar); stroke-width: 2; vector-effect: non-scaling-stroke }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; margin: 0 } dt { color: var(--quiet) } dd { margin: 0 }
`
