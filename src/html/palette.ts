/**
 * The colours of every page, light, dark and printed, and the few rules that all pages share. Text on
 * `--paper` and `--raised` has a contrast of at least 4.5 in each of them (WCAG 2.2, 1.4.3).
 */
export const PALETTE = `
:root { color-scheme: light dark; --ink: #1d2329; --quiet: #56616b; --line: #d5dade; --paper: #fff;
  --raised: #f3f5f6; --accent: #1f5f8f; --good: #1a6b3c; --warn: #8a5300; --bad: #a4161a;
  --requires: #cfe3f5; --optional: #e3eef6; --own: #e7e9eb; --grant: #ffdfa8; --default: #e9e3f5;
  --system: #dcefe2 }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7ea; --quiet: #9aa5ae; --line: #39424a;
  --paper: #14181b; --raised: #1e2428; --accent: #7fb8e0; --good: #6fce97; --warn: #f0b35a; --bad: #ff8b8b;
  --requires: #1d4468; --optional: #203443; --own: #30373d; --grant: #6b4a10; --default: #3b3156;
  --system: #1f4430 } }
@media print { :root { --ink: #000; --quiet: #444; --line: #bbb; --paper: #fff; --raised: #f3f5f6;
  --accent: #000; --good: #1a6b3c; --warn: #8a5300; --bad: #a4161a } }
* { box-sizing: border-box }
body { color: var(--ink); background: var(--paper) }
.quiet { color: var(--quiet) }
`
