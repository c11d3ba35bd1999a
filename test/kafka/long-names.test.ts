import test from 'ava'
import { KafkaRules } from '../../src/kafka/rules.ts'
import { type AskedOfKafka, Verdicts } from '../../src/kafka/verdict.ts'
import { KafkaFlaw, WireReader } from '../../src/kafka/wire-reader.ts'
import { WireWriter } from '../../src/kafka/wire-writer.ts'
import type { Refusal } from '../../src/refusal/refusal.ts'

function compact(bytes: number): Buffer {
  const writer = new WireWriter()
  writer.textLength(bytes, true)
  writer.text('x'.repeat(bytes))
  return Buffer.concat(writer.frame())
}

test('a text is no longer than brokers take it, whichever way its length is written', (t) => {
  const read = (bytes: number) => new WireReader(compact(bytes), 4).textLength(true)
  t.is(read(32_767), 32_767)
  t.throws(() => read(32_768), { instanceOf: KafkaFlaw, message: 'a text has 32768 bytes' })
})

test('of a long name the beginning is told: it goes into log, status page and memory', (t) => {
  const rules = new KafkaRules([], { module: 'mod-tags-3.1.0', mode: 'enforce', now: () => 0 })
  const all: { asked: AskedOfKafka; refusal: Refusal }[] = []
  const refused = (asked: AskedOfKafka, refusal: Refusal) => all.push({ asked, refusal })
  const verdicts = new Verdicts(rules, { refused, wouldDeny: () => t.fail() })
  const name = 'n'.repeat(32_000)
  t.truthy(verdicts.topic('Produce', 'produce', name))
  t.truthy(verdicts.visible('Metadata', name))
  t.truthy(verdicts.group('JoinGroup', name))
  t.truthy(verdicts.transaction('EndTxn', name))
  t.is(all.length, 4)
  for (const { asked, refusal } of all) {
    t.true(JSON.stringify([asked, refusal]).length < 2000, asked.api)
    t.true(JSON.stringify(asked).includes(`${'n'.repeat(300)}...`))
  }
})
