import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'

const ROOT = join(import.meta.dirname, '..', '..')
const PAGES = globSync('{*.md,{docs,deploy,bench,certs-dev,fuzz,soak,helm}/**/*.md}', { cwd: ROOT })
const LINK = /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = text.match(/^#+ .*$/gm) ?? []
  return new Set(
    headings.map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

test('every link leads to a file that is there, and to a heading of it', (t) => {
  t.true(PAGES.length > 10)
  const broken = PAGES.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8')
    return [...text.matchAll(LINK)].flatMap(([whole, file = '', anchor]) => {
      const target = file === '' ? join(ROOT, page) : join(ROOT, dirname(page), file)
      if (!existsSync(target)) return [`${page}: ${whole}`]
      if (anchor === undefined || !target.endsWith('.md')) return []
      const known = anchorsOf(readFileSync(target, 'utf8'))
      return known.has(anchor) ? [] : [`${page}: ${whole}, no such heading`]
    })
  })
  t.deepEqual(broken, [])
})

test('every row of docs/faults.md names its test, or says that it has none', (t) => {
  const text = readFileSync(join(ROOT, 'docs/faults.md'), 'utf8')
  const rows = text.match(/^\| (?!---).*$/gm)?.filter((row) => !/ test \|$/.test(row)) ?? []
  t.true(rows.length > 25)
  const without = rows.filter((row) => !/\.\.\/test\/[\w/-]+\.test\.ts\)[^|]*\|$/.test(row))
  for (const row of without) t.regex(row, /\*\*not tested\*\* \|$/)
})
