import test from 'ava'
import { callText, resultText, trialsText, upgradeText, width } from '../../src/demo/print.ts'
import type { Trial } from '../../src/demo/rogue.ts'
import { ATTACKS } from '../../src/probe/attacks.ts'
import { REASONS } from '../../src/refusal/reasons.ts'

const plain = (_style: unknown, text: string) => text

const trial: Trial = {
  id: 'no-certificate',
  title: 'an ordinary call without a certificate',
  target: 'mod-users-19.7.0',
  expected: 'blocked',
  outcome: 'blocked',
  reason: 'no-certificate',
  because: 'the sidecar refused with 403 no-certificate',
  note: '',
  arrived: 0,
}

test('a table with every title and the longest reasons fits 80 columns', (t) => {
  for (const reason of Object.keys(REASONS)) {
    const trials = ATTACKS.map(({ title }) => ({ ...trial, title, reason }))
    t.true(width(trialsText(trials, plain)) <= 80, reason)
  }
})

test('a row says what was tried, what happened and why, under its target', (t) => {
  const bare: Trial = {
    ...trial,
    target: 'mod-users-19.7.0, bare',
    expected: 'got-through',
    outcome: 'got-through',
    reason: null,
    note: 'no sidecar there',
  }
  const text = trialsText([trial, { ...trial, reason: 'wrong-peer' }, bare], plain)
  t.is(text.match(/at mod-users-19\.7\.0\n/g)?.length, 1)
  t.regex(text, /an ordinary call without a certificate +blocked +no-certificate\n/)
  t.regex(text, /at mod-users-19\.7\.0, bare\n.*got-through +no sidecar there\n/)
})

test('an unexpected result is printed with what was seen', (t) => {
  const through: Trial = { ...trial, outcome: 'got-through', because: 'answered 200' }
  t.regex(trialsText([through], plain), /expected: blocked; answered 200/)
  t.regex(resultText([trial, through], plain), /^Result: not as expected \(1 of 2\)/)
  t.notRegex(resultText([trial], plain), /not as expected/)
})

test('a request that arrived makes a blocked answer worth nothing', (t) => {
  const arrived: Trial = { ...trial, arrived: 1 }
  t.regex(trialsText([arrived], plain), /1 message arrived behind the sidecar, expected: none/)
  t.regex(resultText([arrived], plain), /^Result: not as expected \(1 of 1\)/)
})

test('an upgrade whose new route is not named is reported as wrong', (t) => {
  const upgrade = {
    ...{ from: 'mod-users-19.7.0', to: 'mod-users-19.8.0', route: 'PUT /users/{id}' },
    ...{ command: 'okapi-sidecar policy diff a b', said: '0 more openings, 0 fewer\n' },
  }
  t.regex(upgradeText({ ...upgrade, named: false }), /expected: PUT \/users\/\{id\}/)
  t.notRegex(upgradeText({ ...upgrade, named: true }), /expected: PUT/)
})

test('each leg of the call is logged with the identity that was proven', (t) => {
  const hop = { caller: 'okapi-7.2.0', at: 'mod-users-19.7.0', method: 'GET', status: 200 }
  const call = {
    path: '/notes/5d0a1c4e-93c5',
    status: 200,
    hops: [{ ...hop, route: '/users/{id}' }],
  }
  t.regex(callText(call), /okapi-7\.2\.0 → mod-users-19\.7\.0 +200 +GET \/users\/\{id\}/)
  t.true(width(callText(call)) <= 80)
  t.regex(callText({ ...call, status: 502, hops: [] }), /returns 502/)
})
