import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { keysIn } from '../../src/config/keys.ts'
import { fileSchema } from '../../src/config/schema.ts'
import { LISTENERS } from '../../src/listeners/all.ts'
import { DIRECTIONS } from '../../src/observe/labels.ts'
import { LIMITS } from '../../src/refusal/limits.ts'
import { LISTENER_RULES } from '../support/listener-rules.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test('every place that docs/adding.md names exists', (t) => {
  const places = [...read('docs/adding.md').matchAll(/`([\w.-]+\/[\w./-]*|[A-Z]+\.md)`/g)]
  const paths = places.map(([, path]) => path!)
  t.true(paths.length > 20)
  t.deepEqual(
    paths.filter((path) => !existsSync(join(ROOT, path))),
    [],
  )
})

test('every script that docs/adding.md names exists', (t) => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'))
  const named = [...read('docs/adding.md').matchAll(/`npm run ([\w:-]+)`/g)].map(
    ([, name]) => name!,
  )
  t.true(named.length > 3)
  for (const name of named) t.truthy(scripts[name], name)
})

test('every class that CONTRIBUTING.md names exists', (t) => {
  const support = readdirSync(join(ROOT, 'test/support'), { recursive: true, encoding: 'utf8' })
  const classes = new Set(
    support
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => [...read(join('test/support', path)).matchAll(/^export class (\w+)/gm)])
      .map(([, name]) => name),
  )
  const named = [...read('CONTRIBUTING.md').matchAll(/`([A-Z][a-z]\w*)(?:\.\w+[^`]*)?`/g)]
  t.true(named.length > 2)
  for (const [whole, name] of named) t.true(classes.has(name!), whole)
})

test('docs/limits.md has a row for every limit, with its default', (t) => {
  const rows = [...read('docs/limits.md').matchAll(/^\| `([\w.]+)` \| (\d+)/gm)]
  const documented = rows.map(([, key, byDefault]) => [key!, Number(byDefault)] as const)
  const limits = keysIn(fileSchema()).filter(({ path }) => path[0] === 'limits')
  const configured = limits.map(
    ({ path, byDefault }) => [path.slice(1).join('.'), byDefault as number] as const,
  )
  t.deepEqual(documented.map(([key]) => key).sort(), configured.map(([key]) => key).sort())
  for (const [key, byDefault] of documented) {
    const own = configured.find(([name]) => name === key)?.[1]
    // One that depends on the module has no default of its own.
    if (own !== undefined) t.is(byDefault, own, key)
  }
  const uncounted = rows.flatMap(([row, key]) =>
    /not counted/.test(lineOf(row)) ? [key as (typeof LIMITS)[number]] : [],
  )
  t.deepEqual(
    uncounted.filter((key) => LIMITS.includes(key)),
    [],
  )
})

function lineOf(row: string): string {
  const text = read('docs/limits.md')
  const start = text.indexOf(row)
  return text.slice(start, text.indexOf('\n', start))
}

test('the glossary has one row for a word, and the README leads to it', (t) => {
  const words = [...read('docs/glossary.md').matchAll(/^\| ([^|]+) \|/gm)]
    .flatMap(([, cell]) => cell!.split(', '))
    .map((word) => word.trim())
  t.is(new Set(words).size, words.length)
  t.true(read('README.md').includes('docs/glossary.md'))
})

test('a link between documents leads to a file that exists', (t) => {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  const pages = [
    ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'certs-dev/README.md'],
    ...['deploy/README.md', '.github/pull_request_template.md'],
    ...docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name)),
  ]
  const dead: string[] = []
  for (const page of pages) {
    for (const [, target = '', anchor] of read(page).matchAll(
      /\]\((?!https?:)([^)#]*)(#[^)]+)?\)/g,
    )) {
      const file = target === '' ? page : join(dirname(page), target)
      const exists = existsSync(join(ROOT, file))
      const found = anchor === undefined || (exists && anchors(read(file)).has(anchor))
      if (!exists || !found) dead.push(`${page}: ${target}${anchor ?? ''}`)
    }
  }
  t.deepEqual(dead, [])
})

const LISTENER_SECTION = /^## A listener\n(.*?)^## /ms.exec(read('docs/adding.md'))?.[1] ?? ''

test('a listener touches at most eight files outside tests and docs', (t) => {
  const [steps = ''] = LISTENER_SECTION.split('\nIn the chart')
  const places = [...steps.matchAll(/`((?:src|helm|examples)\/[\w./-]+)`/g)].map(
    ([, path]) => path!,
  )
  t.true(places.includes('src/listeners/') && places.includes('src/listeners/all.ts'))
  t.true(new Set(places).size <= 8)
})

test('no other file lists the listeners', (t) => {
  const rooms = ['config', 'listeners', 'observe', 'proxy', 'refusal', 'sidecar', 'transport']
  const names = [...new Set(LISTENERS.flatMap(({ direction, section }) => [direction, section]))]
  const word = `(${names.join('|')})`
  // As a string, a key, a property or a method.
  const said = new RegExp(
    `(?<=['.{] ?|, )${word}\\b(?= ?['.?:,}!(])|^ +(?:readonly )?${word}\\??:`,
    'gm',
  )
  const listing = [...rooms, 'cli/check'].flatMap((room) =>
    readdirSync(join(ROOT, 'src', room), { recursive: true, encoding: 'utf8' })
      .map((name) => join('src', room, name))
      .filter((file) => {
        if (!file.endsWith('.ts')) return false
        const code = read(file).replaceAll(/\/\*.*?\*\/|\/\/[^\n]*/gs, '')
        const found = [...code.matchAll(said)].map(([, one, other]) => one ?? other)
        return new Set(found).size >= 4
      }),
  )
  t.true(listing.includes('src/listeners/all.ts'))
  t.deepEqual(
    listing.filter((file) => !LISTENER_SECTION.includes(`\`${file}\``)),
    [],
  )
})

test('every listener has a section in the schema, a label, and rules of its label', (t) => {
  const paths = new Set(keysIn(fileSchema()).map(({ path }) => path.join('.')))
  const labels: ReadonlySet<string> = new Set(
    Object.values(LISTENER_RULES).map(({ direction }) => direction),
  )
  for (const { direction, section } of LISTENERS) {
    t.true(DIRECTIONS.includes(direction), direction)
    t.true(paths.has(`${section === 'modules' ? 'egress.modules' : section}.listen`), section)
    t.true(labels.has(direction), direction)
  }
})

/** As GitHub makes them of headings. */
function anchors(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!)
  return new Set(
    headings.map((heading) => {
      const words = heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      return `#${words.replaceAll(' ', '-')}`
    }),
  )
}
