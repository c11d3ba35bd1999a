import test from 'ava'
import fc from 'fast-check'
import { DerError, Elements, open, readElement, TAG } from '../../src/x509/der.ts'
import {
  readBoolean,
  readFlags,
  readInteger,
  readOctetAlignedBits,
  readOid,
  readSmallInteger,
  readTime,
} from '../../src/x509/der-values.ts'
import { bits, der, flags, integer, oid, sequence, time } from '../support/der.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** Each has one flaw, and is refused for that. */
const refused: Readonly<Record<string, readonly [hex: string, message: RegExp]>> = {
  nothing: ['', /cut off/],
  'a tag alone': ['30', /cut off/],
  'cut off content': ['30 03 02 01', /longer than what holds it/],
  'indefinite length': ['30 80 02 01 01 00 00', /indefinite length/],
  'length in too many octets, short form would do': ['04 81 01 00', /fewest octets/],
  'length with a leading zero': [`04 82 00 80${' 00'.repeat(128)}`, /fewest octets/],
  'length of five octets': ['04 85 00 00 00 00 01 00', /more than four octets/],
  'length beyond the input': ['04 84 ff ff ff ff 00', /longer than what holds it/],
  'bytes after the end': ['05 00 00', /after/],
  'tag number above 30': ['1f 1f 00', /tag number above 30/],
  'end of contents': ['00 00', /end-of-contents/],
}
for (const [name, [hex, message]] of Object.entries(refused)) {
  test(`refused: ${name}`, (t) => {
    t.throws(() => readElement(bytes(hex)), { instanceOf: DerError, message })
  })
}

test('an element is read with its header, content and tag', (t) => {
  const element = readElement(bytes('30 03 02 01 05'))
  t.is(element.tag, TAG.sequence)
  t.deepEqual(Buffer.from(element.content), bytes('02 01 05'))
  t.is(readSmallInteger(open(element, TAG.sequence).next()), 5)
})

test('a long length in the fewest octets is read', (t) => {
  t.is(readElement(der(0x04, Buffer.alloc(128))).content.length, 128)
  t.is(readElement(der(0x04, Buffer.alloc(65_536))).content.length, 65_536)
})

test('children: one too many, one missing, the wrong one, and a primitive parent', (t) => {
  const items = () => open(readElement(sequence(integer(1), integer(2))), TAG.sequence)
  t.throws(() => open(readElement(integer(1)), TAG.sequence), { instanceOf: DerError })
  t.throws(() => new Elements(readElement(integer(1))), { instanceOf: DerError })
  const one = items()
  one.next()
  t.throws(() => one.end(), { instanceOf: DerError })
  one.next()
  t.notThrows(() => one.end())
  t.throws(() => one.next(), { instanceOf: DerError })
  t.throws(() => items().take(TAG.oid), { instanceOf: DerError })
  t.is(items().maybe(TAG.oid), undefined)
})

test('nesting is followed to a depth that no certificate reaches, and not beyond', (t) => {
  const nested = (depth: number) => {
    let inner = sequence()
    for (let level = 1; level < depth; level++) inner = sequence(inner)
    return inner
  }
  const descend = (input: Buffer) => {
    let element = readElement(input)
    while (element.content.length > 0) element = new Elements(element).next()
    return element.depth
  }
  t.is(descend(nested(20)), 19)
  t.throws(() => descend(nested(1000)), { instanceOf: DerError, message: /deeply/ })
})

test('INTEGER: sign, octets, fewest octets', (t) => {
  const read = (hex: string) => readInteger(readElement(bytes(hex)))
  t.deepEqual(read('02 01 00'), { hex: '00', octets: 1, sign: 0 })
  t.deepEqual(read('02 02 00 80'), { hex: '80', octets: 2, sign: 1 })
  t.deepEqual(read('02 01 80'), { hex: '80', octets: 1, sign: -1 })
  for (const hex of ['02 00', '02 02 00 7f', '02 02 ff 80', '03 01 00']) {
    t.throws(() => read(hex), { instanceOf: DerError }, hex)
  }
  t.throws(() => readSmallInteger(readElement(bytes('02 01 ff'))), { instanceOf: DerError })
  t.throws(() => readSmallInteger(readElement(bytes('02 05 01 00 00 00 00'))), {
    instanceOf: DerError,
  })
})

test('BOOLEAN is 00 or ff', (t) => {
  t.true(readBoolean(readElement(bytes('01 01 ff'))))
  t.false(readBoolean(readElement(bytes('01 01 00'))))
  for (const hex of ['01 01 01', '01 02 ff ff', '01 00']) {
    t.throws(() => readBoolean(readElement(bytes(hex))), { instanceOf: DerError }, hex)
  }
})

test('BIT STRING: unused bits are zero and at most seven', (t) => {
  t.deepEqual([...readFlags(readElement(flags([0, 5, 8])))], [0, 5, 8])
  t.deepEqual(Buffer.from(readOctetAlignedBits(readElement(bits(bytes('0102'))))), bytes('0102'))
  for (const hex of ['03 00', '03 01 01', '03 02 08 00', '03 02 01 01']) {
    t.throws(() => readFlags(readElement(bytes(hex))), { instanceOf: DerError }, hex)
  }
  t.throws(() => readOctetAlignedBits(readElement(bits(bytes('80'), 7))), { instanceOf: DerError })
})

test('OID: arcs, and no padding', (t) => {
  t.is(readOid(readElement(oid('2.5.29.17'))), '2.5.29.17')
  t.is(readOid(readElement(oid('1.2.840.113549.1.1.11'))), '1.2.840.113549.1.1.11')
  t.is(readOid(readElement(bytes('06 02 88 37'))), '2.999')
  for (const hex of [
    '06 00',
    '06 02 2a 80',
    '06 03 2a 80 01',
    '06 0a 2a ff ff ff ff ff ff ff ff 7f',
  ]) {
    t.throws(() => readOid(readElement(bytes(hex))), { instanceOf: DerError }, hex)
  }
})

test('times: both forms, the turn of 2050, and days that do not exist', (t) => {
  for (const iso of ['1970-01-01', '2024-02-29', '2049-12-31', '2050-01-01', '9999-12-31']) {
    const date = new Date(`${iso}T23:59:58Z`)
    t.is(readTime(readElement(time(date))), date.getTime(), iso)
  }
  const utc = (text: string) => readTime(readElement(der(0x17, Buffer.from(text))))
  const general = (text: string) => readTime(readElement(der(0x18, Buffer.from(text))))
  t.is(utc('500101000000Z'), Date.UTC(1950, 0, 1))
  for (const text of ['240230000000Z', '2401010000Z', '240101000000+0000', '241301000000Z', '']) {
    t.throws(() => utc(text), { instanceOf: DerError }, text)
  }
  for (const text of ['20240101000000.5Z', '20240101000000', '20240101240000Z']) {
    t.throws(() => general(text), { instanceOf: DerError }, text)
  }
  t.throws(() => readTime(readElement(integer(1))), { instanceOf: DerError })
})

const strictly = <T>(read: () => T): T | DerError => {
  try {
    return read()
  } catch (error) {
    if (error instanceof DerError) return error
    throw error
  }
}

test('whatever the bytes are, only a DerError is thrown', (t) => {
  const readers = [
    readInteger,
    readSmallInteger,
    readBoolean,
    readFlags,
    readOctetAlignedBits,
    readOid,
    readTime,
  ]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
      const element = strictly(() => readElement(input))
      if (element instanceof DerError) return
      for (const read of readers) strictly(() => read(element))
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

test('written integers are read back, and a byte more is an error', (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 1n << 160n }), (value) => {
      const written = integer(value)
      const { hex, sign } = readInteger(readElement(written))
      t.is(BigInt(`0x${hex}`), value)
      t.is(sign, value === 0n ? 0 : 1)
      t.throws(() => readElement(Buffer.concat([written, Buffer.of(0)])), { instanceOf: DerError })
      t.throws(() => readElement(written.subarray(0, -1)), { instanceOf: DerError })
    }),
  )
})
