import test from 'ava'
import fc from 'fast-check'
import { WaitingBytes } from '../../src/wire/waiting-bytes.ts'

test('what comes out is what came in, in order, in whatever pieces; what was handed out stays', (t) => {
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
