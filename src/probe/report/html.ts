import { createHash } from 'node:crypto'
import { GROUPS, type Group } from '../attack.ts'
import type { NotTried, Run } from '../result.ts'
import { groupDetails } from './details.ts'
import { STYLE } from './style.ts'
import { summary } from './summary.ts'
import { escapeXml } from './xml.ts'

const HASH = createHash('sha256').update(STYLE).digest('base64')
const POLICY = `default-src 'none'; style-src 'sha256-${HASH}'; base-uri 'none'; form-action 'none'`

/**
 * One page that needs nothing else: what it comes to for a manager, and for a tester the bytes of
 * every attack with a line to send them again. There is no script in it, and it may fetch nothing:
 * what a hostile target answered is only ever text.
 */
export function htmlReport(run: Run): string {
  const groups = (Object.keys(GROUPS) as Group[]).map((group) => groupDetails(run, group)).join('')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>okapi-sidecar probe: ${escapeXml(run.target)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Can a rogue module get through?</h1>
${summary(run)}
${groups}${left(run.notTried)}
</main>
<footer>Made by <code>okapi-sidecar probe</code>. The probe judges answers, not what happens behind
them. Tokens, cookies and keys are masked; bytes are cut to 2 KiB.</footer>
</body>
</html>
`
}

/** By what was lacking: a tester sees at once what to give next time. */
function left(notTried: readonly NotTried[]): string {
  if (notTried.length === 0) return ''
  const byReason = Map.groupBy(notTried, ({ why }) => why)
  const items = [...byReason].map(([why, list]) => {
    const titles = list.map(({ attack }) => escapeXml(attack.title)).join('; ')
    return `<dt>${escapeXml(why)} (${list.length})</dt><dd>${titles}</dd>`
  })
  return `<section aria-labelledby="not-tried"><h2 id="not-tried">Not tried</h2>
<dl class="told">${items.join('\n')}</dl></section>`
}
