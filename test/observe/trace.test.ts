import test from 'ava'
import fc from 'fast-check'
import {
  beginTrace,
  isTraceparent,
  RANDOM_BYTES,
  traceIdIn,
  VALUE_AT,
} from '../../src/observe/trace.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

/** The trace id of a value that may be passed on. */
function traceIdOf(value: string): string | undefined {
  const bytes = Buffer.from(`x${value}x`)
  return isTraceparent(bytes, 1, bytes.length - 1) ? traceIdIn(bytes, 1) : undefined
}

test('the example of the specification', (t) => {
  t.is(traceIdOf(`00-${TRACE}-${SPAN}-01`), TRACE)
})

test('a later version is read as far as it is known', (t) => {
  t.is(traceIdOf(`01-${TRACE}-${SPAN}-01-what-the-future-brings`), TRACE)
  t.is(traceIdOf(`cc-${TRACE}-${SPAN}-01`), TRACE)
})

test('a trace that the specification calls invalid is replaced', (t) => {
  const wrong = [
    '',
    TRACE,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-01-`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01 `,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
    `ff-${TRACE}-${SPAN}-01`,
    `01-${TRACE}-${SPAN}-01more`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE.slice(1)}-${SPAN}0-01`,
    `01-${TRACE}-${SPAN}-01-${'a'.repeat(1000)}`,
  ]
  for (const value of wrong) t.is(traceIdOf(value), undefined, JSON.stringify(value))
})

test('a trace that is begun is one that is read', (t) => {
  const bytes = { minLength: RANDOM_BYTES + 3, maxLength: RANDOM_BYTES + 3 }
  const begun = (random: Uint8Array) => {
    const line = beginTrace(random, 3).toString('latin1')
    t.regex(line, /^traceparent: [0-9a-f-]{55}\r\n$/)
    return line.slice(VALUE_AT, -2)
  }
  fc.assert(
    fc.property(fc.uint8Array(bytes), (random) => {
      const hex = Buffer.from(random).toString('hex').slice(6)
      const value = begun(random)
      const id = traceIdOf(value)
      if (/^0{32}|0{16}$/.test(hex)) return
      t.is(id, hex.slice(0, 32))
      t.is(value, `00-${id}-${hex.slice(32)}-01`)
    }),
  )
  t.is(traceIdOf(begun(new Uint8Array(RANDOM_BYTES + 3))), `${'0'.repeat(31)}1`)
})
