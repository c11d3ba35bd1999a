import test from 'ava'
import fc from 'fast-check'
import { FLAW } from '../../../src/wire/flaws.ts'
import { parseFields } from '../../../src/wire/h1/fields.ts'
import { Head, LINE } from '../../../src/wire/head.ts'
import { NameTable } from '../../../src/wire/names.ts'

const NAMES = new NameTable([
  { name: 'x-once', id: 32, once: true, strict: true },
  { name: 'x-many-*', id: 33, once: true, guarded: true },
  { name: 'x-shared', id: 34 },
  { name: 'x-other', id: 34 },
])

function parse(text: string, most = 100) {
  const head = new Head()
  const bytes = Buffer.from(text, 'latin1')
  head.begin(bytes, 0)
  return { head, end: parseFields(head, NAMES, 0, bytes.length, most) }
}

test('rules come in as data: once, under a prefix once for each name, by look-alikes too', (t) => {
  const flaw = (text: string) => parse(`${text}\r\n`).end
  t.true(flaw('X-Once: a\r\n') > 0)
  t.is(flaw('X-Once: a\r\nx-once: a\r\n'), FLAW.twice)
  t.is(flaw('X_Once: a\r\n'), FLAW.alias)
  t.true(flaw('X-Many-A: a\r\nX-Many-B: b\r\nX-Many-C: c\r\n') > 0)
  t.is(flaw('X-Many-A: a\r\nX-Many-B: b\r\nX-MANY-A: c\r\n'), FLAW.twice)
  t.is(flaw('X-Many-A: a\r\nX-Many-B: b\r\nX-Many-b: c\r\n'), FLAW.twice)
  t.is(flaw('X-Many-A: a\r\nX-Many_A: b\r\n'), FLAW.twice)
  t.true(flaw('X-Shared: a\r\nX-Other: b\r\nX-Shared: c\r\n') > 0)
  t.is(flaw('Connection: x-many-z\r\n'), FLAW.connection)
  t.true(flaw('Connection: x-once\r\n') > 0)
})

test('the name of the field at fault is kept, and forgotten with the next head', (t) => {
  const atFault = (text: string) => parse(`${text}\r\n`).head.atFault
  t.is(atFault('A: b\r\nX-Once: a\r\nX-ONCE: a\r\n'), 'X-ONCE')
  t.is(atFault('X_Once: a\r\n'), 'X_Once')
  t.is(atFault('A: b\r\nB: \u0001\r\n'), 'B')
  t.is(atFault('Connection: close, x-many-z\r\n'), 'x-many-z')
  t.is(atFault('A: b\r\n'), '')
  const { head } = parse('X-Once: a\r\nX-Once: a\r\n\r\n')
  head.begin(Buffer.alloc(0), 0)
  t.is(head.atFault, '')
})

test('the first line of an id is the one that is found', (t) => {
  const { head } = parse('A: 0\r\nX-Other: 1\r\nX-Shared: 2\r\n\r\n')
  t.is(head.find(34), 1)
  t.is(head.valueOf(34), '1')
  t.is(head.find(33), -1)
})

test('Connection acts on lines before and behind it, in every spelling', (t) => {
  const { head } = parse('a-b: 1\r\nConnection: "A_B", A-B ;x,\t a_b\r\nA_B: 2\r\na-bc: 3\r\n\r\n')
  t.deepEqual([...head.action.subarray(0, 4)], [LINE.hop, LINE.hop, LINE.hop, LINE.open])
})

test('no bytes: the end of the section, or not yet', (t) => {
  t.is(parse('').end, 0)
  t.is(parse('\r').end, 0)
  t.is(parse('\r\n').end, 2)
  t.is(parse('\rx').end, FLAW.lineEnd)
})

test('lines come back as they were written', (t) => {
  const token = fc.string({
    unit: fc.constantFrom(..."abcXYZ019!#$%&'*+.^`|~"),
    minLength: 1,
    maxLength: 12,
  })
  const inner = fc.string({ unit: fc.constantFrom(...'ab \t,;:="\\/\xe4\xff'), maxLength: 12 })
  const blank = fc.constantFrom('', ' ', '\t', ' \t ')
  fc.assert(
    fc.property(fc.array(fc.tuple(token, blank, inner, blank), { maxLength: 8 }), (lines) => {
      const text = lines.map(
        ([name, before, value, after]) => `z${name}:${before}${value}${after}\r\n`,
      )
      const { head, end } = parse(`${text.join('')}\r\n`)
      t.is(end, text.join('').length + 2)
      t.is(head.count, lines.length)
      lines.forEach(([name, , value], line) => {
        t.is(head.bytes.toString('latin1', head.nameStart[line], head.nameEnd[line]), `z${name}`)
        t.is(head.value(line), value.replace(/^[ \t]+|[ \t]+$/g, ''))
        t.is(head.bytes.toString('latin1', head.nameStart[line], head.lineEnd(line)), text[line]!)
      })
    }),
    { numRuns: 500 },
  )
})
