import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHART, type Values } from '../helm/render.ts'
import { PLACE, run, type Said } from '../pod/podman.ts'
import { type Cluster, type Pod, readinessOf } from './cluster.ts'
import {
  deploymentOf,
  MODULES,
  NAMESPACE,
  OKAPI,
  productOf,
  TENANT,
  TRUST_DOMAIN,
  valuesOf,
} from './modules.ts'
import { PATIENCE, until } from './until.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'src/main.ts')
const CA = join(PLACE, 'ca')
const PACKED = join(PLACE, 'installed.json')
/** Longer than anything that is done while calls run. */
const LONG_MS = 900_000
/** More than wait for the next pod, one of each caller. */
const LEAST = 6

/** What became of calls. */
export interface Calls {
  readonly calls: number
  /** Each that was not answered with 200, with its time and reason. */
  readonly wrong: readonly string[]
  /** How many each pod answered. */
  readonly pods: Readonly<Record<string, number>>
  readonly slowestMs: number
  /** When it began. */
  readonly slowestAt: string
}

async function operator(...argv: string[]): Promise<string> {
  const { code, out, err } = await run(process.execPath, [MAIN, ...argv], {
    env: { NO_COLOR: '1' },
  })
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${out}${err}`)
  return out
}

/** An installation in one namespace, made as an operator makes it: `certs`, `policy pack`, helm. */
export class Installation {
  readonly cluster: Cluster

  private constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  /** The CA, the packed policy, and a namespace that takes only what is `restricted`. */
  static async found(cluster: Cluster): Promise<Installation> {
    const installation = new Installation(cluster)
    await operator('certs', 'init', '--dir', CA, '--trust-domain', TRUST_DOMAIN)
    await operator('policy', 'pack', join(ROOT, 'src/demo/descriptors'), '-o', PACKED)
    await cluster.addNamespace(NAMESPACE, 'restricted')
    return installation
  }

  /** Its certificate, and the Secret of its name. */
  async issue(id: string): Promise<void> {
    const powerful = id === OKAPI ? ['--powerful'] : []
    await operator('certs', 'issue', id, '--dir', CA, '--dns', productOf(id), ...powerful)
    await this.putSecret(id)
  }

  /** Where `certs issue` has put what a module has. */
  folderOf(id: string): string {
    return join(CA, id)
  }

  /** A new certificate for each, in the Secrets that are there. */
  async renew(ids: readonly string[]): Promise<void> {
    for (const id of ids) await operator('certs', 'renew', id, '--dir', CA)
    for (const id of ids) await this.putSecret(id)
  }

  /** The Secret of a module, with the files of another and in another namespace where that is told. */
  async putSecret(id: string, of = id, namespace = NAMESPACE): Promise<void> {
    const data = Object.fromEntries(
      ['tls.crt', 'tls.key', 'ca.crt'].map((name) => {
        return [name, readFileSync(join(CA, of, name)).toString('base64')]
      }),
    )
    const metadata = { name: id, namespace }
    await this.cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata, data })
  }

  /** Another CA, with nothing issued. */
  async foundAuthority(name: string): Promise<Authority> {
    const folder = join(PLACE, name)
    await operator('certs', 'init', '--dir', folder, '--trust-domain', TRUST_DOMAIN)
    return readAuthority(folder)
  }

  /** The CA that `issue` uses. */
  get authority(): Authority {
    return readAuthority(CA)
  }

  /** A CA as cert-manager takes it, in the Secret `ca`. */
  async putAuthority(namespace: string, { crt, key }: Authority): Promise<void> {
    const metadata = { name: 'ca', namespace }
    const stringData = { 'tls.crt': crt, 'tls.key': key }
    await this.cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData })
  }

  /** The roots to trust, as trust-manager would write them. */
  async putRoots(name: string, authorities: readonly Authority[]): Promise<void> {
    const data = { 'ca.crt': authorities.map(({ crt }) => crt).join('') }
    const metadata = { name, namespace: NAMESPACE }
    await this.cluster.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data })
  }

  /** Has cert-manager issue again, as `cmctl renew` does. */
  async renewNow(certificate: string): Promise<void> {
    const lastTransitionTime = new Date().toISOString()
    const value = {
      type: 'Issuing',
      status: 'True',
      reason: 'Test',
      message: '',
      lastTransitionTime,
    }
    const patch = JSON.stringify([{ op: 'add', path: '/status/conditions/-', value }])
    const how = ['--subresource=status', '--type=json', '-p', patch]
    await this.kubectl('patch', 'certificate', certificate, ...how)
  }

  /** The certificate in a Secret. */
  async leafOf(secret: string): Promise<Buffer> {
    const { data } = await this.cluster.get<{ data: Readonly<Record<string, string>> }>(
      ...['-n', NAMESPACE, 'secret', secret],
    )
    return Buffer.from(data['tls.crt'] ?? '', 'base64')
  }

  /** Okapi's stand-in and every module, each with its sidecar; resolves when all of them are ready. */
  async settle(): Promise<void> {
    for (const id of [OKAPI, ...Object.keys(MODULES)]) await this.issue(id)
    for (const id of [OKAPI, ...Object.keys(MODULES)]) await this.install(id)
    for (const id of [OKAPI, ...Object.keys(MODULES)]) await this.ready(id)
  }

  /** `helm install`, or `helm upgrade` where it is there already. */
  install(id: string, more: Values = {}): Promise<void> {
    return this.installAt(NAMESPACE, id, { ...valuesOf(id), ...more })
  }

  /** The same in any namespace, with values as they are. */
  async installAt(namespace: string, id: string, values: Values): Promise<void> {
    const { code, out, err } = await this.upgrade('helm', namespace, id, values)
    if (code !== 0) throw new Error(`helm ${id}: ${out}${err}`)
  }

  /** `helm upgrade --install` by that helm and with flags; how it ended. */
  upgrade(
    helm: string,
    namespace: string,
    id: string,
    values: Values,
    ...flags: readonly string[]
  ): Promise<Said> {
    const file = join(PLACE, `values-${namespace}-${productOf(id)}.json`)
    writeFileSync(file, JSON.stringify(values))
    return this.cluster.client(helm, [
      ...['-n', namespace, 'upgrade', '--install', productOf(id), CHART, '-f', file],
      ...['--set-file', `policy.packed=${PACKED}`, ...flags],
    ])
  }

  /** What `policy pack` wrote. */
  get packed(): string {
    return readFileSync(PACKED, 'utf8')
  }

  helm(...args: string[]): Promise<Said> {
    return this.cluster.client('helm', ['-n', NAMESPACE, ...args])
  }

  kubectl(...args: string[]): Promise<string> {
    return this.cluster.must('-n', NAMESPACE, ...args)
  }

  /** Waits until every pod of a Deployment is ready and none of an older kind is left. */
  async ready(id: string): Promise<void> {
    const deployment = `deploy/${deploymentOf(id)}`
    await this.kubectl('rollout', 'status', deployment, PATIENCE)
    // What a Deployment says of itself may be older than the end of a pod.
    await until(`the pods of ${id} are ready`, async () => {
      const { spec } = await this.cluster.get<{ spec: { replicas: number } }>(
        ...['-n', NAMESPACE, deployment],
      )
      const pods = await this.pods(id)
      const ready = pods.filter((pod) => readinessOf(pod)?.status === 'True')
      return ready.length === spec.replicas && pods.length === spec.replicas
    })
  }

  /** Pods of a module that run, oldest first. */
  async pods(id: string): Promise<Pod[]> {
    const { items } = await this.cluster.get<{ items: Pod[] }>(
      ...['-n', NAMESPACE, 'pods', '-l', `okapi-sidecar/product=${productOf(id)}`],
      ...['--sort-by=.metadata.creationTimestamp', '--field-selector=status.phase=Running'],
    )
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  }

  /** Calls from the container of a module, or of Okapi, for so long and until there were so many. */
  async calls(
    from: string,
    path: string,
    ms: number,
    callers = 3,
    pauseMs = 30,
    least = 1,
  ): Promise<Calls> {
    const [pod] = await this.pods(from)
    return this.#call(pod!, from, { path, ms, callers, pauseMs, least })
  }

  /** One call from there that is to cross; the first ones after a change may not. */
  async crosses(from: string, path: string): Promise<void> {
    await until(`calls of ${path} cross`, async () => {
      const { wrong } = await this.calls(from, path, 1, 1)
      if (wrong.length > 0) throw new Error(wrong[0])
      return true
    })
  }

  /** The same while something is done; the first call is over when that begins. */
  async callsWhile(
    from: string,
    path: string,
    work: () => Promise<unknown>,
    callers = 3,
    pauseMs = 30,
  ): Promise<Calls> {
    const [pod] = await this.pods(from)
    const stop = `/tmp/stop-${randomUUID()}`
    const settings = { path, ms: LONG_MS, callers, pauseMs, least: LEAST, stop }
    const calls = this.#call(pod!, from, settings)
    // Should the work fail, that is what is told.
    calls.catch(() => undefined)
    const fs = (what: string) => {
      return this.script(
        pod!.metadata.name,
        productOf(from),
        `import * as fs from 'node:fs'; ${what}`,
      )
    }
    try {
      await until('calls run', async () => {
        return (await fs(`console.log(fs.existsSync('${stop}.begun'))`)) === 'true'
      })
      await work()
    } finally {
      await until('calls are told to end', async () => {
        await fs(`fs.writeFileSync('${stop}', '')`)
        return true
      })
    }
    return calls
  }

  async #call(pod: Pod, from: string, settings: object): Promise<Calls> {
    const inside = ['exec', pod.metadata.name, '-c', productOf(from), '--']
    // The stand-in listens there, and in a pod without IPv4 `localhost` is ::1 alone.
    const okapi = from === OKAPI ? { okapi: 'http://127.0.0.1:9130' } : {}
    const all = JSON.stringify({ tenant: TENANT, ...okapi, ...settings })
    const said = await this.kubectl(...inside, 'node', '/test/caller.ts', all)
    return JSON.parse(said)
  }

  /** Runs a script beside a module, in its container; resolves to what it wrote. */
  script(pod: string, container: string, text: string): Promise<string> {
    return this.kubectl(
      'exec',
      pod,
      '-c',
      container,
      '--',
      'node',
      '--input-type=module',
      '-e',
      text,
    )
  }

  /** What the sidecar of a module says of its credentials, on its status page. */
  async inUse(id: string): Promise<InUse> {
    const { certificate, roots } = JSON.parse(
      await this.#fetched(id, 'http://127.0.0.1:9902/status.json'),
    )
    const { generation, serial, notAfterMs } = certificate
    return {
      generation,
      serial,
      notAfterMs,
      roots: roots.map((root: { fingerprint: string }) => root.fingerprint),
    }
  }

  /** A metric of the sidecar of a module, by the beginning of its lines: the sum of them. */
  async metric(id: string, name: string): Promise<number> {
    const text = await this.#fetched(id, 'http://127.0.0.1:9901/metrics')
    const lines = text.split('\n').filter((line) => line.startsWith(name))
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  async #fetched(id: string, url: string): Promise<string> {
    const script = `process.stdout.write(await (await fetch('${url}')).text())`
    let text = ''
    // Its pod may be replaced at this moment.
    await until(`${id} answers ${url}`, async () => {
      const [pod] = await this.pods(id)
      text = await this.script(pod!.metadata.name, productOf(id), script)
      return true
    })
    return text
  }
}

/** A CA: certificate and key as PEM. */
interface Authority {
  readonly crt: string
  readonly key: string
}

function readAuthority(folder: string): Authority {
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  return { crt: read('ca.crt'), key: read('ca.key') }
}

/** What a sidecar uses now. */
interface InUse {
  readonly generation: number
  /** Hexadecimal. */
  readonly serial: string
  readonly notAfterMs: number
  /** Fingerprints, SHA-256 in lower-case hex. */
  readonly roots: readonly string[]
}
