import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fault } from '../../src/fault.ts'
import { classPath } from '../../test/support/kafka/class-path.ts'
import { KafkaCluster } from '../../test/support/kafka/cluster.ts'
import { moduleNames, writeCredentials } from '../../test/support/pki.ts'
import { programOf } from '../candidates/okapi-sidecar.ts'
import { LOAD_CPU, PROXY_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { makeBundle } from '../site/bundle.ts'
import { TRUST_DOMAIN } from '../site/certificates.ts'
import { writeDescriptors } from '../site/descriptors.ts'
import { freePort } from '../site/ports.ts'

const MODULE = 'mod-caller-1.0.0'
/** For the long run, unlike in tests. */
export const KAFKA_JVM = ['-Xms512m', '-Xmx512m', '-XX:+UseSerialGC']
/** What is written to and read from; it keeps everything. */
export const TOPIC = 'bench'

/** A way to the broker: its bootstrap server, and what stands before it. */
export interface KafkaWay {
  readonly candidate: string
  readonly bootstrap: string
  /** Undefined: nothing stands before it. */
  readonly process: Measured | undefined
  /** Properties of the client. */
  readonly properties: string
}

/** One broker on the CPU of the load, and the ways to it. */
export interface KafkaSite {
  readonly ways: readonly KafkaWay[]
  close(): Promise<void>
}

/** Throws a Fault where Kafka or stunnel is not there. */
export async function openKafkaSite(): Promise<KafkaSite> {
  if (classPath('broker') === undefined) {
    throw fault('Kafka is needed', { hint: 'npm run kafka-tools' })
  }
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-bench-kafka-'))
  const ending: (() => unknown)[] = [() => rm(directory, { recursive: true, force: true })]
  const close = async () => {
    for (const end of ending.reverse()) await end()
  }
  try {
    const front = await freePort()
    const cluster = await KafkaCluster.start(
      { teardown: (end) => ending.push(end) },
      { front, jvm: KAFKA_JVM },
    )
    const [node] = cluster.nodes
    execFileSync('taskset', ['-a', '-c', '-p', String(LOAD_CPU), String(node!.pid)], {
      stdio: 'ignore',
    })
    await cluster.allow(MODULE)
    await cluster.createTopic(TOPIC, 6)
    const leaf = await cluster.ca.issue(moduleNames(MODULE, TRUST_DOMAIN))
    const pair = await writeCredentials(join(directory, 'pair'), { leaf, ca: cluster.ca.certPem })
    await writeDescriptors(join(directory, 'descriptors'))
    const plain = join(directory, 'plain.properties')
    await writeFile(plain, '')
    const sidecar = await sidecarWay(directory, { pair, plain, broker: node!.address })
    ending.push(() => sidecar.process?.stop())
    const stunnel = await stunnelWay(directory, { pair, plain, front, behind: node!.behind })
    ending.push(() => stunnel.process?.stop())
    const direct = {
      candidate: 'TLS of the client',
      bootstrap: node!.address,
      process: undefined,
      properties: await cluster.clientFile('direct', moduleNames(MODULE, TRUST_DOMAIN)),
    }
    return { ways: [sidecar, stunnel, direct], close }
  } catch (error) {
    await close()
    throw error
  }
}

/** As in production: access log, metrics, rules. */
async function sidecarWay(
  directory: string,
  { pair, plain, broker }: { pair: string; plain: string; broker: string },
): Promise<KafkaWay> {
  const port = await freePort()
  const rule = {
    ...{ caller: 'mod-caller', why: 'bench', groups: ['bench*'] },
    topics: { produce: [TOPIC], consume: [TOPIC] },
  }
  const configuration = {
    module: MODULE,
    trustDomain: TRUST_DOMAIN,
    credentials: { directory: pair },
    policy: { descriptors: join(directory, 'descriptors') },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
    kafka: {
      ...{ listen: `127.0.0.1:${port}`, bootstrap: broker, brokers: '127.0.0.1:0' },
      rules: [rule],
    },
  }
  const file = join(directory, 'sidecar.json')
  await writeFile(file, JSON.stringify(configuration), { mode: 0o600 })
  const bundle = await makeBundle(join(directory, 'dist'))
  const command = [...programOf(bundle), 'run', '-c', file]
  return started('okapi-sidecar', { directory, port, plain, command })
}

/** TLS and nothing else: the broker has a listener that is advertised as this port. */
async function stunnelWay(
  directory: string,
  { pair, plain, front, behind }: { pair: string; plain: string; front: number; behind: number },
): Promise<KafkaWay> {
  const file = join(directory, 'stunnel.conf')
  const lines = [
    ...['foreground = yes', 'pid =', 'syslog = no', 'debug = 4', '[kafka]', 'client = yes'],
    ...[`accept = 127.0.0.1:${front}`, `connect = 127.0.0.1:${behind}`],
    ...[`CAfile = ${pair}/ca.crt`, `cert = ${pair}/tls.crt`, `key = ${pair}/tls.key`],
    ...['verifyChain = yes', 'checkIP = 127.0.0.1'],
    ...['socket = l:TCP_NODELAY=1', 'socket = r:TCP_NODELAY=1', ''],
  ]
  await writeFile(file, lines.join('\n'), { mode: 0o600 })
  return started('stunnel', { directory, port: front, plain, command: ['stunnel', file] })
}

async function started(
  candidate: string,
  way: { directory: string; port: number; plain: string; command: readonly string[] },
): Promise<KafkaWay> {
  const { directory, port, plain, command } = way
  const errorFile = join(directory, `${candidate}.log`)
  const process = await start({ name: candidate, command, cpu: PROXY_CPU, port, errorFile })
  return { candidate, bootstrap: `127.0.0.1:${port}`, process, properties: plain }
}
