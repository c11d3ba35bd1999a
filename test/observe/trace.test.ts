import test from 'ava'
import fc from 'fast-check'
import { beginTrace, formatTraceparent, parseTraceparent } from '../../src/observe/trace.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

test('the example of the specification', (t) => {
  t.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), {
    traceId: TRACE,
    parentId: SPAN,
    flags: '01',
  })
})

test('a later version is read as far as it is known', (t) => {
  t.is(parseTraceparent(`01-${TRACE}-${SPAN}-01-what-the-future-brings`)?.traceId, TRACE)
  t.is(parseTraceparent(`cc-${TRACE}-${SPAN}-01`)?.traceId, TRACE)
})

test('what the specification calls invalid begins anew', (t) => {
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
  for (const value of wrong) t.is(parseTraceparent(value), undefined, JSON.stringify(value))
})

test('a trace that is begun is one that is read', (t) => {
  const hex = fc.stringMatching(/^[0-9a-f]{48}$/)
  fc.assert(
    fc.property(hex, (random) => {
      const trace = beginTrace(random)
      t.deepEqual(parseTraceparent(formatTraceparent(trace)), trace)
    }),
  )
  const zeros = beginTrace('0'.repeat(48))
  t.deepEqual(parseTraceparent(formatTraceparent(zeros)), zeros)
  t.throws(() => beginTrace('0'.repeat(47)), { instanceOf: TypeError })
})
