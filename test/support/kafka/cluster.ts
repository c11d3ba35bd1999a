import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../../src/demo/child.ts'
import { type CertificateOptions, type Issued, makeCa, type TestCa } from '../pki.ts'
import type { Said } from '../scenario/tools.ts'
import { BROKER_PROFILE } from './class-path.ts'
import { KafkaProgram, type KafkaTool, runKafka } from './program.ts'

// A Kafka of its own for a test: KRaft, own folder, own ports; brokers and their clients show
// certificates of the test's own CA, and the broker's authorizer allows only what a test granted.

const HOST = '127.0.0.1'
const BROKER = { profile: BROKER_PROFILE } as const
const AUTHORIZER = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'
/** The principal of brokers and of the test itself: a superuser. */
const SUPER = 'kafka'

/** Where what is to be closed is noted: a test, or a whole file. */
interface Ending {
  teardown(close: () => unknown): void
}

/** What differs from the usual cluster. */
export interface KafkaOptions {
  /** Brokers that are controllers too: 1 or 3. */
  readonly nodes?: number
  /** Plain beside TLS, and without an authorizer: as FOLIO's installations have it. */
  readonly open?: boolean
  /** A port that a further TLS listener is advertised by: of a proxy that knows nothing of Kafka. */
  readonly front?: number
  /** Options of the brokers' JVMs. */
  readonly jvm?: readonly string[]
  /** Lines of server.properties for every broker. */
  readonly settings?: Readonly<Record<string, string>>
}

type KafkaPorts = Pick<KafkaNode, 'port' | 'controller' | 'plain' | 'behind'>

/** One broker of a cluster. */
export class KafkaNode {
  readonly id: number
  /** The port of its listener for clients: TLS with a certificate required. */
  readonly port: number
  /** Where its controller listens; undefined for a broker that is none. */
  readonly controller: number | undefined
  /** A listener without TLS; 0: there is none. */
  readonly plain: number
  /** The TLS listener that `front` leads to; 0: there is none. */
  readonly behind: number
  readonly directory: string
  #process: KafkaProgram | undefined

  constructor(id: number, directory: string, { port, controller, plain, behind }: KafkaPorts) {
    this.id = id
    this.directory = directory
    this.port = port
    this.controller = controller
    this.plain = plain
    this.behind = behind
    mkdirSync(directory)
  }

  get file(): string {
    return join(this.directory, 'server.properties')
  }

  get address(): string {
    return `${HOST}:${this.port}`
  }

  get pid(): number {
    return this.#process?.pid ?? Number.NaN
  }

  /** Makes its folder of data ready. */
  async format(clusterId: string): Promise<void> {
    // With `=`: one id in 64 begins with a dash.
    const args = ['format', `--cluster-id=${clusterId}`, '-c', this.file]
    const { code, out, err } = await new KafkaProgram('kafka.tools.StorageTool', args, BROKER).end()
    if (code !== 0) throw new Error(`StorageTool: ${out}${err}`)
  }

  /** Starts it; resolves when it takes connections. */
  async run(jvm?: readonly string[]): Promise<void> {
    this.#process = new KafkaProgram('kafka.Kafka', [this.file], {
      ...BROKER,
      ...(jvm !== undefined && { jvm }),
    })
    await this.#process.prints((out) => out.includes('Kafka Server started'))
  }

  /** In order, so that others take over its partitions; SIGKILL: as a crash. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal)
  }
}

/** A running cluster. */
export class KafkaCluster {
  readonly directory: string
  readonly ca: TestCa
  readonly nodes: KafkaNode[] = []
  readonly #clusterId = randomBytes(16).toString('base64url')
  readonly #settings: Readonly<Record<string, string>>
  readonly #front: number

  private constructor(
    directory: string,
    ca: TestCa,
    { front, settings }: { front: number; settings: Readonly<Record<string, string>> },
  ) {
    this.directory = directory
    this.ca = ca
    this.#settings = settings
    this.#front = front
  }

  static async start(
    t: Ending,
    { nodes = 1, open = false, front = 0, settings = {}, jvm }: KafkaOptions = {},
  ) {
    const directory = mkdtempSync(join(tmpdir(), 'kafka-'))
    const cluster = new KafkaCluster(directory, await makeCa(undefined, 'root1'), {
      front,
      settings,
    })
    t.teardown(() => cluster.close())
    const ports = await freePorts(4 * nodes)
    for (let i = 0; i < nodes; i++) {
      const [port, controller, plain, behind] = ports.slice(4 * i)
      cluster.#add({
        port: port!,
        controller,
        plain: open ? plain! : 0,
        behind: front > 0 ? behind! : 0,
      })
    }
    for (const node of cluster.nodes) await cluster.#configure(node)
    // Each waits for the others before it is ready.
    await Promise.all(cluster.nodes.map((node) => cluster.#begin(node, jvm)))
    await cluster.clientFile(SUPER, { cn: SUPER })
    return cluster
  }

  /** What a client needs to know first: all brokers, as `host:port,host:port`. */
  get bootstrap(): string {
    return this.nodes.map(({ address }) => address).join(',')
  }

  /** A further broker, which is no controller. */
  async addBroker(): Promise<KafkaNode> {
    const [port] = await freePorts(1)
    const node = this.#add({ port: port!, controller: undefined, plain: 0, behind: 0 })
    await this.#configure(node)
    await this.#begin(node)
    return node
  }

  /** A tool of Kafka past every sidecar, as the superuser. */
  asSuper(tool: KafkaTool, args: readonly string[], input = ''): Promise<Said> {
    const file = join(this.directory, `${SUPER}.properties`)
    const place = ['--bootstrap-server', this.bootstrap, '--command-config', file]
    return runKafka(tool, [...place, ...args], { input })
  }

  /** Creates a topic; throws if that fails. */
  async createTopic(name: string, partitions = 1, more: readonly string[] = []): Promise<void> {
    const size = ['--partitions', String(partitions), ...more]
    await this.#must('TopicCommand', ['--create', '--topic', name, ...size])
  }

  /** Grants a module everything by the broker's ACLs; the common name is the principal. */
  async allow(moduleId: string): Promise<void> {
    const all = ['--topic', '*', '--group', '*', '--transactional-id', '*', '--cluster']
    await this.#must('AclCommand', [
      '--add',
      '--allow-principal',
      `User:CN=${moduleId}`,
      '--operation',
      'All',
      ...all,
    ])
  }

  /** The properties of a client that shows a certificate with these names; its PEM files lie beside it. */
  async clientFile(name: string, names: CertificateOptions): Promise<string> {
    const file = join(this.directory, `${name}.properties`)
    const tls = this.#tls(join(this.directory, name), await this.ca.issue(names))
    this.#properties(file, { 'security.protocol': 'SSL', ...tls })
    return file
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop('SIGKILL')))
    rmSync(this.directory, { recursive: true, force: true })
  }

  #add(ports: KafkaPorts): KafkaNode {
    const id = this.nodes.length + 1
    const node = new KafkaNode(id, join(this.directory, `node-${id}`), ports)
    this.nodes.push(node)
    return node
  }

  async #begin(node: KafkaNode, jvm?: readonly string[]): Promise<void> {
    await node.format(this.#clusterId)
    await node.run(jvm)
  }

  async #must(tool: KafkaTool, args: readonly string[]): Promise<void> {
    const { code, out, err } = await this.asSuper(tool, args)
    if (code !== 0) throw new Error(`${tool} ${args.join(' ')}: ${out}${err}`)
  }

  async #configure(node: KafkaNode): Promise<void> {
    const leaf = await this.ca.issue({ cn: SUPER, dns: ['localhost'], ip: [HOST] })
    const voters = this.nodes.flatMap(({ id, controller }) =>
      controller === undefined ? [] : [`${id}@${HOST}:${controller}`],
    )
    const copies = String(Math.min(3, voters.length))
    const listeners = [`SSL://${node.address}`]
    if (node.plain > 0) listeners.push(`PLAINTEXT://${HOST}:${node.plain}`)
    const advertised = [
      ...listeners,
      ...(node.behind > 0 ? [`FRONT://${HOST}:${this.#front}`] : []),
    ]
    if (node.behind > 0) listeners.push(`FRONT://${HOST}:${node.behind}`)
    if (node.controller !== undefined) listeners.push(`CONTROLLER://${HOST}:${node.controller}`)
    this.#properties(node.file, {
      'process.roles': node.controller === undefined ? 'broker' : 'broker,controller',
      'node.id': String(node.id),
      'controller.quorum.voters': voters.join(','),
      listeners: listeners.join(','),
      'advertised.listeners': advertised.join(','),
      'listener.security.protocol.map': 'SSL:SSL,CONTROLLER:SSL,PLAINTEXT:PLAINTEXT,FRONT:SSL',
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'SSL',
      'log.dirs': join(node.directory, 'data'),
      ...(node.plain > 0 ? {} : { 'authorizer.class.name': AUTHORIZER }),
      'super.users': `User:CN=${SUPER}`,
      'ssl.client.auth': 'required',
      ...this.#tls(join(node.directory, 'broker'), leaf),
      'num.network.threads': '2',
      'num.io.threads': '2',
      'offsets.topic.num.partitions': '3',
      'offsets.topic.replication.factor': copies,
      'transaction.state.log.num.partitions': '3',
      'transaction.state.log.replication.factor': copies,
      'transaction.state.log.min.isr': '1',
      'share.coordinator.state.topic.replication.factor': copies,
      'share.coordinator.state.topic.min.isr': '1',
      'default.replication.factor': copies,
      'group.initial.rebalance.delay.ms': '0',
      ...this.#settings,
    })
  }

  /** Key stores in PEM (KIP-651): the key and its chain in one file. */
  #tls(place: string, leaf: Issued): Readonly<Record<string, string>> {
    writeFileSync(`${place}.pem`, leaf.keyPem + leaf.chainPem, { mode: 0o600 })
    writeFileSync(`${place}-ca.pem`, this.ca.certPem)
    return {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': `${place}.pem`,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': `${place}-ca.pem`,
    }
  }

  #properties(file: string, settings: Readonly<Record<string, string>>): void {
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
    writeFileSync(file, lines.join(''), { mode: 0o600 })
  }
}
