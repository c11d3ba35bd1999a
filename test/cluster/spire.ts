import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PLACE } from '../pod/podman.ts'
import type { Cluster } from './cluster.ts'
import { agentConfiguration, serverConfiguration, spireObjects } from './spire-objects.ts'
import { PATIENCE, until } from './until.ts'

/** Server and agent of SPIRE, as pods of a namespace of their own. */
export const SPIRE = 'spire'
const SERVER = 'spire-server-0'
const COMMAND = '/opt/spire/bin/spire-server'
/** What outlives the server's pod, and the CA above SPIRE's own. */
const HOME = join(PLACE, 'spire')
const DOCS = join(import.meta.dirname, '..', '..', 'docs/spire.md')

/** An authority of SPIRE, as `localauthority x509` tells it. */
interface Authority {
  readonly authority_id: string
  readonly upstream_authority_subject_key_id: string
}

/** A CA as files: certificate and key, PEM. */
interface Pair {
  readonly crt: string
  readonly key: string
}

/** SPIRE in a cluster: its server as an operator commands it. */
export class Spire {
  readonly #cluster: Cluster

  private constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Server and agents, ready. `upstream` is the CA above that of SPIRE. */
  static async start(cluster: Cluster, upstream: Pair): Promise<Spire> {
    const spire = new Spire(cluster)
    for (const name of ['data', 'upstream']) mkdirSync(join(HOME, name), { recursive: true })
    spire.putUpstream(upstream)
    const [server, agent] = spireObjects(HOME)
    await cluster.apply(...server)
    await spire.configure('server', serverConfiguration(true))
    await spire.#rolledOut('statefulset/spire-server')
    await spire.configure('agent', agentConfiguration())
    await cluster.apply(...agent)
    await spire.#rolledOut('daemonset/spire-agent')
    return spire
  }

  /** The CA that the server asks for its own one, from the next time on. */
  putUpstream({ crt, key }: Pair): void {
    writeFileSync(join(HOME, 'upstream', 'ca.key'), key, { mode: 0o600 })
    writeFileSync(join(HOME, 'upstream', 'ca.crt'), crt)
  }

  /** The file of one of the two; a pod reads it when it starts. */
  async configure(part: 'server' | 'agent', text: string): Promise<void> {
    const metadata = { name: `spire-${part}`, namespace: SPIRE }
    const data = { [`${part}.conf`]: text }
    await this.#cluster.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data })
  }

  /**
   * The server without a CA above it, as it is by default: it makes a root and uses it at once, which agents do not know
   * until they start anew.
   */
  async leaveUpstream(): Promise<void> {
    await this.configure('server', serverConfiguration(false))
    await this.restart('statefulset/spire-server')
    await this.restart('daemonset/spire-agent')
  }

  /** `spire-server`, in its pod. */
  run(...args: readonly string[]): Promise<string> {
    return this.#cluster.must('-n', SPIRE, 'exec', SERVER, '--', COMMAND, ...args)
  }

  /** An entry: an identity, and what it is told by. */
  async register(entry: string, id: string, selectors: readonly string[], seconds: number) {
    const own = ['-entryID', entry, '-spiffeID', id, '-x509SVIDTTL', String(seconds)]
    const told = selectors.flatMap((selector) => ['-selector', selector])
    await this.run('entry', 'create', '-parentID', 'spiffe://folio.test/nodes', ...own, ...told)
  }

  async unregister(entry: string): Promise<void> {
    await this.run('entry', 'delete', '-entryID', entry)
  }

  /** What docs/spire.md registers, as it is printed there but for the lives of certificates. */
  async registerAsInDocs(seconds: number): Promise<void> {
    const [, block = ''] = /## Which entries\?[\s\S]*?\n((?: {4}.*\n)+)/.exec(
      readFileSync(DOCS, 'utf8'),
    )!
    const kubectl = `kubectl() { ${join(PLACE, 'bin/kubectl')} "$@"; }`
    const script = block.replace('-x509SVIDTTL 3600', `-x509SVIDTTL ${seconds}`)
    const { code, out, err } = await this.#cluster.client('sh', ['-ec', `${kubectl}\n${script}`])
    if (code !== 0) throw new Error(`docs/spire.md: ${out}${err}`)
  }

  /** The authority in use. */
  async authority(): Promise<Authority> {
    const said = await this.run('localauthority', 'x509', 'show', '-output', 'json')
    return (JSON.parse(said) as { active: Authority }).active
  }

  /** Another one beside it. */
  async prepare(): Promise<Authority> {
    const said = await this.run('localauthority', 'x509', 'prepare', '-output', 'json')
    return (JSON.parse(said) as { prepared_authority: Authority }).prepared_authority
  }

  async activate(authority: string): Promise<void> {
    await this.run('localauthority', 'x509', 'activate', '-authorityID', authority)
  }

  async restart(workload: string): Promise<void> {
    await this.#cluster.must('-n', SPIRE, 'rollout', 'restart', workload)
    await this.#rolledOut(workload)
  }

  /** The server's pods: none or one. */
  async scale(replicas: 0 | 1): Promise<void> {
    const workload = 'statefulset/spire-server'
    await this.#cluster.must('-n', SPIRE, 'scale', workload, `--replicas=${replicas}`)
    if (replicas === 1) return this.#rolledOut(workload)
    await until('the server is gone', async () => {
      return (await this.#cluster.kubectl('-n', SPIRE, 'get', 'pod', SERVER)).code !== 0
    })
  }

  /** What the agent of the node has said. */
  agentLog(): Promise<string> {
    return this.#cluster.must('-n', SPIRE, 'logs', 'daemonset/spire-agent', '--tail=-1')
  }

  async #rolledOut(workload: string): Promise<void> {
    await this.#cluster.must('-n', SPIRE, 'rollout', 'status', workload, PATIENCE)
  }
}
