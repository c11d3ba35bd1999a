import test from 'ava'
import fc from 'fast-check'
import schema from '../../sidecar.schema.json' with { type: 'json' }
import { ALLOWABLE_SPELLINGS } from '../../src/policy/path-exceptions.ts'
import { ascii } from '../../src/wire/bytes.ts'
import { describeOddities, EXCEPTABLE, ODD, oddities } from '../../src/wire/target.ts'

const odd = (path: string) => oddities(ascii(path), 0, path.length)

/** The plainest reading of DESIGN rule 6, slow and obvious. */
function reference(path: string): number {
  let bits = 0
  const [, ...segments] = path.split('/')
  if (segments.slice(0, -1).includes('')) bits |= ODD.emptySegment
  if (path.includes('\\')) bits |= ODD.backslash
  if (path.includes('#')) bits |= ODD.hash
  if (path.includes(';')) bits |= ODD.semicolon
  if (/%(?![0-9a-f]{2})/i.test(path)) bits |= ODD.brokenPercent
  for (const code of ['%2e', '%2f', '%5c', '%3b', '%23', '%3f', '%25'] as const) {
    if (encodings(path).includes(code)) bits |= ODD[code]
  }
  for (const code of encodings(path)) {
    const byte = Number.parseInt(code.slice(1), 16)
    if (byte < 0x20 || byte === 0x7f) bits |= ODD.control
    if (/[A-Za-z0-9_~-]/.test(String.fromCharCode(byte))) bits |= ODD.unreserved
  }
  for (const [run] of path.matchAll(/(?:%[89a-f][0-9a-f])+/gi)) {
    if (!isUtf8(run)) bits |= ODD.notUtf8
  }
  for (const reading of readings(path)) {
    for (const segment of reading.split(/[/\\]/).slice(1)) {
      const bare = segment.replace(/[;#?].*$/s, '')
      if (bare === '.' || bare === '..') bits |= ODD.dots
    }
  }
  if (/\/(?:;|%(?:25)*3b)/i.test(path)) bits |= ODD.emptySegment
  return bits
}

/** The path as it stands, decoded once, decoded twice, and so on. */
function readings(path: string): string[] {
  const decoded = path.replaceAll(/%[0-7][0-9a-f]/gi, (code) =>
    String.fromCharCode(Number.parseInt(code.slice(1), 16)),
  )
  return decoded === path ? [path] : [path, ...readings(decoded)]
}

function isUtf8(run: string): boolean {
  try {
    decodeURIComponent(run)
    return true
  } catch {
    return false
  }
}

function encodings(path: string): string[] {
  return (path.match(/%[0-9a-f]{2}/gi) ?? []).map((code) => code.toLowerCase())
}

const TABLE: readonly (readonly [path: string, bits: number])[] = [
  ['/', 0],
  ['/a/b', 0],
  ['/a/', 0],
  ['/a..b/...', 0],
  ['/.a/a./..a', 0],
  ['/a%20b/%c3%a4', 0],
  ["/~a/b:c@d!$&'()*+,=", 0],
  ['/"<>^`{|}', 0],
  ['//', ODD.emptySegment],
  ['//a', ODD.emptySegment],
  ['/a//b', ODD.emptySegment],
  ['/a//', ODD.emptySegment],
  ['/.', ODD.dots],
  ['/..', ODD.dots],
  ['/./a', ODD.dots],
  ['/../a', ODD.dots],
  ['/a/.', ODD.dots],
  ['/a/..', ODD.dots],
  ['/a/../', ODD.dots],
  ['/a/..;/b', ODD.dots | ODD.semicolon],
  ['/a/..;x=y', ODD.dots | ODD.semicolon],
  ['/a/.;', ODD.dots | ODD.semicolon],
  ['/a;../b', ODD.semicolon],
  ['/a/...;', ODD.semicolon],
  ['/;x/b', ODD.emptySegment | ODD.semicolon],
  ['/a\\..\\b', ODD.dots | ODD.backslash],
  ['/a#/..#', ODD.dots | ODD.hash],
  ['/a\\b', ODD.backslash],
  ['/a#b', ODD.hash],
  ['/a;b=c', ODD.semicolon],
  ['/%', ODD.brokenPercent],
  ['/%2', ODD.brokenPercent],
  ['/%2/', ODD.brokenPercent],
  ['/%g0', ODD.brokenPercent],
  ['/%u002f', ODD.brokenPercent],
  ['/%%2f', ODD.brokenPercent | ODD['%2f']],
  ['/%2e', ODD.dots | ODD['%2e']],
  ['/%2E%2e/', ODD.dots | ODD['%2e']],
  ['/.%2e/', ODD.dots | ODD['%2e']],
  ['/a%2e', ODD['%2e']],
  ['/%2e%2e%2e', ODD['%2e']],
  ['/a%2fb', ODD['%2f']],
  ['/a%2Fb', ODD['%2f']],
  ['/..%2f..%2fadmin', ODD.dots | ODD['%2f']],
  ['/a%2f..', ODD.dots | ODD['%2f']],
  ['/a%2f.%2fb', ODD.dots | ODD['%2f']],
  ['/a%2f..b', ODD['%2f']],
  ['/a%2f%2fb', ODD['%2f']],
  ['/a%5c..%5cb', ODD.dots | ODD['%5c']],
  ['/..%3b/b', ODD.dots | ODD['%3b']],
  ['/..%23', ODD.dots | ODD['%23']],
  ['/..%3f', ODD.dots | ODD['%3f']],
  ['/%252e%252E', ODD.dots | ODD['%25']],
  ['/a%252f..%252fb', ODD.dots | ODD['%25']],
  ['/a%25252f..%25255cb', ODD.dots | ODD['%25']],
  ['/..%25', ODD['%25']],
  ['/a%252e', ODD['%25']],
  ['/a%5cb', ODD['%5c']],
  ['/a%5Cb', ODD['%5c']],
  ['/a%00', ODD.control],
  ['/a%01', ODD.control],
  ['/a%0d%0a', ODD.control],
  ['/a%09', ODD.control],
  ['/a%1F', ODD.control],
  ['/a%7f', ODD.control],
  ['/a%20%7e', ODD.unreserved],
  ['/%61llowed-service-points', ODD.unreserved],
  ['/a%2Db', ODD.unreserved],
  ['/%5f/x', ODD.unreserved],
  ['/%30%5A', ODD.unreserved],
  ['/%3A%40%21%2c%3D', 0],
  ['/a%3bb', ODD['%3b']],
  ['/a%3Bb', ODD['%3b']],
  ['/a%23b', ODD['%23']],
  ['/a%3fb', ODD['%3f']],
  ['/a%3F', ODD['%3f']],
  ['/a%25b', ODD['%25']],
  ['/a%252fb', ODD['%25']],
  ['/%c3%a4/%E2%82%AC/%f0%9f%98%80', 0],
  ['/%ed%9f%bf%ee%80%80%f4%8f%bf%bf', 0],
  ['/%c0%af', ODD.notUtf8],
  ['/%c1%a1', ODD.notUtf8],
  ['/%e0%80%af', ODD.notUtf8],
  ['/%f0%80%80%af', ODD.notUtf8],
  ['/%ed%a0%80', ODD.notUtf8],
  ['/%f4%90%80%80', ODD.notUtf8],
  ['/%f5%80%80%80', ODD.notUtf8],
  ['/%e4', ODD.notUtf8],
  ['/%c3', ODD.notUtf8],
  ['/%c3/%a4', ODD.notUtf8],
  ['/%c3%', ODD.notUtf8 | ODD.brokenPercent],
  ['/%c3a4', ODD.notUtf8],
  ['/%e2%82', ODD.notUtf8],
  ['/%2e%2f%5c%00%3b%23%3f%25%61%ff//./\\#;%', 0xffff],
]

for (const [path, bits] of TABLE) {
  test(`${path} is ${bits === 0 ? 'plain' : describeOddities(bits)}`, (t) => {
    t.is(odd(path), bits)
    t.is(reference(path), bits)
  })
}

test('every encoded byte below %80: what needs no encoding or means something is odd', (t) => {
  const fine: string[] = []
  for (let byte = 0; byte < 128; byte++) {
    const code = `%${byte.toString(16).padStart(2, '0')}`
    t.is(odd(`/a${code}`), odd(`/a${code.toUpperCase()}`))
    if (odd(`/a${code}`) === 0) fine.push(String.fromCharCode(byte))
  }
  t.is(fine.join(''), ' !"$&\'()*+,:<=>@[]^`{|}')
})

test('every encoded character outside ASCII is fine, no other run of encoded bytes is', (t) => {
  const encoded = (bytes: Uint8Array) =>
    `/${[...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`
  for (let code = 0x80; code < 0x110000; code += code < 0x11000 ? 1 : 97) {
    if (code >= 0xd800 && code < 0xe000) continue
    if (odd(encoded(Buffer.from(String.fromCodePoint(code)))) !== 0) t.fail(String(code))
  }
  const high = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((all) => all.map((b) => b | 0x80))
  fc.assert(fc.property(high, (all) => (odd(encoded(all)) === 0) === isUtf8(encoded(all))))
  t.pass()
})

test('any path: the same result as the simple reference', (t) => {
  const piece = fc.constantFrom(
    '/',
    '/',
    '.',
    '..',
    '%',
    '2',
    'e',
    'F',
    '%2e',
    '%2F',
    '%25',
    '%3b',
    '%3F',
    '%5C',
    '%7e',
    '%c3',
    '%A4',
    ';',
    '#',
    '\\',
    'a',
  )
  const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`)
  fc.assert(
    fc.property(
      path,
      fc.string({ maxLength: 3 }),
      fc.constantFrom('', '?', '/', '.', '2f'),
      (text, before, after) => {
        const bytes = ascii(before + text + after)
        const bits = oddities(bytes, before.length, before.length + text.length)
        if (bits !== reference(text)) throw new Error(`${text}: ${bits} for ${reference(text)}`)
      },
    ),
    { numRuns: 5000 },
  )
  t.pass()
})

test('the exceptable spellings are those that policy.pathExceptions takes, and none is a dot', (t) => {
  const bits = Object.values(EXCEPTABLE)
  t.is(new Set(bits).size, bits.length)
  t.deepEqual(Object.keys(EXCEPTABLE).sort(), [...ALLOWABLE_SPELLINGS].sort())
  const { allow } = schema.properties.policy.properties.pathExceptions.items.properties
  t.deepEqual(allow.items.enum, [...ALLOWABLE_SPELLINGS])
  const never = ['dots', '%2e', 'control', 'unreserved', 'notUtf8', 'brokenPercent'] as const
  for (const name of never) t.false(bits.includes(ODD[name]), name)
  for (const bit of Object.values(ODD)) t.not(describeOddities(bit), '')
})
