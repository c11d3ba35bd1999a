import test from 'ava'
import { FloodPauses } from '../../src/transport/flood-pauses.ts'

const KEY = '10.1.2.3:8443'

/** Whether a connection may be opened there. */
function may(pauses: FloodPauses, now: number, key = KEY): boolean {
  return pauses.refusal(key, now) === null
}

test('an address that floods is left alone, for longer each time', (t) => {
  const pauses = new FloodPauses()
  let now = 0
  for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
    t.true(may(pauses, now), `before ${seconds}`)
    pauses.flooded(KEY, now)
    now += seconds * 1000
    t.false(may(pauses, now - 1), `${seconds}`)
    t.is(pauses.pause(KEY, now - 1)?.reason, 'upstream-malformed')
    t.is(pauses.pause(KEY, now), null)
  }
})

test('after a pause one connection is opened at a time', (t) => {
  const pauses = new FloodPauses()
  pauses.flooded(KEY, 0)
  t.true(may(pauses, 1000))
  t.false(may(pauses, 1001))
  t.regex(pauses.refusal(KEY, 1001)?.because ?? '', /^10\.1\.2\.3:8443 sent TLS records .* 1 s$/)
  t.true(may(pauses, 2000))
})

test('several connections that flood at the same time count once', (t) => {
  const pauses = new FloodPauses()
  for (let i = 0; i < 100; i++) pauses.flooded(KEY, i)
  t.true(may(pauses, 1000))
})

test('one that floods no more is as good as any in the end', (t) => {
  const pauses = new FloodPauses()
  pauses.flooded(KEY, 0)
  t.true(may(pauses, 601_000))
  t.true(may(pauses, 601_000))
  pauses.flooded(KEY, 602_000)
  t.true(may(pauses, 603_000))
})

test('other addresses are not concerned', (t) => {
  const pauses = new FloodPauses()
  pauses.flooded(KEY, 0)
  for (let i = 0; i < 10; i++) t.true(may(pauses, 1, '10.1.2.4:8443'))
  t.is(pauses.pause('10.1.2.4:8443', 1), null)
})

test('they are forgotten before they fill the memory, the oldest first', (t) => {
  const pauses = new FloodPauses()
  for (let i = 0; i < 300; i++) pauses.flooded(`10.1.2.3:${i}`, 0)
  t.true(may(pauses, 1, '10.1.2.3:0'))
  t.false(may(pauses, 1, '10.1.2.3:299'))
})
