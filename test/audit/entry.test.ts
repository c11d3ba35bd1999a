import test from 'ava'
import fc from 'fast-check'
import {
  type AuditEntry,
  beginsEntry,
  chained,
  entryText,
  LONGEST_ENTRY_BYTES,
  readEntry,
} from '../../src/audit/entry.ts'
import { BEGINNING, hashOf, linesOf } from '../support/audit.ts'
import { anyCharacter } from '../support/texts.ts'

const whole = (entry: AuditEntry) => chained(BEGINNING, 0, entryText(entry)).line

test('an entry is one line of ASCII, and reads back as what was written', (t) => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.string({ unit: anyCharacter, maxLength: 600 })),
      (fields) => {
        const { kind: _, ...named } = fields
        const line = whole({ ...named, kind: 'exchange' })
        if (!/^[ -~]+\n$/.test(line)) return false
        const entry = readEntry(line.slice(0, -1))
        if (entry === undefined || entry.hash !== entry.computed) return false
        const cut = (text: string) => (text.length <= 512 ? text : `${text.slice(0, 511)}~`)
        const places = ['seq', 'time', 'chain', 'prev', 'hash', '__proto__']
        return Object.entries(named).every(
          ([name, text]) => places.includes(name) || entry.fields[name] === cut(text),
        )
      },
    ),
  )
  t.pass()
})

test('the hash is that of the bytes before it, and the next entry names it', (t) => {
  const [one = '', two = ''] = linesOf([{ kind: 'start' }, { kind: 'stop', why: 'SIGTERM' }])
  t.is(hashOf(one), JSON.parse(one).hash)
  t.is(JSON.parse(two).prev, JSON.parse(one).hash)
  t.is(JSON.parse(one).prev, '0'.repeat(64))
  t.deepEqual([JSON.parse(one).seq, JSON.parse(two).seq], [1, 2])
})

test('control characters, line ends and what terminals act on are escaped', (t) => {
  const tenant = 'diku\n{"seq":9}\r\x1b[2J\x7f\u0085\u2028\u202eé\ud800'
  const line = whole({ kind: 'exchange', tenant })
  t.regex(line, /^[ -~]+\n$/)
  t.is(JSON.parse(line).tenant, tenant)
})

test('a field can not close the entry or hash it anew', (t) => {
  const forged = `x","hash":"${'0'.repeat(64)}"}`
  const entry = readEntry(whole({ kind: 'exchange', tenant: forged }).slice(0, -1))
  t.is(entry?.fields['tenant'], forged)
  t.is(entry?.hash, entry?.computed)
})

test('an entry that would be too long is written as its kind alone', (t) => {
  const line = whole({
    kind: 'policy',
    changed: Array.from({ length: 2000 }, () => 'x'.repeat(99)),
  })
  t.true(line.length < LONGEST_ENTRY_BYTES)
  t.like(readEntry(line.slice(0, -1)), { kind: 'policy', fields: { cut: true } })
})

test('what has not the form of an entry is none', (t) => {
  const [line = ''] = linesOf([{ kind: 'start' }])
  t.truthy(readEntry(line))
  const spoilt = [
    '',
    ` ${line}`,
    `${line} `,
    line.replace('"seq":1', '"seq":01'),
    line.replace('"seq":1', '"seq":0'),
    line.replace('"seq":1', '"seq":-1'),
    line.replace('"seq":1', '"seq": 1'),
    line.replace('"kind":"start"', '"kind":"begin"'),
    line.replace('"kind":"start",', ''),
    line.replace('"module":"mod-x-1.0.0"', '"module":"mod-x-1.0.0'),
    line.replace('mod-x', 'mod-\x80'),
    line.replace('"hash":"', '"HASH":"'),
    line.slice(0, -1),
    `{"level":"info","time":"2027-01-01T00:00:00.000Z","msg":"exchange"}`,
    `${line}${'x'.repeat(LONGEST_ENTRY_BYTES)}`,
  ]
  for (const bad of spoilt) t.is(readEntry(bad), undefined, bad.slice(0, 120))
})

test('the beginning of an entry is distinguished from other text', (t) => {
  const [line = ''] = linesOf([{ kind: 'start' }])
  for (let length = 1; length < line.length; length++) t.true(beginsEntry(line.slice(0, length), 1))
  for (const other of ['', 'x', '{"seq":2,"time":"', '{"seq":1}', `${line.slice(0, 40)}\x07`]) {
    t.false(beginsEntry(other, 1), other)
  }
})
