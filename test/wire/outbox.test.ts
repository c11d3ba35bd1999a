import test from 'ava'
import fc from 'fast-check'
import { WriteBuffer } from '../../src/wire/write-buffer.ts'
import { asRead, MemorySocket } from '../support/memory-socket.ts'

function writeBuffer(mostBytes = 65_536) {
  const socket = new MemorySocket()
  const state = { drained: 0 }
  const out = new WriteBuffer(socket, mostBytes, () => state.drained++)
  return { socket, out, state }
}

test('spans of several sockets that share the scratch never mix, and keep their order', async (t) => {
  const size = fc.oneof(
    fc.nat(40),
    fc.constantFrom(16_383, 16_384, 65_535, 65_536, 65_537, 100_000),
  )
  const step = fc.record({ to: fc.nat(2), size, ours: fc.boolean(), flush: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const all = [writeBuffer(), writeBuffer(), writeBuffer()]
      const expected = ['', '', '']
      const shared = Buffer.alloc(100_010)
      steps.forEach(({ to, size: length, ours, flush }, i) => {
        const letter = String.fromCharCode(97 + (i % 26))
        const bytes = ours ? Buffer.alloc(length + 10) : shared
        bytes.fill('#').fill(letter, 5, 5 + length)
        all[to]!.out.put(bytes, 5, 5 + length, ours)
        // What is not ours is written over as soon as the call has returned.
        if (!ours) bytes.fill('!')
        expected[to] += letter.repeat(length)
        if (flush) all[to]!.out.flush()
      })
      for (const { out } of all) out.flush()
      all.forEach(({ socket, out }, i) => {
        if (socket.sent !== expected[i]) throw new Error(`socket ${i} got other bytes`)
        if (out.waiting !== 0) throw new Error('bytes are left')
      })
    }),
    { numRuns: 200 },
  )
  t.pass()
})

test('with many writes under way, reported in turn, no memory is used again too early', async (t) => {
  const all = Array.from({ length: 4 }, () => writeBuffer(10_000_000))
  // As TLS does it: each write is reported by itself.
  const outs = all.map(({ socket }) => {
    socket.stalled = true
    return new WriteBuffer(Object.assign(socket, { encrypted: true }), 10_000_000, () => {})
  })
  const expected = all.map(() => '')
  for (let i = 0; i < 400; i++) {
    const bytes = Buffer.alloc(3000, 97 + (i % 26))
    outs[i % 4]!.put(bytes, 0, bytes.length)
    expected[i % 4] += bytes.toString('latin1')
    outs[i % 4]!.flush()
    if (i % 37 === 0) await all[i % 4]!.socket.letGo()
    for (const { socket } of all) socket.stalled = true
  }
  while (outs.some(({ waiting }) => waiting > 0)) for (const { socket } of all) await socket.letGo()
  for (const [i, { socket }] of all.entries()) t.true(socket.sent === expected[i], `socket ${i}`)
})

test('memory of large spans that are ours is given back when they were taken, and no other', async (t) => {
  const { socket, out } = writeBuffer(10_000_000)
  socket.stalled = true
  const [written, copied, ofOther] = [
    asRead('a'.repeat(65_536)),
    asRead('b'.repeat(9000)),
    asRead('c'.repeat(65_536)),
  ]
  const part = asRead('d'.repeat(65_537))
  out.put(written, 0, written.length, true)
  out.put(ofOther, 0, ofOther.length)
  out.put(part, 1, part.length, true)
  out.put(copied, 0, copied.length, true)
  out.flush()
  t.is(written.length, 65_536)
  while (out.waiting > 0) await socket.letGo()
  const expected = ['a'.repeat(65_536), 'c'.repeat(65_536), 'd'.repeat(65_536), 'b'.repeat(9000)]
  t.true(socket.sent === expected.join(''))
  t.deepEqual(
    [written, ofOther, part, copied].map(({ length }) => length),
    [0, 65_536, 65_537, 0],
  )
})

test('memory of a write that fails is given back, too', async (t) => {
  const { socket, out } = writeBuffer(10_000_000)
  const broken = new Promise((resolve) => socket.once('error', resolve))
  socket.stalled = true
  const [under, behind, late] = [
    asRead('a'.repeat(65_536)),
    asRead('b'.repeat(65_536)),
    asRead('c'.repeat(65_536)),
  ]
  out.put(under, 0, under.length, true)
  out.put(behind, 0, behind.length, true)
  socket.destroy(new Error('gone'))
  await broken
  out.put(late, 0, late.length, true)
  await socket.letGo()
  t.is(socket.sent, 'a'.repeat(65_536))
  t.deepEqual(
    [under, behind, late].map(({ length }) => length),
    [0, 0, 0],
  )
})

test('a source is stopped while the socket takes nothing, and told once when it goes on', async (t) => {
  const { socket, out, state } = writeBuffer()
  socket.stalled = true
  out.put(Buffer.from('abc'), 0, 3)
  t.is(out.waiting, 3)
  t.false(out.blocked)
  out.flush()
  t.true(out.blocked)
  out.put(Buffer.from('def'), 0, 3)
  out.flush()
  t.is(out.waiting, 6)
  await socket.letGo()
  t.is(socket.sent, 'abcdef')
  t.false(out.blocked)
  t.is(state.drained, 1)
})

test('dropped bytes are not sent, nor bytes after the end', async (t) => {
  const { socket, out } = writeBuffer()
  out.put(Buffer.from('abc'), 0, 3)
  out.drop()
  out.flush()
  out.put(Buffer.from('def'), 0, 3)
  out.flush()
  socket.end()
  out.put(Buffer.from('ghi'), 0, 3)
  out.flush()
  socket.destroy()
  out.put(Buffer.from('jkl'), 0, 3)
  out.flush()
  t.is(socket.sent, 'def')
  t.is(out.waiting, 0)
})
