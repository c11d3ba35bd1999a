import test from 'ava'
import fc from 'fast-check'
import {
  ProtobufError,
  readFields,
  readX509Svids,
} from '../../src/credentials/spiffe/x509-svids.ts'
import { field, svidMessage, svidsMessage, varint } from '../support/protobuf.ts'

const SVID = {
  spiffeId: 'spiffe://folio.test/module/mod-users-19.7.0',
  chain: Buffer.from('leaf and intermediates'),
  key: Buffer.from('key'),
  bundle: Buffer.from('roots'),
}

test('a message is read field by field', (t) => {
  const message = svidsMessage({ svids: [SVID], crls: [Buffer.from('one'), Buffer.from('two')] })
  t.deepEqual(readX509Svids(message), {
    svids: [SVID],
    crls: [Buffer.from('one'), Buffer.from('two')],
  })
})

test('bundles of other trust domains are no part of what is read', (t) => {
  const entry = Buffer.concat([
    field(1, Buffer.from('spiffe://other.test')),
    field(2, Buffer.from('roots of others')),
  ])
  const message = Buffer.concat([svidsMessage({ svids: [SVID] }), field(3, entry)])
  t.deepEqual(readX509Svids(message), { svids: [SVID], crls: [] })
})

test('fields that are not known yet are passed over, whatever their kind', (t) => {
  const unknown = Buffer.concat([
    Buffer.from([(9 << 3) | 0, 0xff, 0x01]),
    Buffer.from([(10 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8]),
    Buffer.from([(11 << 3) | 5, 1, 2, 3, 4]),
    field(1000, Buffer.from('later')),
  ])
  const svid = Buffer.concat([unknown, svidMessage({ ...SVID, hint: 'internal' }), unknown])
  t.deepEqual(readX509Svids(Buffer.concat([unknown, field(1, svid)])).svids, [SVID])
})

const broken: Readonly<Record<string, Buffer>> = {
  'a number that is cut off': Buffer.from([0x80]),
  'a number of eleven octets': Buffer.concat([Buffer.alloc(10, 0xff), Buffer.from([1])]),
  'field number 0': Buffer.from([0x02, 0x00]),
  'field number 2^29': Buffer.concat([varint(2 ** 32 + 2), Buffer.from([0])]),
  'a group': Buffer.from([(1 << 3) | 3]),
  'the end of a group': Buffer.from([(1 << 3) | 4]),
  'wire type 6': Buffer.from([(1 << 3) | 6, 0]),
  'a length behind the end': Buffer.concat([Buffer.from([0x0a]), varint(5), Buffer.alloc(4)]),
  'a length of 2^60': Buffer.concat([Buffer.from([0x0a]), varint(2 ** 60)]),
  'four octets of eight': Buffer.from([(1 << 3) | 1, 1, 2, 3, 4]),
  'an SVID that is a number': Buffer.from([(1 << 3) | 0, 1]),
  'a list that is a number': Buffer.from([(2 << 3) | 0, 1]),
  'an SVID that is cut off': field(1, svidMessage(SVID).subarray(0, -1)),
  'two SPIFFE ids in one SVID': field(
    1,
    Buffer.concat([svidMessage(SVID), field(1, Buffer.from('spiffe://folio.test/other'))]),
  ),
  'a SPIFFE id that is not UTF-8': field(1, field(1, Buffer.from([0xff, 0xfe]))),
}

for (const [name, message] of Object.entries(broken)) {
  test(`${name} is refused`, (t) => {
    t.throws(() => readX509Svids(message), { instanceOf: ProtobufError })
  })
}

test('every message that is cut off in a field is refused, every one that ends with one is read', (t) => {
  const fields = [field(1, Buffer.from('abc')), field(2, Buffer.from('de')), field(9, Buffer.of())]
  const message = Buffer.concat(fields)
  const ends = [0, 5, 9, message.length]
  for (let length = 0; length <= message.length; length++) {
    const part = message.subarray(0, length)
    if (ends.includes(length)) t.notThrows(() => readFields(part), `${length}`)
    else t.throws(() => readFields(part), { instanceOf: ProtobufError }, `${length}`)
  }
})

test('whatever the bytes are, they are read or refused', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readX509Svids(Buffer.from(bytes))
      } catch (error) {
        if (!(error instanceof ProtobufError)) throw error
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
