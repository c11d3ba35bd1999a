import test from 'ava'
import {
  FROM_SERVER,
  MessageScanner,
  type MessageVerdict,
  message,
  textsIn,
} from '../../src/postgres/protocol.ts'

const DATA = 0x64
const READY = message(FROM_SERVER.readyForQuery, Buffer.from('I'))
const ROW = message(DATA, Buffer.from('a row of some length'))
const STREAM = Buffer.concat([ROW, READY, ROW, ROW, READY, message(DATA, Buffer.alloc(0))])

/** Passes everything but ReadyForQuery, which it reads whole. */
function scannerWith(verdict: MessageVerdict, seen: string[] = []) {
  return new MessageScanner({
    begins: (type) => (type === FROM_SERVER.readyForQuery ? 'whole' : 'through'),
    read: (_, whole) => {
      seen.push(whole.toString('hex'))
      return verdict
    },
  })
}

function scanned(scanner: MessageScanner, chunks: readonly Buffer[]) {
  const out: Uint8Array[] = []
  const results = chunks.map((chunk) =>
    scanner.scan(chunk, (bytes) => out.push(Buffer.from(bytes))),
  )
  return { bytes: Buffer.concat(out), results }
}

test('whatever the splits are, the same bytes pass and the same messages are read', (t) => {
  for (let first = 0; first <= STREAM.length; first++) {
    for (const step of [1, 2, 3, 7, STREAM.length]) {
      const chunks = [STREAM.subarray(0, first)]
      for (let at = first; at < STREAM.length; at += step)
        chunks.push(STREAM.subarray(at, at + step))
      const seen: string[] = []
      const scanner = scannerWith('pass', seen)
      const { bytes } = scanned(scanner, chunks)
      t.deepEqual(bytes, STREAM)
      t.deepEqual(seen, [READY.toString('hex'), READY.toString('hex')])
      t.true(scanner.atBoundary)
      t.is(scanner.held, 0)
    }
  }
})

test('a message is replaced, wherever it is cut', (t) => {
  const expected = Buffer.concat([
    ROW,
    Buffer.from('!'),
    ROW,
    ROW,
    Buffer.from('!'),
    STREAM.subarray(-5),
  ])
  for (let cut = 0; cut <= STREAM.length; cut++) {
    const chunks = [STREAM.subarray(0, cut), STREAM.subarray(cut)]
    t.deepEqual(scanned(scannerWith(Buffer.from('!')), chunks).bytes, expected)
  }
})

test('what ends the stream does not pass, nor anything behind it', (t) => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    const chunks = [STREAM.subarray(0, cut), STREAM.subarray(cut)]
    const scanner = scannerWith('end')
    const out: Uint8Array[] = []
    const ended = chunks.some(
      (chunk) => scanner.scan(chunk, (bytes) => out.push(Buffer.from(bytes))) === 'end',
    )
    t.true(ended)
    t.deepEqual(Buffer.concat(out), ROW)
    t.true(scanner.atBoundary)
  }
})

test('a length below its own four bytes, or too large to be held, is not a message', (t) => {
  for (const length of [-1, 0, 3]) {
    const bytes = Buffer.from([DATA, 0, 0, 0, 0])
    bytes.writeInt32BE(length, 1)
    t.deepEqual(scanned(scannerWith('pass'), [bytes]), {
      bytes: Buffer.alloc(0),
      results: ['broken'],
    })
  }
  const long = Buffer.from([FROM_SERVER.readyForQuery, 0, 1, 0, 0])
  t.deepEqual(scanned(scannerWith('pass'), [long]).results, ['broken'])
})

test('a message that must wait is kept and examined again', (t) => {
  let wait = true
  const scanner = new MessageScanner({
    begins: () => (wait ? 'wait' : 'through'),
    read: () => 'pass',
  })
  t.deepEqual(scanned(scanner, [ROW]), { bytes: Buffer.alloc(0), results: ['waiting'] })
  t.is(scanner.held, ROW.length)
  wait = false
  t.deepEqual(scanned(scanner, [READY]).bytes, Buffer.concat([ROW, READY]))
})

test('texts end in NUL and are UTF-8', (t) => {
  t.deepEqual(textsIn(Buffer.from('a\0\u00e4\0\0')), ['a', '\u00e4', ''])
  t.is(textsIn(Buffer.from('a\0b')), undefined)
  t.is(textsIn(Buffer.from([0xff, 0])), undefined)
})
