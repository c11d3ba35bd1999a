import test from 'ava'
import fc from 'fast-check'
import { question, referenceModel } from './models.ts'
import { expectedOutcome } from './reference.ts'
import { ask, policyOf, word } from './tools.ts'

const STRIPES = [
  { caller: 'public', at: 'okapi', methods: ['GET'], path: '/_/version' },
  { caller: 'public', at: 'okapi', methods: ['*'], path: '/_/invoke/tenant/{t}/saml/*' },
]

test('any set and any request: the same decision as the slow reference', (t) => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(
      referenceModel,
      fc.array(question, { minLength: 20, maxLength: 60 }),
      (w, questions) => {
        const policy = policyOf({ grants: w.grants, mode: w.mode }, w.modules)
        const reference = { ...w, grants: [...w.grants, ...STRIPES] }
        for (const asked of [...questions, ...questions]) {
          const expected = expectedOutcome(reference, asked)
          seen.set(expected, (seen.get(expected) ?? 0) + 1)
          t.is(word(ask(policy, asked)), expected, JSON.stringify(asked))
        }
      },
    ),
    { numRuns: 400 },
  )
  // The generator must reach every outcome, or the property says little.
  for (const outcome of [
    ...['requires', 'optional', 'own', 'grant', 'system', 'default', 'health'],
    ...['caller-not-allowed', 'route-not-declared', 'interface-not-required', 'admin-route'],
    ...['interface-version-mismatch', 'tenant-not-allowed', 'report:interface-not-required'],
  ]) {
    t.true((seen.get(outcome) ?? 0) > 0, `${outcome} was never reached: ${[...seen.keys()]}`)
  }
})

test('decide never throws, whatever the bytes', (t) => {
  const policy = policyOf()
  const callers = ['mod-notes-8.1.0', 'public', 'okapi-7.2.0', 'operator/o', 'none', '../x', '']
  fc.assert(
    fc.property(
      fc.constantFrom(...callers),
      fc.constantFrom('okapi', 'mod-users-19.7.0', 'mod-authtoken-2.18.0', '', 'okapi-'),
      fc.string(),
      fc.uint8Array({ maxLength: 64 }),
      fc.option(fc.string(), { nil: undefined }),
      fc.option(fc.string(), { nil: undefined }),
      (who, at, method, bytes, tenant, moduleId) => {
        const [kind, name = ''] = who.split('/')
        const identity =
          kind === 'operator'
            ? ({ kind, name } as const)
            : who === 'public' || who === 'none'
              ? ({ kind: who } as const)
              : ({ kind: 'module', id: who } as const)
        const judged = policy.bind(identity, at)
        const before = bytes.slice()
        const decision = judged.decide(method, bytes, 0, bytes.length, tenant, moduleId)
        t.is(typeof decision.because, 'string')
        if (!decision.allow) t.true(decision.nearest === null || decision.nearest.length > 0)
        t.true(Array.isArray(judged.pathExceptions(bytes, 0, bytes.length)))
        t.deepEqual(bytes, before)
      },
    ),
    { numRuns: 1000 },
  )
})
