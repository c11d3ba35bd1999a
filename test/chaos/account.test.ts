import test from 'ava'
import { drawUp } from '../../chaos/account.ts'
import { type Call, digestOf } from '../../chaos/call.ts'
import { grown, RSS_MAY_GROW_BYTES } from '../../chaos/holdings.ts'
import type { Entry } from '../../chaos/ledger.ts'
import type { Outcome, Told } from '../../chaos/load.ts'
import { drawMode, modeText } from '../../chaos/mode.ts'
import { parseOptions } from '../../chaos/options.ts'
import { Random } from '../../chaos/random.ts'
import { asJson, isFine, printed } from '../../chaos/report.ts'
import type { Struck } from '../../chaos/schedule.ts'
import { named, waitedFor, within } from '../../chaos/waits.ts'

// The account of `npm run chaos`, wrong in one thing at a time.

const CALL: Call = {
  ...{ id: 'c7', kind: 'create', tenant: 'north', method: 'POST', target: '/entries?call=c7' },
  ...{ bytes: 3, chunked: false, wanted: 0 },
}
const DIGEST = digestOf(Buffer.from('abc'))
const BEGAN = 1_000_000

function told(outcome: Outcome, more: Partial<Call> = {}): Told {
  const call = { ...CALL, ...more }
  return { call, digest: DIGEST, began: BEGAN, ended: BEGAN + 100, ms: 100, outcome }
}

/** What an instance writes down when all is well. */
function entries(more: Partial<Entry> = {}): Entry[] {
  const { id, tenant, method, target } = CALL
  const about = { at: BEGAN + 50, id, tenant, method, target }
  return [
    { ...about, step: 'begun', digest: '', ...more },
    { ...about, step: 'whole', digest: DIGEST, ...more },
    { ...about, step: 'answers', digest: 'any', ...more },
  ]
}

function fault(excuses: boolean, from = BEGAN - 10, to = BEGAN + 10): Struck {
  return { kind: 'resets', at: 'a hop', excuses, from, to }
}

const whys = (...about: Parameters<typeof drawUp>) =>
  drawUp(...about).findings.map(({ why }) => why)

const ANSWERED = told({ is: 'answered' })
const UNREACHABLE = { is: 'refused', status: 502, reason: 'upstream-unreachable' } as const
const OVERLOADED = { is: 'refused', status: 503, reason: 'overloaded' } as const
const BROKEN = { is: 'broken', how: 'ECONNRESET' } as const
const NOT_REQUIRED = { is: 'refused', status: 403, reason: 'interface-not-required' } as const

test('a call that was answered once is in order', (t) => {
  const { findings, calmMs, outcomes } = drawUp([ANSWERED], [[], entries()], [])
  t.deepEqual(findings, [])
  t.deepEqual(calmMs, [100])
  t.deepEqual([...outcomes], [['answered', 1]])
})

test('the records of instances are compared with what was sent', (t) => {
  const said = (...ledgers: Entry[][]) => whys([ANSWERED], ledgers, [])
  t.deepEqual(said([]), ['answered by no instance'])
  t.deepEqual(said(entries().slice(0, 2)), ['answered by no instance'])
  t.deepEqual(said(entries(), entries()), ['delivered twice', 'acted on twice'])
  t.deepEqual(said([entries()[0]!, ...entries()]), ['delivered twice'])
  t.true(said(entries({ tenant: 'south' })).includes('delivered for the tenant south'))
  t.true(said(entries({ method: 'PUT' })).includes('delivered as PUT /entries?call=c7'))
  t.true(
    said(entries({ target: '/entries?call=c7&' })).some((why) => why.startsWith('delivered as')),
  )
  t.deepEqual(said(entries({ digest: 'other' })), ['delivered with another body'])
  t.deepEqual(said(entries(), entries({ id: 'c8' })).slice(0, 1), ['no caller sent it'])
})

test('a call fails only when something has failed that excuses it', (t) => {
  for (const outcome of [UNREACHABLE, OVERLOADED, BROKEN]) {
    const one = [told(outcome)]
    t.is(whys(one, [], []).length, 1)
    t.is(whys(one, [], [fault(false)]).length, 1)
    t.is(whys(one, [], [fault(true, BEGAN - 60_000, BEGAN - 50_000)]).length, 1)
    t.is(whys(one, [], [fault(true, BEGAN + 101)]).length, 1)
    t.deepEqual(whys(one, [], [fault(false), fault(true)]), [])
  }
})

test('a reason says whether the request may have been delivered', (t) => {
  const begun = entries().slice(0, 1)
  t.deepEqual(whys([told(UNREACHABLE)], [begun], [fault(true)]), [])
  t.deepEqual(whys([told(BROKEN)], [begun], [fault(true)]), [])
  t.deepEqual(whys([told(OVERLOADED)], [begun], [fault(true)]), [
    'refused (overloaded), and delivered',
  ])
})

test('no fault excuses a wrong answer, one that never comes, or a reason that has no cause', (t) => {
  const all: Outcome[] = [
    { is: 'wrong', why: '200, another body' },
    { is: 'unended' },
    { is: 'refused', status: 200, reason: 'overloaded' },
    { is: 'refused', status: 503, reason: 'no-such-reason' },
    { is: 'refused', status: 403, reason: 'tenant-mismatch' },
    NOT_REQUIRED,
  ]
  for (const outcome of all) t.is(whys([told(outcome)], [], [fault(true)]).length, 1)
})

test('nothing begins at an instance while its certificate is revoked', (t) => {
  const whysBeside = (over: Partial<Struck>) =>
    whys([ANSWERED], [[], entries()], [{ ...fault(false, BEGAN + 20, BEGAN + 60), ...over }])
  t.deepEqual(whysBeside({ closed: 1 }), ['delivered to a hop, and resets'])
  t.deepEqual(whysBeside({ closed: 0 }), [])
  // What had begun before may end.
  t.deepEqual(whysBeside({ closed: 1, from: BEGAN + 51 }), [])
  t.deepEqual(whysBeside({ closed: 1, to: BEGAN + 49 }), [])
})

test('an answer to a garbled request counts as one only if something in it was garbled', (t) => {
  const one = [told({ is: 'answered 400' })]
  t.deepEqual(whys(one, [], [{ ...fault(true), kind: 'garbage' }]), [])
  t.is(whys(one, [], [fault(true)]).length, 1)
})

test('what is forbidden is neither delivered nor answered', (t) => {
  const kind = 'forbidden route'
  t.deepEqual(whys([told(NOT_REQUIRED, { kind })], [], []), [])
  t.deepEqual(whys([told(OVERLOADED, { kind })], [], [fault(true)]), [])
  t.is(whys([told(NOT_REQUIRED, { kind })], [entries()], []).length, 1)
  t.is(whys([told({ is: 'answered' }, { kind })], [], [fault(true)]).length, 1)
  t.is(whys([told(NOT_REQUIRED, { kind: 'forbidden tenant' })], [], []).length, 1)
})

test('a token is refused where Okapi never sent it, or its sidecar has forgotten it since', (t) => {
  const refused = { is: 'refused', status: 403, reason: 'token-not-seen-here' } as const
  const strange = told(refused, { kind: 'forbidden token' })
  t.deepEqual(whys([strange], [], []), [])
  t.is(whys([strange], [entries()], []).length, 1)
  const handed = { ...told(refused, { kind: 'with a token' }), tokenAt: BEGAN - 500 }
  t.is(whys([handed], [], [fault(true)], [BEGAN - 501]).length, 1)
  t.deepEqual(whys([handed], [], [], [BEGAN - 400]), [])
  t.is(whys([handed], [entries()], [], [BEGAN - 400]).length, 1)
  t.is(whys([told(refused)], [], [fault(true)], [BEGAN + 1]).length, 1)
})

test('a timeline has everything in the order of time', (t) => {
  const [finding] = drawUp([told(BROKEN)], [entries().slice(0, 1)], [fault(false)]).findings
  const steps = finding!.timeline.map((line) => line.replace(/^\S+ /, '').replace(/:.*/, ''))
  t.deepEqual(steps, [
    'fault begins',
    'asked create',
    'fault is over',
    'instance 1 begun',
    'its end',
  ])
})

test('open files must be what they were, by class; memory may grow by so much', (t) => {
  const before = { rssBytes: 100, files: { socket: 3, pipe: 2 } }
  const held = (rssBytes: number, files: Record<string, number>) => [
    { name: 'one', before, after: { rssBytes, files } },
  ]
  t.deepEqual(grown(held(100 + RSS_MAY_GROW_BYTES, { socket: 3, pipe: 2 })), [])
  t.is(grown(held(101 + RSS_MAY_GROW_BYTES, { socket: 3, pipe: 2 })).length, 1)
  for (const files of [{ socket: 4, pipe: 2 }, { socket: 2, pipe: 3 }, { socket: 3 }]) {
    t.is(grown(held(100, files)).length, 1)
  }
  t.is(grown(held(100, { socket: 3, pipe: 2, file: 1 })).length, 1)
})

test('a report is fine only when nothing is wrong, and says how to see it again', (t) => {
  const report = (outcome: Outcome, wrong: string[] = []) => ({
    account: drawUp([told(outcome)], [entries()], []),
    ...{
      seed: 5,
      minutes: 2,
      mode: { link: false, workers: 2 },
      struck: [fault(true)],
      held: [],
      wrong,
      skipped: [],
    },
  })
  const fine = report({ is: 'answered' })
  t.true(isFine(fine))
  t.regex(printed(fine), /The account comes out/)
  t.true(
    printed(fine)
      .split('\n')
      .every((line) => line.length <= 80),
  )
  t.false(isFine(report({ is: 'answered' }, ['a leak'])))
  const bad = report(BROKEN)
  t.false(isFine(bad))
  t.regex(printed(bad), /WRONG {2}c7: failed, and nothing had failed\n +\d.*asked create/)
  t.regex(printed(bad), /again: npm run chaos -- --seed 5 --minutes 2 --link no --workers 2\n$/)
  t.is(JSON.parse(asJson(bad)).findings[0].id, 'c7')
  t.false(isFine({ ...fine, account: drawUp([], [], []) }))
})

test('the seed decides the mode, as far as it is not given', (t) => {
  const drawn = Array.from({ length: 60 }, (_, seed) => drawMode(new Random(seed), {}))
  t.deepEqual(new Set(drawn.map(modeText)).size, 4)
  t.deepEqual(drawMode(new Random(3), {}), drawn[3])
  for (const link of [true, false]) t.is(drawMode(new Random(3), { link }).link, link)
  for (const workers of [1, 2]) t.is(drawMode(new Random(3), { workers }).workers, workers)
})

test('a wait that does not end is named, and one that does is not', async (t) => {
  t.is(await within(60_000, 'an answer', Promise.resolve(7)), 7)
  const { promise, resolve } = Promise.withResolvers<void>()
  const stage = named('a stage', promise)
  const long = within(60_000, 'what comes later', promise)
  t.regex(waitedFor().join(), /^a stage, for \d+ s,what comes later, for \d+ s$/)
  await t.throwsAsync(within(1, 'another end', promise), { message: /in vain for another end/ })
  t.is(waitedFor().length, 2)
  resolve()
  await Promise.all([stage, long])
  t.deepEqual(waitedFor(), [])
})

test('options that are not understood are named', (t) => {
  for (const [option, value] of [
    ['--minutes', '0'],
    ['--minutes', 'many'],
    ['--seed', 'x'],
    ['--rate', '0'],
    ['--hours', '1'],
    ['--link', 'perhaps'],
    ['--workers', '0'],
  ] as const) {
    t.throws(() => parseOptions([option, value]), { message: new RegExp(option) })
  }
  t.like(parseOptions(['--minutes', '0.5', '--seed', '7']), { minutes: 0.5, seed: 7, lies: false })
  t.deepEqual(parseOptions(['--link', 'no', '--workers', '2']).mode, { link: false, workers: 2 })
})
