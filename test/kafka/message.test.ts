import test from 'ava'
import type { ApiVersion } from '../../src/kafka/apis/api.ts'
import { MessageShape, RawArray } from '../../src/kafka/message.ts'
import { schemaOf } from '../../src/kafka/schema.ts'
import { KafkaFlaw, WireReader } from '../../src/kafka/wire-reader.ts'
import { WireWriter } from '../../src/kafka/wire-writer.ts'
import { everyApi, messageBytes, randomOf, varint } from '../support/kafka-frames.ts'

const KINDS = ['request', 'response'] as const

function read(shape: MessageShape, bytes: Buffer, dropsTags = false) {
  const reader = new WireReader(bytes, 0, { dropsTags })
  const values = shape.read(reader)
  reader.done()
  return { values, reader }
}

function bytesOf(shape: MessageShape, values: ReturnType<MessageShape['read']>): Buffer {
  const writer = new WireWriter()
  shape.write(writer, values)
  return Buffer.concat(writer.frame()).subarray(4)
}

function* messages(each: ApiVersion, count: number) {
  for (const kind of KINDS) {
    for (let seed = 0; seed < count; seed++) {
      const random = randomOf(1000 * each.api.key + 10 * each.version + seed)
      yield { kind, shape: each[kind], bytes: messageBytes(each.api[kind], each, random) }
    }
  }
}

test('every message of every version is written as it was read, byte for byte', (t) => {
  let count = 0
  for (const each of everyApi()) {
    for (const { kind, shape, bytes } of messages(each, 8)) {
      count++
      const { values } = read(shape, bytes)
      t.deepEqual(bytesOf(shape, values), bytes, `${each.api.name} ${each.version} ${kind}`)
    }
  }
  t.true(count > 2000)
})

test('arrays that are kept as bytes are written unchanged after they were read', (t) => {
  for (const each of everyApi()) {
    for (const { kind, shape, bytes } of messages(each, 3)) {
      const opened = JSON.parse('{}')
      for (const [name, value] of Object.entries(read(shape, bytes).values)) {
        opened[name] = value instanceof RawArray ? value.read() : value
      }
      t.deepEqual(bytesOf(shape, opened), bytes, `${each.api.name} ${each.version} ${kind}`)
    }
  }
})

test('a message that ends too early is a flaw wherever it ends, and so are bytes behind it', (t) => {
  for (const each of everyApi()) {
    for (const { kind, shape, bytes } of messages(each, 2)) {
      const what = `${each.api.name} ${each.version} ${kind}`
      for (let end = 0; end < bytes.length; end++) {
        t.throws(() => read(shape, bytes.subarray(0, end)), { instanceOf: KafkaFlaw }, what)
      }
      const longer = Buffer.concat([bytes, Buffer.alloc(1)])
      t.throws(() => read(shape, longer), { instanceOf: KafkaFlaw, message: /left over/ }, what)
    }
  }
})

test('no byte that is changed makes anything but a flaw or another message', (t) => {
  for (const each of everyApi()) {
    for (const { shape, bytes } of messages(each, 1)) {
      for (let at = 0; at < bytes.length; at++) {
        for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
          const changed = Buffer.from(bytes)
          changed[at] = value
          try {
            const { values } = read(shape, changed)
            // To compare by `t.deepEqual` takes far longer than to read and write.
            if (!bytesOf(shape, values).equals(changed))
              t.deepEqual(bytesOf(shape, values), changed)
          } catch (error) {
            if (!(error instanceof KafkaFlaw)) throw error
          }
        }
      }
    }
  }
  t.pass()
})

const shapeOf = (description: string, flexible = false) =>
  new MessageShape(schemaOf(description), 0, flexible)
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

for (const [name, description, flexible, bytes, expected] of [
  ['a text below null', 'a ?string', false, 'fffe', /a length is -2/],
  ['bytes below null', 'a ?bytes', false, 'fffffffe', /a length is -2/],
  ['null where it may not be', 'a string', false, 'ffff', /null where it is not allowed/],
  ['null bytes', 'a bytes', true, '00 00', /null where it is not allowed/],
  ['a null array', 'a [int8]', false, 'ffffffff', /null where it is not allowed/],
  ['an array longer than all', 'a [int8]', false, '7fffffff 00', /longer than its message/],
  ['a text longer than its message', 'a string', true, '05 00', /ends too early/],
  ['a text longer than all', 'a string', true, 'ffffffff07 00', /a text has 2147483646 bytes/],
  ['a varint of 33 bits', 'a string', true, 'ffffffff1f', /more than 32 bits/],
  ['a varint without an end', 'a string', true, 'ffffffffffff', /more than 32 bits/],
  ['a varint with a needless byte', 'a string', true, '8000', /needless bytes/],
  ['a boolean that is 2', 'a bool', false, '02', /a boolean is 2/],
  ['a text that is no UTF-8', 'a string', false, '0002 c328', /not UTF-8/],
  ['a tag that is not known', 'a int8', true, '01 01 00 01 ff', /tagged field 0 is not known/],
  ['a tag twice', 'a int8#0 b int8#1', true, '02 01 01 07 01 01 07', /not in order/],
  ['tags out of order', 'a int8#0 b int8#1', true, '02 01 01 07 00 01 07', /not in order/],
  ['a tag that is longer', 'a int8#0', true, '01 00 02 07 07', /another size/],
  ['a tag that is shorter', 'a int8#0', true, '01 00 00 07', /another size/],
  ['as many tags as fit', 'a int8#0', true, 'ffffffff0f', /ends too early/],
] as const) {
  test(`a flaw: ${name}`, (t) => {
    const shape = shapeOf(description, flexible)
    t.throws(() => read(shape, hex(bytes)), { instanceOf: KafkaFlaw, message: expected })
    // What is not kept is checked as well, but for the characters of texts.
    if (!/UTF-8/.test(name)) t.throws(() => shape.skip(new WireReader(hex(bytes), 0)))
  })
}

test('the replacement character is a character like any other', (t) => {
  const bytes = hex('0003 efbfbd')
  t.is(read(shapeOf('a string'), bytes).values['a'], '\ufffd')
})

test('a tagged field that is not known is left out of answers, and said so', (t) => {
  const shape = shapeOf('a int8 b int8#3', true)
  const bytes = hex('05 02 01 02 ffff 03 01 09')
  const { values, reader } = read(shape, bytes, true)
  t.deepEqual(values, { a: 5, b: 9 })
  t.true(reader.dropped)
  t.deepEqual(bytesOf(shape, values), hex('05 01 03 01 09'))
})

test('a message has so many elements and no more, also one that is all counts', (t) => {
  const many = Buffer.concat([varint(100_002), Buffer.alloc(200_000, 1)])
  const shape = shapeOf('a [ b string ]', true)
  t.throws(() => read(shape, many), { instanceOf: KafkaFlaw, message: /more than 100000 elements/ })
})

test('large bytes are handed on, not copied', (t) => {
  const shape = shapeOf('a string b bytes c string')
  const bytes = Buffer.concat([hex('0001 61 00002000'), Buffer.alloc(8192, 7), hex('0001 62')])
  const writer = new WireWriter()
  shape.write(writer, read(shape, bytes).values)
  const pieces = writer.frame()
  t.is(pieces.length, 3)
  t.is(pieces[1]!.buffer, bytes.buffer)
  t.deepEqual(Buffer.concat(pieces).subarray(4), bytes)
  t.is(pieces[0]!.readInt32BE(0), bytes.length)
})

for (const text of ['a', 'a int', 'a [int8', 'a int8]', '{', 'a int8 #1 @', 'a ?']) {
  test(`no description: ${text}`, (t) => {
    t.throws(() => schemaOf(text))
  })
}
