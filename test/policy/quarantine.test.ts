import test from 'ava'
import { parseModuleId } from '../../src/folio/module-id.ts'
import { isQuarantined, readQuarantine } from '../../src/policy/quarantine.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import { ask, compiled, findings, policyOf, word } from './tools.ts'

const RULES: Readonly<Record<string, { held: readonly string[]; free: readonly string[] }>> = {
  'mod-graphql <1.14': {
    held: ['1.13.9', '1.0', '1', '1.14.0-SNAPSHOT', '1.14-rc.1', '1.13.1000123', '1.14.1000123'],
    free: ['1.14', '1.14.0', '1.14.0.0', '1.14.1', '1.14.1-SNAPSHOT', '2', '1.14.0+build'],
  },
  'mod-graphql <=1.14': { held: ['1.14', '1.14.0', '1.14.0-x'], free: ['1.14.1', '1.15.0-x'] },
  'mod-graphql >=1.14': { held: ['1.14', '1.14.0', '2', '1.14.1-x'], free: ['1.13.9', '1.14.0-x'] },
  'mod-graphql >1.14': { held: ['1.14.1', '1.15.0-x'], free: ['1.14', '1.14.0'] },
  'mod-graphql >=1.2 <1.4': { held: ['1.2', '1.3.9', '1.4-x'], free: ['1.1', '1.4', '1.2-x'] },
  'mod-graphql-1.14.0': { held: ['1.14.0', '1.14'], free: ['1.14.1', '1.14.0-x'] },
  'mod-graphql': { held: ['0.1', '1.14', '99-x'], free: [] },
}

for (const [module, { held, free }] of Object.entries(RULES)) {
  test(`${module} holds what it says, in doubt too`, (t) => {
    const [entry] = readQuarantine(ruleSources([{ module, why: 'test' }], 'f', ''), [])
    const holds = (version: string) =>
      isQuarantined(entry!, parseModuleId(`mod-graphql-${version}`)!)
    for (const version of held) t.true(holds(version), version)
    for (const version of free) t.false(holds(version), version)
    t.false(isQuarantined(entry!, parseModuleId('mod-graphql2-1.0')!))
  })
}

test('a warning before the date, refused on both ends from it on', (t) => {
  let now = Date.parse('2027-01-30T23:59:59.999Z')
  const rules = {
    quarantine: [{ module: 'mod-notes <9', why: 'CVE-0', after: '2027-01-31' }],
    now: () => now,
  }
  const { policy, problems } = compiled(rules)
  t.deepEqual(findings(problems), [
    'warning /quarantine/0: mod-notes-8.1.0 will be refused from 2027-01-31T00:00:00.000Z on: CVE-0',
  ])
  const asked = () => [
    word(ask(policy!, { caller: 'mod-notes-8.1.0', path: '/users/1' })),
    word(ask(policy!, { caller: 'okapi-7.2.0', at: 'mod-notes-8.1.0', path: '/notes' })),
    word(ask(policy!, { caller: 'mod-tags-3.1.0', path: '/tags' })),
  ]
  t.deepEqual(asked(), ['requires', 'own', 'own'])
  now += 1
  t.deepEqual(asked(), ['quarantined', 'quarantined', 'own'])
  const { because } = ask(policy!, { caller: 'mod-notes-8.1.0', path: '/users/1' })
  t.is(because, 'mod-notes-8.1.0 may not call okapi: mod-notes-8.1.0 is in quarantine, CVE-0')
})

test('Okapi itself may be in quarantine', (t) => {
  const policy = policyOf({ quarantine: [{ module: 'okapi <8', why: 'test' }] })
  const asked = (caller: string) =>
    word(ask(policy, { caller, at: 'mod-tags-3.1.0', path: '/tags' }))
  t.is(asked('okapi-7.2.0'), 'quarantined')
  t.is(asked('okapi-8.0.0'), 'own')
})

test('finds what cannot be read, and what is not installed', (t) => {
  const found = (entry: object) => findings(compiled({ quarantine: [entry] }).problems)
  t.regex(found({ module: 'mod-notes <x', why: 'w' })[0]!, /^error \/quarantine\/0\/module/)
  t.regex(found({ module: 'mod-notes ~1', why: 'w' })[0]!, /^error \/quarantine\/0\/module/)
  t.regex(found({ module: 'mod-notes' })[0]!, /^error \/quarantine\/0: why/)
  t.regex(found({ module: 'mod-notes', why: 'w', form: '2027-01-01' })[0]!, /no field form/)
  t.regex(found({ module: 'mod-note <1', why: 'w' })[0]!, /^warning .*no version of mod-note is/)
})
