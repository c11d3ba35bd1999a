import test from 'ava'
import fc from 'fast-check'
import { WaitingBytes, WaitingSpans } from '../../src/wire/waiting-bytes.ts'

test('bytes come out as they came in, in order, in any pieces; those handed out do not change', (t) => {
  const step = fc.oneof(fc.uint8Array({ maxLength: 700 }), fc.nat(900))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const waiting = new WaitingBytes()
      const came: Uint8Array[] = []
      const went: Buffer[] = []
      for (const each of steps) {
        if (typeof each === 'number') went.push(waiting.shift(each))
        else {
          waiting.add(Buffer.from(each), 0, each.length)
          came.push(each)
        }
        const [all, out] = [Buffer.concat(came), Buffer.concat(went)]
        t.is(waiting.length, all.length - out.length)
        t.true(waiting.bytes.equals(all.subarray(out.length)))
      }
      went.push(waiting.take())
      t.true(Buffer.concat(went).equals(Buffer.concat(came)))
      t.is(waiting.length, 0)
    }),
    { numRuns: 200 },
  )
})

test('bytes that come one by one take no more than four times their number', (t) => {
  const waiting = new WaitingBytes()
  const one = Buffer.from('x')
  for (let i = 0; i < 65_536; i++) waiting.add(one, 0, 1)
  t.true(waiting.bytes.buffer.byteLength <= 4 * 65_536, `${waiting.bytes.buffer.byteLength}`)
})

test('spans come out in order, whether they were copied or kept; what was kept comes out as it is', (t) => {
  const step = fc.record({
    size: fc.nat({ max: 20_000 }),
    kept: fc.boolean(),
    out: fc.nat({ max: 3 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const waiting = new WaitingSpans()
      const came: Buffer[] = []
      const went: Buffer[] = []
      const kept = new Set<Buffer>()
      const shift = () => {
        const bytes = waiting.shift(16_384)
        kept.delete(bytes)
        went.push(bytes)
      }
      steps.forEach(({ size, kept: whole, out }, i) => {
        const bytes = Buffer.alloc(size, i)
        came.push(Buffer.from(bytes))
        if (whole && size > 0) {
          kept.add(bytes)
          waiting.keep(bytes)
        } else {
          waiting.span(bytes, 0, size)
          // Its memory is used for something else.
          bytes.fill(255)
        }
        for (let n = 0; n < out && waiting.length > 0; n++) shift()
        const sum = (parts: readonly Buffer[]) => parts.reduce((all, { length }) => all + length, 0)
        t.is(waiting.length, sum(came) - sum(went))
      })
      while (waiting.length > 0) shift()
      t.is(kept.size, 0)
      t.true(Buffer.concat(went).equals(Buffer.concat(came)))
    }),
    { numRuns: 200 },
  )
})

test('spans that were cleared do not come out', (t) => {
  const waiting = new WaitingSpans()
  waiting.span(Buffer.from('abc'), 0, 3)
  waiting.keep(Buffer.alloc(20_000))
  waiting.span(Buffer.from('abc'), 0, 3)
  waiting.clear()
  t.is(waiting.length, 0)
  t.is(waiting.shift(10).length, 0)
})
