import test from 'ava'
import fc from 'fast-check'
import {
  FLAW,
  interimFlaw,
  malformed,
  requestRefusal,
  responseRefusal,
} from '../../src/wire/flaws.ts'
import { compareAnswers, compareForwarded, compareRequests } from '../support/agreement.ts'
import { anyAnswers, askedBy } from '../support/answers.ts'
import { connections, cuts, goodRequests, placed } from '../support/messages.ts'
import { REQUESTS, RESPONSES } from './differences.ts'

// More of the same, for minutes or hours: npm run fuzz.
const RUNS = { numRuns: 600 }

const wantedOfRequests = new Set(REQUESTS.map(({ flaw }) => requestRefusal(FLAW[flaw]).because))
const wantedOfAnswers = new Set([
  ...RESPONSES.map(({ flaw }) => responseRefusal(FLAW[flaw], 'upstream').because),
  malformed('upstream', interimFlaw(101, 1) ?? '').because,
])

test('requests: what Node refuses we refuse, what we take Node reads alike, wherever it is cut', async (t) => {
  await fc.assert(
    fc.asyncProperty(connections, cuts, async (text, fractions) => {
      const { wrong, stricter } = await compareRequests(text, placed(text, fractions))
      if (wrong !== null) throw new Error(wrong)
      if (stricter !== null && !wantedOfRequests.has(stricter)) throw new Error(stricter)
    }),
    RUNS,
  )
  t.pass()
})

test('requests: Node reads the same in what is forwarded as in what came', async (t) => {
  await fc.assert(
    fc.asyncProperty(connections, cuts, async (text, fractions) => {
      const wrong = await compareForwarded(text, placed(text, fractions))
      if (wrong !== null) throw new Error(wrong)
    }),
    RUNS,
  )
  t.pass()
})

test('requests that are well formed are all taken', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(goodRequests, { minLength: 1, maxLength: 4 }),
      cuts,
      async (all, at) => {
        const text = all.join('')
        const { wrong, stricter } = await compareRequests(text, placed(text, at))
        if (wrong !== null || stricter !== null) throw new Error(wrong ?? stricter ?? '')
      },
    ),
    { numRuns: 200 },
  )
  t.pass()
})

test('answers: what Node refuses we refuse, what we take Node reads alike before and behind us', async (t) => {
  await fc.assert(
    fc.asyncProperty(askedBy, anyAnswers, cuts, async (method, text, fractions) => {
      const { wrong, stricter } = await compareAnswers(method, text, placed(text, fractions))
      if (wrong !== null) throw new Error(wrong)
      if (stricter !== null && !wantedOfAnswers.has(stricter)) throw new Error(stricter)
    }),
    RUNS,
  )
  t.pass()
})

for (const { flaw, example, why } of REQUESTS) {
  test(`stricter than Node with requests: ${flaw}`, async (t) => {
    const { wrong, stricter } = await compareRequests(example, [])
    t.is(wrong, null)
    t.is(stricter, requestRefusal(FLAW[flaw]).because, why)
  })
}

for (const { flaw, example, why } of RESPONSES) {
  test(`stricter than Node with answers: ${flaw}`, async (t) => {
    const { wrong, stricter } = await compareAnswers('GET', example, [])
    t.is(wrong, null)
    t.is(stricter, responseRefusal(FLAW[flaw], 'upstream').because, why)
  })
}
