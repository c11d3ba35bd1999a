import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { KNOWN_KAFKA_RULES_FILE, writtenKafkaRules } from '../../src/config/kafka-rules.ts'
import type { Problem } from '../../src/fault.ts'
import { KafkaRules, readKafkaRules } from '../../src/kafka/rules.ts'

const KNOWN = writtenKafkaRules({ rules: { inline: [], files: [] }, knownRules: true })
const NAMES = { env: 'folio', tenants: [], tenantCollection: 'ALL' }

function rulesFor(module: string): KafkaRules {
  const problems: Problem[] = []
  const rules = readKafkaRules(KNOWN, NAMES, problems)
  if (problems.length > 0) throw new Error(JSON.stringify(problems))
  return new KafkaRules(rules, { module, mode: 'enforce', now: () => 0 })
}

test('every shipped rule can be read, names its source, and its caller once', (t) => {
  const problems: Problem[] = []
  const rules = readKafkaRules(KNOWN, NAMES, problems)
  t.deepEqual(problems, [])
  t.is(rules.length, KNOWN.length)
  t.true(rules.length >= 28)
  const callers = rules.map(({ caller }) => caller)
  t.deepEqual([...new Set(callers)], callers)
  const written: { caller: string; source?: string }[] = parse(
    readFileSync(KNOWN_KAFKA_RULES_FILE, 'utf8'),
  )
  for (const { caller, source = '' } of written) {
    t.true(source.startsWith(`${caller} `) && source.includes('.'), caller)
  }
})

test('only a consortium may say what users take for the word of a consortium', (t) => {
  const topic = 'folio.Default.diku.CONSORTIUM_PRIMARY_AFFILIATION_CREATED'
  const may = KNOWN.flatMap(({ value }) => {
    const { caller } = value as { caller: string }
    return rulesFor(`${caller}-1.0.0`).mayProduce(topic) ? [caller] : []
  })
  t.deepEqual(may, ['mod-consortia', 'mod-consortia-keycloak'])
  t.true(rulesFor('mod-users-19.7.0').mayConsume(topic))
  t.false(rulesFor('mod-tags-3.1.0').maySee(topic))
})

test('the groups of a module are its own', (t) => {
  const users = rulesFor('mod-users-19.7.0')
  const group = 'CONSORTIUM_PRIMARY_AFFILIATION_CREATED.mod-users-19.7.0_ConsortiumCreateConsumer'
  t.true(users.mayGroup(group))
  t.false(users.mayGroup('folio-mod-consortia-group'))
  t.false(users.mayGroup(group.replace('mod-users', 'mod-login')))
  t.true(rulesFor('mod-consortia-3.4.3').mayGroup('folio-mod-consortia-group'))
})

test('the tenant may be the collection, and no other name in capitals', (t) => {
  const storage = rulesFor('mod-inventory-storage-30.1.0')
  t.true(storage.mayProduce('folio.diku.inventory.instance'))
  t.true(storage.mayProduce('folio.ALL.inventory.instance'))
  t.false(storage.mayProduce('folio.OTHERS.inventory.instance'))
  t.false(storage.mayProduce('folio.diku.users.users'))
  t.false(storage.mayProduce('other.diku.inventory.instance'))
})

test('rules of the configuration, of a file and the shipped ones are read in this order', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'kafka-rules-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'rules.yaml')
  writeFileSync(file, '- {caller: mod-tags, why: file}\n', { mode: 0o600 })
  const inline = [{ value: { caller: 'mod-tags', why: 'inline' }, file: 'x.yaml', pointer: '/0' }]
  const rules = { inline, files: [file] }
  const whys = (knownRules: boolean) =>
    writtenKafkaRules({ rules, knownRules }).map(({ value }) => (value as { why: string }).why)
  t.deepEqual(whys(false), ['inline', 'file'])
  t.deepEqual(whys(true).slice(0, 2), ['inline', 'file'])
  t.is(whys(true).length, 2 + KNOWN.length)
})
