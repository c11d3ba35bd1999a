import test from 'ava'
import fc from 'fast-check'
import type { Finding, Outcome } from '../../src/probe/finding.ts'
import { ATTACKS } from '../../src/probe/registry.ts'
import { htmlReport } from '../../src/probe/report/html.ts'
import { jsonReport } from '../../src/probe/report/json.ts'
import { junitReport } from '../../src/probe/report/junit.ts'
import { sarifReport } from '../../src/probe/report/sarif.ts'
import { textReport } from '../../src/probe/report/text.ts'
import type { Run } from '../../src/probe/result.ts'

const NASTY = '</pre><script>alert(1)</script>\'"&<!--]]>'

function finding(outcome: Outcome, received = 'HTTP/1.1 200 OK\n'): Finding {
  const evidence = { sent: 'GET / HTTP/1.1\n', received, replay: "printf 'GET'" }
  return { outcome, reason: outcome === 'blocked' ? 'wrong-peer' : null, because: 'seen', evidence }
}

function run(outcomes: readonly Outcome[], received?: string): Run {
  const results = outcomes.map((outcome, i) => ({
    ...finding(outcome, received),
    attack: ATTACKS[i]!,
    as: i % 2 === 0 ? null : 'mod-tags-3.1.0',
    tookMs: 12,
  }))
  return {
    target: 'https://mod-users:8443',
    startedAt: new Date('2026-11-22T10:00:00Z'),
    tookMs: 1234,
    controls: [{ as: null, let: false, because: 'an ordinary GET /users was refused' }],
    results,
    notTried: [{ attack: ATTACKS[9]!, why: 'needs --ca' }],
  }
}

test('the JSON report has the keys that people filter by', (t) => {
  const report = JSON.parse(jsonReport(run(['got-through', 'blocked', 'inconclusive'])))
  t.is(report.target, 'https://mod-users:8443')
  t.deepEqual(report.summary, { blocked: 1, 'got-through': 1, inconclusive: 1, notTried: 1 })
  t.like(report.attacks[1], { outcome: 'blocked', reason: 'wrong-peer', as: 'mod-tags-3.1.0' })
  for (const key of ['id', 'group', 'outcome', 'reason', 'evidence'])
    t.true(key in report.attacks[0])
})

test('the page says in its first sentence what it came to', (t) => {
  t.regex(htmlReport(run(['got-through', 'blocked'])), /1 of 2 attacks got through/)
  t.regex(htmlReport(run(['blocked', 'blocked'])), /All 2 attacks were blocked/)
  t.regex(htmlReport(run(['blocked', 'inconclusive'])), /1 of 2 attacks could not be judged/)
  t.notRegex(htmlReport(run([])), /were blocked/)
})

test('the page needs nothing else and runs nothing', (t) => {
  const page = htmlReport(run(['got-through', 'blocked', 'inconclusive'], NASTY))
  t.notRegex(page, /<script|<link|<img|src=|url\(|@import/)
  t.regex(page, /Content-Security-Policy" content="default-src 'none'/)
  t.notRegex(page, /href="(?!#)/)
})

test('whatever a hostile target answers is text in every report', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', maxLength: 200 }), (answer) => {
      const made = run(['got-through', 'inconclusive'], answer)
      const markup = (text: string) => [...text.matchAll(/<\/?[a-z]+/g)].length
      const plain = run(['got-through', 'inconclusive'], '')
      return (
        markup(htmlReport(made)) === markup(htmlReport(plain)) &&
        markup(junitReport(made)) === markup(junitReport(plain))
      )
    }),
  )
  t.false(junitReport(run(['got-through'], NASTY)).includes('<script'))
})

test('JUnit counts what it lists', (t) => {
  const xml = junitReport(run(['got-through', 'blocked', 'inconclusive', 'blocked']))
  const sum = (name: string) =>
    [...xml.matchAll(new RegExp(` ${name}="(\\d+)"`, 'g'))].reduce(
      (all, [, n]) => all + Number(n),
      0,
    )
  t.is(sum('tests'), [...xml.matchAll(/<testcase /g)].length)
  t.is(sum('failures'), [...xml.matchAll(/<failure /g)].length)
  t.is(sum('errors'), [...xml.matchAll(/<error /g)].length)
  t.is(sum('skipped'), [...xml.matchAll(/<skipped /g)].length)
  t.deepEqual([sum('failures'), sum('errors'), sum('skipped')], [1, 1, 1])
})

test('SARIF tells failures from what passed, and points at rules that are there', (t) => {
  const { version, runs } = JSON.parse(
    sarifReport(run(['got-through', 'blocked', 'inconclusive']), '1'),
  )
  t.is(version, '2.1.0')
  const [{ tool, results, invocations }] = runs
  t.deepEqual(
    results.map(({ kind, level }: Record<string, string>) => `${kind} ${level}`),
    ['fail error', 'pass none', 'open none'],
  )
  for (const { ruleId, ruleIndex } of results) t.is(tool.driver.rules[ruleIndex].id, ruleId)
  t.false(invocations[0].executionSuccessful)
})

test('the terminal shows what got through, and counts the rest', (t) => {
  const text = textReport(run(['got-through', 'blocked']), (_style, all) => all)
  t.regex(text, new RegExp(`got-through .*${ATTACKS[0]!.id}\n`))
  t.notRegex(text, new RegExp(`${ATTACKS[1]!.id}\n`))
  t.regex(text, /2 attacks in 1\.2 s: 1 blocked, 1 got through, 0 inconclusive; 1 not tried/)
  t.regex(text, /refused at the door/)
})
