import test from 'ava'
import fc from 'fast-check'
import { matchPattern, type PathPattern, parsePathPattern } from '../../src/folio/path-pattern.ts'
import { readDescriptor } from '../../src/folio/read-descriptor.ts'
import { oddities } from '../../src/wire/target.ts'

// A path that passes is read alike by the allow-list, which takes it as it stands, and by what a module
// may do to it before it looks for a route.

const PATTERNS = [
  ...['/a', '/a/', '/a/b', '/a/{id}', '/a/{id}/b', '/a/b/{id}', '/a/*', '/b*', '/*/b', '/{id}'],
  ...['/a-b', '/a_b/~b', '/A', '/a/B', '/', '/b/{x}/{y}', '/aab', '/0/{id}'],
]

interface Reader {
  readonly name: string
  readonly read: (path: string) => string
}

const decoded = (text: string) => {
  try {
    return decodeURIComponent(text)
  } catch {
    return `undecodable ${text}`
  }
}
const bySegment = (path: string, read: (segment: string) => string) =>
  path.split('/').map(read).join('/')
const cut = (path: string) => bySegment(path, (segment) => segment.replace(/;.*$/s, ''))
/** RFC 3986 section 5.2.4, and empty segments joined. */
const normal = (path: string) => {
  const kept: string[] = []
  const segments = path
    .replaceAll(/\/{2,}/g, '/')
    .split('/')
    .slice(1)
  for (const [i, segment] of segments.entries()) {
    const last = i === segments.length - 1
    if (segment === '..') kept.pop()
    if (segment !== '.' && segment !== '..') kept.push(segment)
    else if (last) kept.push('')
  }
  return `/${kept.join('/')}`
}
const unreserved = (path: string) =>
  path.replaceAll(/%[2-7][0-9a-f]/gi, (code) => {
    const char = decoded(code)
    return /[A-Za-z0-9._~-]/.test(char) ? char : code
  })

/** As modules read: Vert.x, Spring, Tomcat and Jetty, JAX-RS, Node; and an eager one. */
const READERS: readonly Reader[] = [
  { name: 'Vert.x, HttpUtils.normalizePath', read: (path) => normal(unreserved(path)) },
  { name: 'Spring, PathContainer', read: (path) => bySegment(cut(path), decoded) },
  { name: 'Tomcat, CoyoteAdapter', read: (path) => normal(decoded(cut(path))) },
  { name: 'Jetty, URIUtil', read: (path) => cut(normal(decoded(cut(path)))) },
  { name: 'WHATWG URL', read: (path) => new URL(`http://x${path}`).pathname },
  { name: 'decodes twice', read: (path) => normal(cut(decoded(decoded(path)))) },
  { name: 'backslashes are slashes', read: (path) => normal(decoded(path).replaceAll('\\', '/')) },
  { name: 'cut at ?', read: (path) => decoded(path).replace(/\?.*$/s, '') },
  { name: 'cut at #', read: (path) => decoded(path).replace(/#.*$/s, '') },
]

/** The pattern matches this text, segment by segment: Okapi's `{x}` and `*`, plainly. */
function matches(pattern: string, path: string): boolean {
  const source = pattern
    .replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&')
    .replaceAll(/\{[^}]*\}/g, '[^/]+')
    .replaceAll('\\*', '.*')
  return new RegExp(`^${source}$`, 's').test(path)
}

const METER = { visited: 0 }

const compiled = PATTERNS.map((text) => parsePathPattern(text) as PathPattern)

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'A', '/', '/', '-', '_', '~', '0') },
  { weight: 3, arbitrary: fc.constantFrom('.', '..', ';', ';x=y', '//', '\\', '!', '&', ',', ':') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...['%61', '%62', '%41', '%2e', '%2F', '%5c', '%3B', '%25', '%252f', '%2561', '%00', '%3f'],
      ...['%23', '%26', '%2C', '%21', '%40', '%20', '%3a', '%7E', '%c3%a4', '%ef%bc%8f', '%c0%af'],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 255 }).map((n) => `%${n.toString(16).padStart(2, '0')}`),
  },
)
const paths = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`)

test('no path that passes is one route here and another one to a module', (t) => {
  let passed = 0
  fc.assert(
    fc.property(paths, (path) => {
      const bytes = Buffer.from(path, 'latin1')
      if (oddities(bytes, 0, bytes.length) !== 0) return
      passed++
      const here = compiled.flatMap((pattern) =>
        matchPattern(pattern.parts, bytes, 0, bytes.length, METER) ? [pattern.text] : [],
      )
      for (const { name, read } of READERS) {
        const there = PATTERNS.filter((pattern) => matches(pattern, read(path)))
        t.deepEqual(there, here, `${path} is ${read(path)} to ${name}`)
      }
    }),
    { numRuns: 20_000 },
  )
  t.true(passed > 1000, `${passed}`)
})

test('characters with two spellings in a path are not allowed in a pattern', (t) => {
  for (const char of ['!', '&', ',', '<', '>', '|', '`', 'ä', 'a\u0308', '／', '😀']) {
    t.is(typeof parsePathPattern(`/a${char}b`), 'string', char)
    for (const field of ['path', 'rewritePath'] as const) {
      const where = field === 'path' ? {} : { pathPattern: '/a' }
      const entry = { methods: ['GET'], ...where, [field]: `/a${char}b` }
      const provides = [{ id: 'a', version: '1.0', handlers: [entry] }]
      const { findings } = readDescriptor({ id: 'mod-a-1.0.0', provides })
      const found = findings.filter(({ severity }) => severity === 'error')
      t.deepEqual(
        found.map(({ pointer }) => pointer),
        [`/provides/0/handlers/0/${field}`],
        char,
      )
    }
  }
  for (const text of PATTERNS) t.is(typeof parsePathPattern(text), 'object', text)
})
