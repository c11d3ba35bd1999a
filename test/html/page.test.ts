import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import { escapeMarkup, html } from '../../src/html/markup.ts'
import { contentSecurityPolicy, htmlPage, PALETTE } from '../../src/html/page.ts'

const BROWSER = new URL('../../src/html/browser/', import.meta.url)
const SCRIPTS = readdirSync(BROWSER).filter((name) => name.endsWith('.js'))
const PARTS = { title: 'a <title>', style: 'p { margin: 0 }', body: html`<p>${'<b>'}</p>` }

const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** `content` of the policy in the head, with its quotes. */
function policyOf(page: string): string {
  const [, content = ''] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? []
  return content.replaceAll('&#39;', "'")
}

test('values are escaped, markup is not', (t) => {
  t.is(escapeMarkup(`<a href="x">'&'</a>`), '&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;')
  t.is(escapeMarkup('a\tb\r\nü\u2019'), 'a\tb\r\nü\u2019')
  const hidden = ['\0', '\u001b', '\u009b', '\u200f', '\u2028', '\u202e', '\u2069']
  t.is(escapeMarkup(hidden.join('')), '\\u0000\\u001b\\u009b\\u200f\\u2028\\u202e\\u2069')
  t.is(html`<p>${['<', html`<br>`, 1]}</p>`.text, '<p>&lt;<br>1</p>')
  t.true(htmlPage(PARTS).includes('<title>a &lt;title&gt;</title>'))
})

test('a page allows its own style sheet by hash and no script', (t) => {
  const page = htmlPage(PARTS)
  const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(page) ?? []
  t.true(style.startsWith(PALETTE) && style.endsWith(PARTS.style))
  const policy = policyOf(page)
  t.is(policy, contentSecurityPolicy(PARTS.style))
  t.true(policy.includes(`style-src ${sha256(style)}`), policy)
  t.true(policy.startsWith("default-src 'none'"))
  t.false(policy.includes('script-src'))
  t.false(page.includes('<script'))
})

test('a page with scripts allows exactly those, and no markup made by them', (t) => {
  t.true(SCRIPTS.length > 0)
  const page = htmlPage({ ...PARTS, scripts: SCRIPTS })
  const written = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
    ([, script = '']) => script,
  )
  t.deepEqual(
    written,
    SCRIPTS.map((name) => readFileSync(new URL(name, BROWSER), 'utf8')),
  )
  const policy = policyOf(page)
  t.true(policy.includes(`script-src ${written.map(sha256).join(' ')};`), policy)
  t.true(policy.includes("require-trusted-types-for 'script'"))
})

test('no script could end its element or begin a comment', (t) => {
  for (const name of SCRIPTS) {
    t.notRegex(readFileSync(new URL(name, BROWSER), 'utf8'), /<\/script|<!--/i, name)
  }
})

test('every colour of a page is one of the palette', (t) => {
  const pages = ['observe/status/page.ts', 'cli/policy/matrix-page.ts', 'probe/report/html.ts']
  for (const file of pages) {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
    t.notRegex(source, /#[0-9a-f]{3}(?:[0-9a-f]{3})?\b|\brgba?\(/i, file)
    for (const [, name] of source.matchAll(/var\((--[\w-]+)\)/g)) {
      t.true(PALETTE.includes(`${name}:`), `${file}: ${name}`)
    }
  }
})
