import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KafkaCluster } from './kafka-broker.ts'
import { descriptorsIn, Rotating, replaceFiles } from './rotation.ts'
import { Sidecar } from './scenario/sidecar.ts'

const MODULE = 'mod-users-19.7.0'

/** Where what is to be closed is noted: a test, or a whole file. */
interface Closing {
  teardown(close: () => unknown): void
}

/** What the module of the tests may do by default. */
export const KAFKA_RULES = [
  {
    caller: 'mod-users',
    topics: {
      produce: ['{env}.{tenant}.users.*'],
      consume: ['{env}.{tenant}.users.*'],
      create: ['{env}.{tenant}.users.new*'],
    },
    groups: ['mod-users-*'],
    transactions: ['mod-users-*'],
    why: 'test',
  },
] as const

/** A sidecar with a Kafka leg; beside it a broker that lets the module do everything. */
export class KafkaSidecar extends Rotating {
  readonly cluster: KafkaCluster

  private constructor(cluster: KafkaCluster, directory: string) {
    super(MODULE, directory, replaceFiles)
    this.cluster = cluster
  }

  /** Starts one; `more` adds to the section `kafka`, `sections` replaces others. */
  static async start(
    t: Closing,
    cluster: KafkaCluster,
    more: Readonly<Record<string, unknown>> = {},
    sections: Readonly<Record<string, unknown>> = {},
  ): Promise<KafkaSidecar> {
    await cluster.allow(MODULE)
    const directory = mkdtempSync(join(tmpdir(), 'kafka-sidecar-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    descriptorsIn(directory)
    mkdirSync(join(directory, 'certs'), { mode: 0o700 })
    const sidecar = new KafkaSidecar(cluster, join(directory, 'certs'))
    sidecar.put(await sidecar.issue(cluster.ca), [cluster.ca])
    const file = join(directory, 'sidecar.json')
    const configuration = {
      module: MODULE,
      trustDomain: 'folio.test',
      credentials: { directory: sidecar.directory },
      policy: { descriptors: join(directory, 'descriptors') },
      admin: { listen: '127.0.0.1:0' },
      status: { listen: '127.0.0.1:0' },
      log: { level: 'debug' },
      kafka: {
        listen: '127.0.0.1:0',
        bootstrap: cluster.nodes.map(({ address }) => address),
        brokers: '127.0.0.1:0',
        rules: KAFKA_RULES,
        ...more,
      },
      ...sections,
    }
    writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
    const start = 'workers' in sections ? Sidecar.process : Sidecar.start
    sidecar.process = await start(MODULE, file)
    t.teardown(() => sidecar.process.stop())
    return sidecar
  }

  /** What the module has as its bootstrap server. */
  get bootstrap(): string {
    return `127.0.0.1:${this.process.port('kafka')}`
  }
}
