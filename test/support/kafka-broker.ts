import test from 'ava'
import { KafkaCluster, type KafkaOptions } from './kafka/cluster.ts'

export { KafkaCluster } from './kafka/cluster.ts'

/** One cluster for the tests of a file, started by the first that needs it. */
export function sharedKafka(options: KafkaOptions = {}): () => Promise<KafkaCluster> {
  const closing: (() => unknown)[] = []
  let cluster: Promise<KafkaCluster> | undefined
  test.after.always(async () => {
    for (const close of closing.reverse()) await close()
  })
  return () => {
    cluster ??= KafkaCluster.start({ teardown: (close) => closing.push(close) }, options)
    return cluster
  }
}
