import test from 'ava'
import { FLAW, requestRefusal, responseRefusal } from '../../src/wire/flaws.ts'

test('every flaw is a negative number of its own, with a refusal', (t) => {
  const codes = Object.values(FLAW)
  t.is(new Set(codes).size, codes.length)
  for (const code of codes) {
    t.true(code < 0)
    const { because, status } = requestRefusal(code)
    t.not(because, '')
    t.true(status >= 400)
    t.deepEqual(
      { ...responseRefusal(code, 'mod-a-1.0.0'), because: '' },
      { reason: 'upstream-malformed', status: 502, because: '' },
    )
    t.true(responseRefusal(code, 'mod-a-1.0.0').because.endsWith(because))
  }
})

test('statuses that callers act on', (t) => {
  const status = (code: number) => requestRefusal(code).status
  t.is(status(FLAW.lineTooLong), 414)
  t.is(status(FLAW.headTooLong), 431)
  t.is(status(FLAW.tooManyLines), 431)
  t.is(status(FLAW.version), 505)
  t.is(status(FLAW.requestLine), 400)
})

test('a sentence says who sent what, and names the field at fault', (t) => {
  const { because } = responseRefusal(FLAW.twice, 'mod-a-1.0.0 (127.0.0.1:8081)', 'X-$&')
  t.is(
    because,
    'the answer of mod-a-1.0.0 (127.0.0.1:8081): `X-$&` occurs twice, but may occur only once',
  )
  t.is(requestRefusal(FLAW.twice).because, 'a field occurs twice, but may occur only once')
  t.true(requestRefusal(FLAW.alias, 'x'.repeat(5000)).because.length < 150)
})
