import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Html, html } from './markup.ts'

/** The parts of a page: one document that loads nothing. */
export interface PageParts {
  readonly title: string
  /** CSS after the palette. */
  readonly style: string
  readonly body: Html
  /** Names of files in `browser/`, run in this order after the body. */
  readonly scripts?: readonly string[]
  /** More lines for the head. */
  readonly head?: Html
}

/** The whole document. Its Content-Security-Policy is in the head; a server also sends it as a header. */
export function htmlPage({ title, style, body, scripts = [], head = html`` }: PageParts): string {
  const policy = contentSecurityPolicy(style, scripts)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${head}<title>${title}</title>
<style>${new Html(sheet(style))}</style>
</head>
<body>
${body}
${scripts.map((name) => html`<script>${new Html(browserScript(name))}</script>\n`)}</body>
</html>
`
  return page.text
}

/** Allows this style sheet and these scripts by their hashes, and nothing else. */
export function contentSecurityPolicy(style: string, scripts: readonly string[] = []): string {
  const hashes = scripts.map((name) => `'${sha256(browserScript(name))}'`)
  const script = [`script-src ${hashes.join(' ')}`, "require-trusted-types-for 'script'"]
  return [
    "default-src 'none'",
    `style-src '${sha256(sheet(style))}'`,
    ...(hashes.length === 0 ? [] : script),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

function sheet(style: string): string {
  return `${PALETTE}${style}`
}

function sha256(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

/** Correct from this file and from the bundle's chunks: both are one folder below the program. */
function browserScript(name: string): string {
  return readFileSync(new URL(`../html/browser/${name}`, import.meta.url), 'utf8')
}

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
