import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { PLACE } from '../pod/podman.ts'
import { issuePair, pairOf, writeKubeconfig } from './authority.ts'
import { CONTAINERD, containerdConfig } from './containerd.ts'
import type { Enclosure } from './enclosure.ts'
import { BRIDGE_ADDRESS, FAMILIES, podNetwork } from './network.ts'
import { isSince } from './programs.ts'
import { until } from './until.ts'

export const DOMAIN = 'cluster.local'

/** Which addresses pods have, on all nodes. */
const ADDRESSES = join(PLACE, 'addresses')
const CGROUPS = '/sys/fs/cgroup'
/** Before the number of the process whose nodes they are. */
const CGROUP = 'okapi-sidecar-test-'

/**
 * Gives what it starts logs of its node's own at the place that Kubernetes 1.29 cannot change: each kubelet removes those
 * of pods that it does not know. Other mounts are those of all. Says by which number the program runs.
 */
const OWN_LOGS = 'mount --bind "$1" /var/log && echo $$ >"$2" && shift 2 && exec "$@"'

/** One kubelet with its containerd. Nodes share a bridge and the addresses on it. */
export class Node {
  readonly name: string
  readonly #enclosure: Enclosure
  readonly #home: string
  readonly #cgroup: string
  readonly #socket: string
  #kubelet: readonly string[] = []

  constructor(enclosure: Enclosure, name: string) {
    this.name = name
    this.#enclosure = enclosure
    this.#home = join(PLACE, name)
    this.#cgroup = `${CGROUP}${process.pid}-${name}`
    this.#socket = join(this.#home, 'containerd.sock')
    mkdirSync(join(this.#home, 'log'), { recursive: true })
    removeCgroupsOfTheDead()
    for (const parent of hierarchies()) makeCgroup(parent, this.#cgroup)
  }

  /** Starts containerd and gives it the images, since there is no registry to ask. */
  async startContainerd(images: string): Promise<void> {
    const cni = join(this.#home, 'cni')
    mkdirSync(cni)
    writeFileSync(join(cni, '10-pods.conflist'), JSON.stringify(podNetwork(ADDRESSES)))
    const config = join(this.#home, 'containerd.toml')
    writeFileSync(config, containerdConfig(this.name, this.#home, this.#socket, cni))
    this.#start('containerd', CONTAINERD, '-c', config)
    const ctr = ['ctr', '-a', this.#socket, '-n', 'k8s.io'] as const
    await until(`containerd of ${this.name} answers`, async () => {
      return (await this.#enclosure.run(ctr[0], [...ctr.slice(1), 'version'])).code === 0
    })
    await this.#enclosure.must(...ctr, 'images', 'import', images)
  }

  /** Starts the kubelet, which registers the node. `port` and the next one are its own. */
  async startKubelet(kubelet: string, server: string, port: number): Promise<void> {
    const address = BRIDGE_ADDRESS
    const user = `/O=system:nodes/CN=system:node:${this.name}`
    await issuePair(this.name, user, `IP:${address},DNS:${this.name}`)
    const own = pairOf(this.name)
    const config = {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address,
      port,
      healthzPort: port + 1,
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: pairOf('ca').crt },
      },
      authorization: { mode: 'Webhook' },
      tlsCertFile: own.crt,
      tlsPrivateKeyFile: own.key,
      containerRuntimeEndpoint: `unix://${this.#socket}`,
      // How often changed Secrets are looked for; by default a minute.
      syncFrequency: '10s',
      cgroupDriver: 'cgroupfs',
      cgroupRoot: `/${this.#cgroup}`,
      ...(isSince(31) ? { failCgroupV1: false } : {}),
      failSwapOn: false,
      makeIPTablesUtilChains: false,
      clusterDNS: [address],
      clusterDomain: DOMAIN,
      resolvConf: emptyFile(join(this.#home, 'resolv.conf')),
      volumePluginDir: join(this.#home, 'volume-plugins'),
      // The disk of a developer may be nearly full, and nothing is to be removed for that.
      evictionHard: {
        'memory.available': '100Mi',
        'nodefs.available': '1%',
        'imagefs.available': '1%',
      },
      imageGCHighThresholdPercent: 100,
      imageGCLowThresholdPercent: 99,
    }
    const file = join(this.#home, 'kubelet.yaml')
    writeFileSync(file, stringify(config))
    const flags = {
      config: file,
      kubeconfig: writeKubeconfig(this.name, server),
      'root-dir': join(this.#home, 'kubelet'),
      'cert-dir': join(this.#home, 'kubelet-pki'),
      'hostname-override': this.name,
      'node-ip': FAMILIES.map((family) => family.address).join(),
    }
    const args = Object.entries(flags).map(([key, value]) => `--${key}=${value}`)
    this.#kubelet = [kubelet, ...args]
    this.#start('kubelet', ...this.#kubelet)
  }

  /** Ends the kubelet and starts it again, as an update of it does; pods go on. */
  async restartKubelet(): Promise<void> {
    const pid = readFileSync(this.#pidFile('kubelet'), 'utf8').trim()
    const gone = 'kill "$1"; while kill -0 "$1" 2>/dev/null; do sleep 0.1; done'
    await this.#enclosure.must('sh', '-c', gone, 'sh', pid)
    this.#start('kubelet', ...this.#kubelet)
  }

  #start(name: string, ...command: readonly string[]): void {
    const inside = ['--mount', '--propagation', 'unchanged', 'sh', '-c', OWN_LOGS, 'sh']
    const files = [join(this.#home, 'log'), this.#pidFile(name)]
    this.#enclosure.start(`${name}-${this.name}`, 'unshare', ...inside, ...files, ...command)
  }

  #pidFile(name: string): string {
    return join(this.#home, `${name}.pid`)
  }

  /** What is left of it in the machine when the enclosure is closed. */
  async removeCgroups(): Promise<void> {
    for (const parent of hierarchies()) {
      // Busy as long as the kernel has not done with the last process.
      await until(`${parent} is left`, async () => {
        removeCgroup(join(parent, this.#cgroup))
        return true
      })
    }
  }

  /** A file of a container's memory: what it uses, its most, its limit. */
  memory(pod: string, container: string): { limit: number; most: number } | undefined {
    for (const folder of cgroupsOf('memory', this.#cgroup, pod, container)) {
      for (const [limit, most] of [
        ['memory.limit_in_bytes', 'memory.max_usage_in_bytes'],
        ['memory.max', 'memory.peak'],
      ] as const) {
        if (!existsSync(join(folder, limit)) || !existsSync(join(folder, most))) continue
        const read = (name: string) => Number(readFileSync(join(folder, name), 'utf8'))
        return { limit: read(limit), most: read(most) }
      }
    }
    return undefined
  }

  /** Ends all processes of a container at once, as the kernel does when it exceeds its memory. */
  kill(pod: string, container: string): void {
    const [folder] = cgroupsOf('memory', this.#cgroup, pod, container)
    if (folder === undefined) throw new Error(`${container} has no cgroup`)
    const numbers = readFileSync(join(folder, 'cgroup.procs'), 'utf8').trim().split('\n')
    for (const number of numbers) process.kill(Number(number), 'SIGKILL')
  }
}

/** The cgroup of a container where this controller is, whatever the quality of its pod. */
function cgroupsOf(controller: string, node: string, pod: string, container: string): string[] {
  const parent = existsSync(join(CGROUPS, controller)) ? join(CGROUPS, controller) : CGROUPS
  return ['', 'burstable', 'besteffort']
    .map((quality) => join(parent, node, 'kubepods', quality, `pod${pod}`, container))
    .filter((folder) => existsSync(folder))
}

function emptyFile(path: string): string {
  writeFileSync(path, '')
  return path
}

/** Where cgroups are made: one tree, or one for every controller. */
function hierarchies(): string[] {
  if (existsSync(join(CGROUPS, 'cgroup.controllers'))) return [CGROUPS]
  const names = readdirSync(CGROUPS, { withFileTypes: true })
  return names.filter((one) => one.isDirectory()).map(({ name }) => join(CGROUPS, name))
}

function makeCgroup(parent: string, name: string): void {
  const own = join(parent, name)
  mkdirSync(own)
  // A cpuset begins empty, and an empty one takes no process.
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const from = join(parent, file)
    if (existsSync(from) && existsSync(join(own, file)) && parent.endsWith('cpuset')) {
      writeFileSync(join(own, file), readFileSync(from))
    }
  }
}

function removeCgroup(folder: string): void {
  if (!existsSync(folder)) return
  for (const one of readdirSync(folder, { withFileTypes: true })) {
    if (one.isDirectory()) removeCgroup(join(folder, one.name))
  }
  rmdirSync(folder)
}

/** What runs left behind that were killed: folders without processes. */
function removeCgroupsOfTheDead(): void {
  for (const parent of hierarchies()) {
    for (const name of readdirSync(parent).filter((one) => one.startsWith(CGROUP))) {
      const [pid] = name.slice(CGROUP.length).split('-')
      if (existsSync(`/proc/${pid}`)) continue
      try {
        removeCgroup(join(parent, name))
      } catch {
        // Its processes are about to end, or another run removes it: the next one will.
      }
    }
  }
}
