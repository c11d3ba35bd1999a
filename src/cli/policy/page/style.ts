/** The page's only style sheet; its hash stands in the Content-Security-Policy. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2329; --quiet: #5b6670; --line: #d5dade; --paper: #fff;
  --raised: #f4f6f8; --focus: #0b5cad; --requires: #cfe3f5; --optional: #e3eef6; --own: #e7e9eb;
  --grant: #ffdfa8; --default: #e9e3f5; --system: #dcefe2 }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7ea; --quiet: #9aa5ae; --line: #39424a;
  --paper: #14181b; --raised: #1d2327; --focus: #7fb8e0; --requires: #1d4468; --optional: #203443;
  --own: #30373d; --grant: #6b4a10; --default: #3b3156; --system: #1f4430 } }
* { box-sizing: border-box } [hidden] { display: none !important }
html, body { height: 100% }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0;
  display: flex; flex-direction: column }
header { padding: .8rem 1rem .6rem; border-bottom: 1px solid var(--line) }
h1 { font-size: 1.25rem; margin: 0 } h2 { font-size: 1.05rem; margin: 0 0 .5rem; overflow-wrap: anywhere }
h3 { font-size: .95rem; margin: .8rem 0 .1rem; overflow-wrap: anywhere }
p { margin: .15rem 0 } .quiet { color: var(--quiet) }
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
:focus-visible { outline: 3px solid var(--focus); outline-offset: -2px }
.badge { display: inline-block; padding: 0 .45em; border-radius: 3px; font-size: 12px }
ul.routes { margin: .2rem 0 .4rem; padding: 0; list-style: none }
ul.routes b { display: inline-block; min-width: 4.2em; font-weight: 600 }
details { border-bottom: 1px solid var(--line); padding: .3rem 0 } summary { cursor: pointer; overflow-wrap: anywhere }
@media (max-width: 62rem) { html, body { height: auto } main, main:has(#told:not([hidden])) { grid-template-columns: minmax(0, 1fr) }
  .scroll { max-height: 70vh } #told { border-left: 0; border-top: 1px solid var(--line) } }
`
