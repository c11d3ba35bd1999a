import test from 'ava'
import fc from 'fast-check'
import { ascii } from '../../src/wire/bytes.ts'
import { describeOddities, EXCEPTABLE, ODD, oddities } from '../../src/wire/target.ts'

const odd = (path: string) => oddities(ascii(path), 0, path.length)

/** The plainest reading of DESIGN rule 6, slow and obvious. */
function reference(path: string): number {
  let bits = 0
  const [, ...segments] = path.split('/')
  if (segments.slice(0, -1).includes('')) bits |= ODD.emptySegment
  if (segments.some((segment) => segment === '.' || segment === '..')) bits |= ODD.dots
  if (path.includes('\\')) bits |= ODD.backslash
  if (path.includes('#')) bits |= ODD.hash
  if (path.includes(';')) bits |= ODD.semicolon
  if (/%(?![0-9a-f]{2})/i.test(path)) bits |= ODD.brokenPercent
  for (const code of ['%2e', '%2f', '%5c', '%00', '%3b', '%23', '%25'] as const) {
    if (encodings(path).includes(code)) bits |= ODD[code]
  }
  return bits
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
  ['/a/..;/b', ODD.semicolon],
  ['/a\\b', ODD.backslash],
  ['/a#b', ODD.hash],
  ['/a;b=c', ODD.semicolon],
  ['/%', ODD.brokenPercent],
  ['/%2', ODD.brokenPercent],
  ['/%2/', ODD.brokenPercent],
  ['/%g0', ODD.brokenPercent],
  ['/%u002f', ODD.brokenPercent],
  ['/%%2f', ODD.brokenPercent | ODD['%2f']],
  ['/%2e', ODD['%2e']],
  ['/%2E%2e/', ODD['%2e']],
  ['/.%2e/', ODD['%2e']],
  ['/a%2fb', ODD['%2f']],
  ['/a%2Fb', ODD['%2f']],
  ['/a%5cb', ODD['%5c']],
  ['/a%5Cb', ODD['%5c']],
  ['/a%00', ODD['%00']],
  ['/a%3bb', ODD['%3b']],
  ['/a%3Bb', ODD['%3b']],
  ['/a%23b', ODD['%23']],
  ['/a%25b', ODD['%25']],
  ['/a%252fb', ODD['%25']],
  ['/%c0%af', 0],
  ['/%2e%2f%5c%00%3b%23%25//./\\#;%', 0x1fff],
]

for (const [path, bits] of TABLE) {
  test(`${path} is ${bits === 0 ? 'plain' : describeOddities(bits)}`, (t) => {
    t.is(odd(path), bits)
    t.is(reference(path), bits)
  })
}

test('every encoded byte: seven are odd, in either case, and no others', (t) => {
  const found: string[] = []
  for (let byte = 0; byte < 256; byte++) {
    const code = `%${byte.toString(16).padStart(2, '0')}`
    t.is(odd(`/${code}`), odd(`/${code.toUpperCase()}`))
    if (odd(`/${code}`) !== 0) found.push(code)
  }
  t.deepEqual(found, ['%00', '%23', '%25', '%2e', '%2f', '%3b', '%5c'])
})

test('whatever the path: exactly what the obvious reading finds', (t) => {
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

test('dots and a broken % are never excepted; all else can be', (t) => {
  const bits = Object.values(EXCEPTABLE)
  t.is(
    bits.reduce((sum, bit) => sum | bit, 0),
    0x1fff & ~ODD.dots & ~ODD.brokenPercent,
  )
  t.is(new Set(bits).size, bits.length)
  for (const bit of Object.values(ODD)) t.not(describeOddities(bit), '')
})
