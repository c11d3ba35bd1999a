import test from 'ava'
import fc from 'fast-check'
import { ATTACKS } from '../../src/probe/attacks.ts'
import { type Context, USUAL_PORTS } from '../../src/probe/context.ts'
import type { AttackFinding, AttackOutcome } from '../../src/probe/finding.ts'
import { htmlReport } from '../../src/probe/report/html.ts'
import { junitReport } from '../../src/probe/report/junit.ts'
import { sarifReport } from '../../src/probe/report/sarif.ts'
import { textReport } from '../../src/probe/report/text.ts'
import { jsonReport, type Run } from '../../src/probe/result.ts'
import { choose } from '../../src/probe/runner.ts'

const NASTY = '</pre><script>alert(1)</script>\'"&<!--]]>'

function finding(outcome: AttackOutcome, received = 'HTTP/1.1 200 OK\n'): AttackFinding {
  const evidence = { sent: 'GET / HTTP/1.1\n', received, replay: "printf 'GET'" }
  return { outcome, reason: outcome === 'blocked' ? 'wrong-peer' : null, because: 'seen', evidence }
}

function run(outcomes: readonly AttackOutcome[], received?: string): Run {
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
    controls: [{ as: null, let: false, because: 'GET /users: refused with 403' }],
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

test('the first sentence of the page is the result', (t) => {
  const first = (...outcomes: AttackOutcome[]) =>
    /<p class="verdict [a-z]+">([^<]+)</.exec(htmlReport(run(outcomes)))?.[1]
  t.is(first('got-through', 'blocked'), 'Yes: 1 of 2 attacks got through.')
  t.is(first('got-through', 'inconclusive'), 'Yes: 1 of 2 attacks got through.')
  t.is(first('blocked', 'blocked'), 'No: all 2 attacks were blocked.')
  t.is(first('blocked', 'inconclusive'), 'Nothing got through, but 1 of 2 attacks gave no result.')
  t.is(first(), 'Unknown: no attack was tried.')
})

test('the page loads nothing and runs no script', (t) => {
  const page = htmlReport(run(['got-through', 'blocked', 'inconclusive'], NASTY))
  t.notRegex(page, /<script|<link|<img|src=|url\(|@import/)
  t.regex(page, /Content-Security-Policy" content="default-src &#39;none&#39;/)
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

test('an attack that was tried as several callers is listed once under each of them', (t) => {
  const stolen = ATTACKS.find(({ id }) => id === 'wrong-module')!
  const callers = ['mod-tags-3.1.0', 'mod-notes-8.1.0']
  const { results, controls, ...rest } = run(['got-through'])
  const twice: Run = {
    ...rest,
    controls: callers.map((as) => ({ ...controls[0]!, as })),
    results: callers.map((as) => ({ ...results[0]!, attack: stolen, as })),
  }
  const ids = [...htmlReport(twice).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  t.is(new Set(ids).size, ids.length)
  for (const as of callers) {
    t.true(htmlReport(twice).includes(`${stolen.title}, as ${as}`))
    t.true(textReport(twice, plain).includes(`wrong-module, as ${as}: seen`))
  }
  const names = [...junitReport(twice).matchAll(/<testcase [^>]*name="([^"]+)"/g)]
  t.is(new Set(names.map(([, name]) => name)).size, names.length)
  const { results: told } = JSON.parse(sarifReport(twice, '1')).runs[0]
  const prints = told.map((one: { partialFingerprints: Record<string, string> }) =>
    Object.values(one.partialFingerprints).join(),
  )
  t.is(new Set(prints).size, 2)
})

const plain = (_style: string, all: string) => all

test('the terminal shows what got through, counts the rest and says what was not tried', (t) => {
  const text = textReport(run(['got-through', 'blocked']), plain)
  t.regex(text, new RegExp(`got through {3}${ATTACKS[0]!.title}\n {14}${ATTACKS[0]!.id}: seen\n`))
  t.false(text.includes(ATTACKS[1]!.id))
  t.regex(text, /2 attacks in 1\.2 s: 1 blocked, 1 got through, 0 inconclusive; 1 not tried/)
  t.regex(text, /not tried +1: needs --ca\n/)
  t.regex(text, /by a caller that is not let in/)
  t.regex(text, /\nDid anything get through\? Yes: 1 of 2 attacks got through\.\n$/)
})

test('no line of the terminal is longer than 80 characters', (t) => {
  const all = ATTACKS.map(() => 'got-through' as const)
  const made = run(all)
  const because = 'what is behind the listener answered: No such Tenant okapisidecarprobe, or so'
  const results = made.results.map((result) => ({ ...result, because }))
  const notTried = ATTACKS.flatMap((attack) => choose([attack], outsider).left)
  for (const line of textReport({ ...made, results, notTried }, plain).split('\n')) {
    t.true(line.length <= 80, line)
  }
})

const outsider: Context = {
  target: { host: '127.0.0.1', port: 1, tls: true },
  role: 'module',
  ordinaryPath: '/users',
  timerPath: '/timer',
  trustDomain: 'folio.test',
  stolenId: 'okapi-7.2.0',
  tenant: 'diku',
  writeTenant: 'diku',
  ports: USUAL_PORTS,
  timeoutMs: 1,
  stallMs: 1,
  signal: new AbortController().signal,
}
