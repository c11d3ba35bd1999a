import test from 'ava'
import type { Config } from '../../../src/config/config.ts'
import type { KafkaSettings } from '../../../src/config/kafka.ts'
import { createLog } from '../../../src/observe/log.ts'
import type { Metrics } from '../../../src/observe/metrics.ts'
import { History } from '../../../src/observe/status/history.ts'
import { refuse } from '../../../src/refusal/refusal.ts'
import { KafkaTelling } from '../../../src/sidecar/legs/kafka-telling.ts'

test('one request that names 100,000 topics fills neither the log nor the memory of last refusals', (t) => {
  const lines: string[] = []
  const destination = { write: (line: string) => lines.push(line), flush: async () => {} }
  let counted = 0
  const metrics = { refused: () => counted++ } as unknown as Metrics
  const config = { module: { id: 'mod-tags-3.1.0' } } as unknown as Config
  const { log } = createLog({ level: 'info', destination })
  const settings = { bootstrap: [{ host: 'kafka', port: 9093 }] } as unknown as KafkaSettings
  const telling = new KafkaTelling({ config, metrics, log, history: new History() }, settings)
  const { denied } = telling.events(() => {})
  const client = { peer: '127.0.0.1:1' }
  const refused = (topic: string) =>
    denied(client, { api: 'Metadata', topic }, refuse('topic-not-allowed', `no ${topic}`))
  for (let i = 0; i < 3; i++) refused('the same')
  t.is(lines.length, 1)
  for (let i = 0; i < 100_000; i++) refused(`topic-${i}`)
  t.is(lines.length, 4097)
  t.is(JSON.parse(lines.at(-1)!).msg, 'more kafka requests refused than are logged')
  t.is(counted, 100_003)
})
