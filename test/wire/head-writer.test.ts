import test from 'ava'
import { REQUEST_NAMES } from '../../src/proxy/names.ts'
import { parseRequestHead } from '../../src/wire/h1/request-head.ts'
import { Head, LINE } from '../../src/wire/head.ts'
import { HeadWriter } from '../../src/wire/head-writer.ts'
import { LIMITS } from '../support/relay.ts'

const LINES = [
  'Host: x',
  'A:1',
  'Connection: b',
  'B: 2',
  'Content-Length:  3',
  'A: \t4',
  'TE: c',
  'D:',
]

function written(drop: readonly number[], reframed: boolean, only: readonly string[] = LINES) {
  const text = `POST / HTTP/1.1\r\n${only.map((line) => `${line}\r\n`).join('')}\r\nbody`
  const bytes = Buffer.from(text)
  const head = new Head()
  parseRequestHead(head, bytes, 0, bytes.length, REQUEST_NAMES, LIMITS)
  const table = new Uint8Array(256)
  for (const id of drop) table[id] = 1
  const out = new HeadWriter()
  out.begin()
  out.lines(head, table, reframed)
  return out.bytes.toString('latin1', 0, out.length)
}

test('lines go on as they stand, in their order and case, without what ends here', (t) => {
  t.is(written([], false), 'Host: x\r\nA:1\r\nContent-Length:  3\r\nA: \t4\r\nD:\r\n')
  t.is(written([3], false), 'A:1\r\nContent-Length:  3\r\nA: \t4\r\nD:\r\n')
  t.is(written([], true), 'Host: x\r\nA:1\r\nA: \t4\r\nD:\r\n')
  t.is(written([0, 3], true), '')
  t.is(written([0], false, ['Host: x', 'Content-Length: 3']), 'Host: x\r\nContent-Length: 3\r\n')
})

test('every choice of lines is written exactly', (t) => {
  const plain = ['Host: x', 'A: 1', 'B:2', 'C:  3', 'D:', 'E: 5']
  const bytes = Buffer.from(`GET / HTTP/1.1\r\n${plain.join('\r\n')}\r\n\r\n`)
  const head = new Head()
  for (let choice = 0; choice < 64; choice++) {
    parseRequestHead(head, bytes, 0, bytes.length, REQUEST_NAMES, LIMITS)
    plain.forEach((_, line) => {
      head.action[line] = choice & (1 << line) ? LINE.open : LINE.hop
    })
    const out = new HeadWriter()
    out.lines(head, new Uint8Array(256), false)
    const expected = plain.filter((_, line) => choice & (1 << line)).map((line) => `${line}\r\n`)
    t.is(out.bytes.toString('latin1', 0, out.length), expected.join(''))
  }
})

test('a head has room, however long it is, and a copy outlives the next', (t) => {
  const out = new HeadWriter()
  out.begin()
  const long = 'ä'.repeat(40_000)
  out.text('first ')
  out.text(long)
  out.span(Buffer.from('xlastx'), 1, 5)
  const copy = out.copy()
  out.begin()
  out.text('other')
  t.is(copy.toString('latin1'), `first ${long}last`)
  t.is(out.copy().toString('latin1'), 'other')
})
