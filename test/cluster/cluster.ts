import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { PLACE, type Said } from '../pod/podman.ts'
import { foundAuthority, issuePair, pairOf, writeKubeconfig } from './authority.ts'
import { Enclosure } from './enclosure.ts'
import { namespace, type Standard } from './modules.ts'
import { BRIDGE_ADDRESS, FAMILIES, inUrl } from './network.ts'
import { DOMAIN, Node } from './node.ts'
import { definitionPaths, isSince, type ProgramName, programPath } from './programs.ts'
import { until } from './until.ts'

const SERVER = `https://${inUrl(BRIDGE_ADDRESS)}:6443`
const ETCD = 'http://127.0.0.1:2379'
const BIN = join(PLACE, 'bin')
const FIRST_KUBELET_PORT = 10250

/** What each program is called when it is started; those of Kubernetes are one file. */
const NAMES: Readonly<Record<string, ProgramName>> = {
  etcd: 'etcd',
  coredns: 'coredns',
  'kube-apiserver': 'kube',
  'kube-controller-manager': 'kube',
  'kube-scheduler': 'kube',
  kubelet: 'kube',
  kubectl: 'kube',
}

/** A real Kubernetes of one node and more, of which the machine sees nothing. */
export class Cluster {
  readonly nodes: Node[] = []
  readonly #enclosure: Enclosure
  readonly #images: string
  #admin = ''

  private constructor(enclosure: Enclosure, images: string) {
    this.#enclosure = enclosure
    this.#images = images
  }

  /**
   * From nothing to a node that is ready.
   * @param images an archive of all images that pods will have
   */
  static async open(images: string): Promise<Cluster> {
    const cluster = new Cluster(await Enclosure.open(), images)
    try {
      await cluster.#startControl()
      await cluster.addNode('node1')
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  /** Another node, ready for pods. */
  async addNode(name: string): Promise<Node> {
    const node = new Node(this.#enclosure, name)
    this.nodes.push(node)
    await node.startContainerd(this.#images)
    const port = FIRST_KUBELET_PORT + 10 * (this.nodes.length - 1)
    await node.startKubelet(join(BIN, 'kubelet'), SERVER, port)
    await until(`${name} is ready`, async () => {
      const ready = '{.status.conditions[?(@.type=="Ready")].status}'
      return (await this.kubectl('get', 'node', name, '-o', `jsonpath=${ready}`)).out === 'True'
    })
    return node
  }

  async close(): Promise<void> {
    await this.#enclosure.close()
    for (const node of this.nodes) await node.removeCgroups()
  }

  /** kubectl, as the administrator of the cluster. */
  kubectl(...args: string[]): Promise<Said> {
    return this.client(join(BIN, 'kubectl'), args)
  }

  /** Any client of the API server, as its administrator. */
  client(file: string, args: readonly string[], input?: string): Promise<Said> {
    const more = input === undefined ? {} : { input }
    return this.#enclosure.run(file, args, { env: this.#environment, ...more })
  }

  /** The log of a container to its end; resolves when it is read, so that what ends it can be done. */
  follow(namespace: string, pod: string, container: string) {
    const args = ['-n', namespace, 'logs', '--follow', pod, '-c', container]
    return this.#enclosure.follow(join(BIN, 'kubectl'), args, this.#environment)
  }

  /** Clients remember which kinds there are, by the address of the API server: not of another run. */
  get #environment() {
    return { KUBECONFIG: this.#admin, KUBECACHEDIR: join(PLACE, 'kube-cache') }
  }

  /** kubectl that has to end well; resolves to what it wrote. */
  async must(...args: string[]): Promise<string> {
    const { code, out, err } = await this.kubectl(...args)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${out}${err}`)
    return out.trim()
  }

  /** Makes or changes objects. */
  async apply(...objects: readonly object[]): Promise<void> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
    const { code, out, err } = await this.client(join(BIN, 'kubectl'), ['apply', '-f', '-'], input)
    if (code !== 0) throw new Error(`kubectl apply: ${out}${err}`)
  }

  /** An empty namespace that takes pods: what makes the default account of each comes after it. */
  async addNamespace(name: string, standard: Standard): Promise<void> {
    await this.apply(namespace(name, standard))
    await until(`${name} has its account`, async () => {
      return (await this.kubectl('-n', name, 'get', 'serviceaccount', 'default')).code === 0
    })
  }

  /** What the API server says of objects, without making them: YAML or JSON. */
  dryRun(objects: string, ...flags: readonly string[]): Promise<Said> {
    const args = ['apply', '--dry-run=server', '--validate=strict', ...flags, '-f', '-']
    return this.client(join(BIN, 'kubectl'), args, objects)
  }

  /** Has the API server know the resources of cert-manager, approver-policy and the Prometheus operator. */
  async defineResources(): Promise<void> {
    for (const file of definitionPaths()) {
      const args = ['apply', '--server-side', '-f', '-']
      const { code, err } = await this.client(join(BIN, 'kubectl'), args, definition(file))
      if (code !== 0) throw new Error(`${file}: ${err}`)
    }
    await until('the kinds of operators are known', async () => {
      const kinds = await this.must('api-resources', '--cached=false', '-o', 'name')
      const some = ['certificates.', 'certificaterequestpolicies.', 'podmonitors.', 'issuers.']
      return some.every((kind) => kinds.includes(kind))
    })
  }

  /** Asks for the end of a pod as `drain` does: a disruption budget may say no. */
  async evict(namespace: string, name: string): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
    const args = ['create', '--raw', path, '-f', '-']
    const { code, err } = await this.client(join(BIN, 'kubectl'), args, JSON.stringify(eviction))
    if (code !== 0) throw new Error(`${name} is not evicted: ${err}`)
  }

  /** An object, or a list of them, as the API server has it. */
  async get<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.must('get', ...args, '-o', 'json'))
  }

  /** Starts another program beside the cluster, as its administrator. */
  startBeside(name: ProgramName, ...args: readonly string[]): void {
    this.start(name, programPath(name), this.#admin, ...args)
  }

  /** Starts any program on the machine of the nodes, until the end. */
  start(name: string, file: string, ...args: readonly string[]): void {
    this.#enclosure.start(name, file, ...args)
  }

  /** A file by which a program finds the API server as this user. */
  async kubeconfigOf(name: string, subject: string): Promise<string> {
    await issuePair(name, subject)
    return writeKubeconfig(name, SERVER)
  }

  log(name: string): string {
    return this.#enclosure.log(name)
  }

  async #startControl(): Promise<void> {
    mkdirSync(BIN)
    for (const [name, program] of Object.entries(NAMES)) {
      symlinkSync(programPath(program), join(BIN, name))
    }
    await this.#makeBridge()
    await foundAuthority()
    const address = BRIDGE_ADDRESS
    const names = `IP:127.0.0.1,IP:${address},DNS:localhost,DNS:kubernetes.default.svc`
    await issuePair('apiserver', '/CN=kube-apiserver', names)
    await issuePair('admin', '/O=system:masters/CN=admin')
    for (const part of ['kube-controller-manager', 'kube-scheduler']) {
      await issuePair(part, `/CN=system:${part}`)
    }
    this.#admin = writeKubeconfig('admin', SERVER)
    this.#start('etcd', {
      'data-dir': join(PLACE, 'etcd'),
      'unsafe-no-fsync': 'true',
      'listen-client-urls': ETCD,
      'advertise-client-urls': ETCD,
      'listen-peer-urls': 'http://127.0.0.1:2380',
      'log-level': 'warn',
    })
    this.#start('kube-apiserver', apiServerFlags())
    await until('the API server is ready', async () => {
      return (await this.kubectl('get', '--raw', '/readyz')).code === 0
    })
    const quiet = { 'leader-elect': 'false', 'bind-address': '127.0.0.1' }
    this.#start('kube-controller-manager', {
      ...quiet,
      kubeconfig: writeKubeconfig('kube-controller-manager', SERVER),
      'root-ca-file': pairOf('ca').crt,
      'service-account-private-key-file': pairOf('accounts').key,
      'use-service-account-credentials': 'true',
    })
    this.#start('kube-scheduler', {
      ...quiet,
      kubeconfig: writeKubeconfig('kube-scheduler', SERVER),
    })
    const corefile = join(PLACE, 'Corefile')
    // Addresses are to be told as they are, not as they were.
    const kubernetes = `kubernetes ${DOMAIN} {\n kubeconfig ${this.#admin} test\n ttl 5\n }`
    const addresses = FAMILIES.map((family) => family.address).join(' ')
    writeFileSync(corefile, `.:53 {\n bind ${addresses}\n errors\n ${kubernetes}\n}\n`)
    this.#enclosure.start('coredns', join(BIN, 'coredns'), '-conf', corefile)
  }

  #start(name: string, flags: Readonly<Record<string, string>>): void {
    const args = Object.entries(flags).map(([key, value]) => `--${key}=${value}`)
    this.#enclosure.start(name, join(BIN, name), ...args)
  }

  async #makeBridge(): Promise<void> {
    const ip = (...args: string[]) => this.#enclosure.must('ip', ...args)
    await ip('link', 'add', 'pods', 'type', 'bridge')
    // Else it has the lowest of its ports' addresses: when that pod ends, others do not find the machine for seconds.
    await ip('link', 'set', 'pods', 'address', '02:00:0a:f4:00:01')
    await ip('link', 'set', 'pods', 'up')
    for (const { name, address, bits, anywhere } of FAMILIES) {
      // As long as there is no pod, no neighbour could say that it has this address already.
      const sure = name === 'ipv6' ? ['nodad'] : []
      await ip('addr', 'add', `${address}/${bits}`, 'dev', 'pods', ...sure)
      // API server and kubelet take their own address from the default route.
      await ip('route', 'add', anywhere, 'dev', 'pods')
    }
    const forwarding = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
    await this.#enclosure.must('sysctl', '-qw', ...forwarding)
  }
}

/** A definition of resources as this Kubernetes takes it: before 1.30 it refuses one with `selectableFields`. */
function definition(file: string): string {
  const text = readFileSync(file, 'utf8')
  if (isSince(30)) return text
  const known: Definition = parse(text)
  for (const version of known.spec.versions) delete version.selectableFields
  return JSON.stringify(known)
}

interface Definition {
  readonly spec: { readonly versions: { selectableFields?: object }[] }
}

/** A pod, as far as these tests look at it. */
export interface Pod {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly deletionTimestamp?: string
  }
  readonly spec: { readonly nodeName: string }
  readonly status: {
    readonly podIP: string
    readonly podIPs: readonly { readonly ip: string }[]
    readonly conditions: readonly Condition[]
    readonly containerStatuses: readonly ContainerStatus[]
    readonly initContainerStatuses: readonly ContainerStatus[]
  }
}

/** What is so of a pod, or is not, and since when. */
export interface Condition {
  readonly type: string
  readonly status: string
  readonly lastTransitionTime: string
}

/** Whether a pod is ready, and since when. */
export function readinessOf({ status }: Pod): Condition | undefined {
  return status.conditions.find(({ type }) => type === 'Ready')
}

/** One of each family. */
export function addressesOf({ status }: Pod): readonly string[] {
  return status.podIPs.map(({ ip }) => ip)
}

export interface ContainerStatus {
  readonly name: string
  readonly containerID: string
  readonly restartCount: number
  readonly state: {
    readonly running?: { readonly startedAt: string }
    readonly terminated?: { readonly exitCode: number; readonly finishedAt: string }
  }
}

function apiServerFlags(): Readonly<Record<string, string>> {
  const own = pairOf('apiserver')
  const admin = pairOf('admin')
  const accounts = pairOf('accounts').key
  const ca = pairOf('ca').crt
  return {
    'etcd-servers': ETCD,
    'advertise-address': BRIDGE_ADDRESS,
    'secure-port': '6443',
    'tls-cert-file': own.crt,
    'tls-private-key-file': own.key,
    'client-ca-file': ca,
    'kubelet-client-certificate': admin.crt,
    'kubelet-client-key': admin.key,
    'kubelet-certificate-authority': ca,
    // Else `exec` and `logs` ask a name server for the node.
    'kubelet-preferred-address-types': 'InternalIP',
    'service-account-key-file': accounts,
    'service-account-signing-key-file': accounts,
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-cluster-ip-range': FAMILIES.map(({ services }) => services).join(),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    // No kube-proxy, so nothing leads to the Service of the API server.
    'endpoint-reconciler-type': 'none',
    'enable-aggregator-routing': 'true',
  }
}
