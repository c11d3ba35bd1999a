import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Html, html } from './markup.ts'
import { PALETTE } from './palette.ts'

/** What a page of its own consists of: one document that fetches nothing. */
export interface PageParts {
  readonly title: string
  /** CSS behind the palette. */
  readonly style: string
  readonly body: Html
  /** Names of files in `browser/`, run in this order behind the body. */
  readonly scripts?: readonly string[]
  /** More lines for the head. */
  readonly head?: Html
}

/** The whole document. Its policy is in the head; a server sends it as a header besides. */
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

/** Holds from this file and from the bundle's chunks alike: both are one folder below the program. */
function browserScript(name: string): string {
  return readFileSync(new URL(`../html/browser/${name}`, import.meta.url), 'utf8')
}
