import test from 'ava'
import type { Config } from '../../../src/config/config.ts'
import { kafkaNames, kafkaRulesFrom } from '../../../src/sidecar/legs/kafka-rules.ts'

const RULE = {
  value: { caller: 'mod-users', topics: { produce: ['{env}.{tenant}.users'] }, why: 'test' },
  file: 'sidecar.yaml',
  pointer: '/kafka/rules/0',
}

interface Case {
  readonly own?: readonly string[]
  readonly tenants?: 'off' | 'report' | 'enforce'
  readonly of?: Readonly<Record<string, unknown>>
}

/** As much of a configuration as rules for Kafka read. */
function configWith({ own = [], tenants = 'enforce', of }: Case): Config {
  const entry = { value: { why: 'test', ...of }, file: 'sidecar.yaml', pointer: '' }
  const kafka = { tenants: own, env: 'folio', tenantCollection: undefined, mode: 'enforce' }
  const module = { id: 'mod-users-19.7.0', product: 'mod-users' }
  const policy = { tenants, tenantsOf: of === undefined ? [] : [entry] }
  return { module, kafka, policy } as unknown as Config
}

const CASES: readonly (readonly [what: string, given: Case, mayWrite: readonly string[]])[] = [
  ['without a word: every tenant', {}, ['diku', 'north']],
  ['the list of the guard', { of: { caller: 'mod-users', tenants: ['diku'] } }, ['diku']],
  ['that of the full id', { of: { caller: 'mod-users-19.7.0', tenants: ['north'] } }, ['north']],
  ['that of another module', { of: { caller: 'mod-tags', tenants: ['diku'] } }, ['diku', 'north']],
  ['no list', { of: { caller: 'mod-users', tenants: 'serving' } }, ['diku', 'north']],
  [
    'a list that is only reported',
    { tenants: 'report', of: { caller: 'mod-users', tenants: ['diku'] } },
    ['diku', 'north'],
  ],
  [
    'a mode of its own',
    { tenants: 'off', of: { caller: 'mod-users', tenants: ['diku'], mode: 'enforce' } },
    ['diku'],
  ],
  [
    'kafka.tenants goes before it',
    { own: ['north'], of: { caller: 'mod-users', tenants: ['diku'] } },
    ['north'],
  ],
]

for (const [what, given, mayWrite] of CASES) {
  test(`{tenant} in rules for Kafka: ${what}`, (t) => {
    const rules = kafkaRulesFrom([RULE], configWith(given))
    const written = ['diku', 'north'].filter((tenant) => rules.mayProduce(`folio.${tenant}.users`))
    t.deepEqual(written, mayWrite)
  })
}

test('what placeholders stand for leaves the rest as it is', (t) => {
  const config = configWith({ of: { caller: 'mod-users', tenants: ['diku'] } })
  t.like(kafkaNames(config.kafka!, config), { env: 'folio', tenants: ['diku'] })
})
