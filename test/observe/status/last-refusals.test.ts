import test from 'ava'
import { statusText } from '../../../src/cli/status/one.ts'
import { History } from '../../../src/observe/status/history.ts'
import type { NewRefusal } from '../../../src/observe/status/last-refusals.ts'
import { statusPage } from '../../../src/observe/status/page.ts'
import { busyFacts } from '../../support/status.ts'

const ASKED = { direction: 'ingress', at: 'okapi', method: 'GET', route: '/users' } as const

function refusal(over: Partial<NewRefusal> = {}): NewRefusal {
  const told = { status: 403, reason: 'admin-route', because: 'so', passed: false, from: '' }
  return { timeMs: 1, caller: 'mod-tags-3.1.0', requestId: 'r1', ...ASKED, ...told, ...over }
}

/** Refused before a request was read. */
function stranger(i: number): NewRefusal {
  const nothingRead = { at: '', method: '', route: '' }
  return refusal({ timeMs: i, caller: `192.0.2.${i}`, reason: 'no-certificate', ...nothingRead })
}

test('a caller that tries again and again has one line, with the last request', (t) => {
  const history = new History()
  history.refused(refusal({ because: 'another' }))
  for (let i = 2; i < 100; i++) history.refused(refusal({ timeMs: i, requestId: `r${i}` }))
  const seen = history.refusals.map(({ because, times, timeMs, requestId }) => [
    ...[because, times, timeMs, requestId],
  ])
  t.deepEqual(seen, [
    ['so', 98, 99, 'r99'],
    ['another', 1, 1, 'r1'],
  ])
})

test('a clock that is off by another second each time is one line', (t) => {
  const history = new History()
  const off = (s: number) => `is not valid before 2026-11-30 (in ${s} s by the clock here)`
  for (let i = 1; i < 50; i++) {
    history.turnedAway({ ...stranger(7), timeMs: i, because: off(90 - i) }, false)
  }
  history.turnedAway({ ...stranger(7), timeMs: 50, because: 'the client showed none' }, false)
  t.deepEqual(
    history.refusals.map(({ because, times }) => [because, times]),
    [
      ['the client showed none', 1],
      [off(41), 49],
    ],
  )
})

test('tenants whose names differ by a number alone are kept apart, times are not', (t) => {
  const history = new History()
  for (const tenant of ['diku11', 'diku12', 'lib-11', 'lib-12', 'a_1', 'a_2']) {
    history.refused(refusal({ because: `may not act for ${tenant}` }))
  }
  for (const time of ['2026-11-30T13:00:59Z', '2027-01-02T03:04:05Z']) {
    history.refused(refusal({ because: `no longer valid since ${time}` }))
  }
  t.deepEqual(
    history.refusals.map(({ times }) => times),
    [2, 1, 1, 1, 1, 1, 1],
  )
})

test('of many it is known when the first was, and where the last came from', (t) => {
  const history = new History()
  const { nowMs } = busyFacts()
  const first = { timeMs: nowMs - 720_000, from: '10.1.2.3' }
  history.refused(refusal(first))
  history.refused(refusal({ timeMs: nowMs - 1000, from: '10.1.2.4' }))
  history.refused(refusal({ timeMs: nowMs - 1000, from: '127.0.0.1', because: 'another' }))
  const facts = busyFacts({ refusals: history.refusals })
  const text = statusText(facts)
  t.true(
    text.includes(`1 second ago, 2 times since 2026-11-22 02:18 UTC  admin-route
    mod-tags-3.1.0 from 10.1.2.4: GET /users at okapi
`),
    text,
  )
  t.true(text.includes('    mod-tags-3.1.0: GET /users at okapi\n    another'))
  t.true(statusPage(facts).includes('2 times since 2026-11-22 02:18 UTC</span></td>'))
  t.true(statusPage(facts).includes('<td>mod-tags-3.1.0 from 10.1.2.4</td>'))
})

test('open exchanges are shown, because a slow module ends none', (t) => {
  const facts = busyFacts({ openExchanges: 148, peers: [], slices: [] })
  t.regex(statusText(facts), /^now +0 exchanges in a minute, .*, 148 under way,? */m)
  t.true(statusPage(facts).includes('<dt>Under way</dt><dd>148 exchanges, 212 connections</dd>'))
})

test('those who prove nothing are kept apart: they do not drive the others off the page', (t) => {
  const history = new History()
  history.refused(refusal())
  for (let i = 2; i < 250; i++) history.turnedAway(stranger(i), false)
  const callers = history.refusals.map(({ caller }) => caller)
  t.is(callers.length, 11)
  t.is(callers[0], '192.0.2.249')
  t.is(callers.at(-1), 'mod-tags-3.1.0')
})

test('page and terminal say how often, by which request id, and that nothing was read', (t) => {
  const history = new History()
  const { nowMs } = busyFacts()
  const [timeMs, requestId] = [nowMs - 3000, '5d0a1c4e-93c5-4a0f-8a30-2c7f6b9e1d01']
  history.refused(refusal({ timeMs, requestId }))
  history.refused(refusal({ timeMs, requestId }))
  const because = 'the client presented no certificate'
  history.turnedAway({ ...stranger(7), timeMs, because }, false)
  const facts = busyFacts({ refusals: history.refusals })
  const text = statusText(facts)
  t.true(
    text.endsWith(`Last refusals
3 seconds ago, 2 times since 2026-11-22 02:29 UTC  admin-route
    mod-tags-3.1.0: GET /users at okapi
    so
    requestId ${requestId}
3 seconds ago  no-certificate
    192.0.2.7: before a request was read
    the client presented no certificate
    requestId r1
`),
    text,
  )
  const page = statusPage(facts)
  t.true(
    page.includes('3 seconds ago<br><span class="quiet">2 times since 2026-11-22 02:29 UTC</span>'),
  )
  t.true(page.includes(`so<br><code class="quiet">${requestId}</code>`))
  t.true(page.includes('<td>192.0.2.7</td><td>before a request was read</td>'))
})
