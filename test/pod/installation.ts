import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Container, only, podSpecs, render, sidecarOf } from '../helm/render.ts'
import { IMAGE } from './images.ts'
import { must, PLACE, PREFIX, podman, run } from './podman.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'src/main.ts')
const DESCRIPTORS = join(ROOT, 'src/demo/descriptors')
const CA = join(PLACE, 'ca')
export const NETWORK = `${PREFIX}-net`
export const TRUST_DOMAIN = 'folio.test'
const SIDECAR_USER = 65532

/** `okapi-sidecar` on this machine, as an operator has it. */
export function operator(...argv: string[]) {
  return run(process.execPath, [MAIN, ...argv], { env: { NO_COLOR: '1' } })
}

async function certs(...argv: string[]): Promise<void> {
  const { code, err } = await operator('certs', ...argv, '--dir', CA)
  if (code !== 0) throw new Error(`certs ${argv.join(' ')}: ${err}`)
}

/** The network, the CA, the packed policy. */
export async function startInstallation(): Promise<void> {
  await podman('network', 'create', '--ipv6', NETWORK)
  await certs('init', '--trust-domain', TRUST_DOMAIN)
  await certs('issue', 'operator/anna', '--powerful')
  const packed = await operator('policy', 'pack', DESCRIPTORS, '-o', join(PLACE, 'installed.json'))
  if (packed.code !== 0) throw new Error(packed.err)
}

/** Where the credentials of a person lie. */
export function credentialsOf(name: string): string {
  return join(CA, name)
}

/** A pod that was rendered by the chart and is run by podman. */
export class Pod {
  readonly id: string
  readonly product: string
  readonly name: string
  readonly directory: string
  /** The rules of the pod's network, as the chart has written them. */
  rules = ''
  /** What `helm test` runs against it, as arguments. */
  probe: readonly string[] = []
  #sidecar: Container | undefined
  #app: Container | undefined

  private constructor(id: string, replica: string) {
    this.id = id
    this.product = id.replace(/-\d.*$/, '')
    this.name = `${PREFIX}-${this.product}${replica}`
    this.directory = join(PLACE, `${this.product}${replica}`)
  }

  /**
   * Renders, writes down what would be ConfigMaps and the Secret, and makes the empty pod.
   * @param replica tells a second pod of the same module from the first: both have its name on the network
   */
  static async make(
    id: string,
    more: Readonly<Record<string, unknown>> = {},
    replica = '',
  ): Promise<Pod> {
    const pod = new Pod(id, replica)
    const things = await render({
      module: id,
      trustDomain: TRUST_DOMAIN,
      policy: { packed: '{}' },
      credentials: { from: 'secret', secret: { name: 'certs' } },
      image: { repository: 'localhost/okapi-sidecar', tag: 'pod-test', pullPolicy: 'Never' },
      workload: { image: IMAGE },
      nftables: { enabled: true, image: 'nft' },
      ...more,
    })
    const [spec] = podSpecs([only(things, 'Deployment')])
    const [tester] = podSpecs([only(things, 'Pod')])
    pod.probe = tester?.containers[0]?.args ?? []
    pod.#sidecar = sidecarOf(spec!)
    pod.#app = spec!.containers.find(({ name }) => name === pod.product)
    const map = things.find(({ data }) => data?.['sidecar.yaml'] !== undefined)
    for (const folder of ['sidecar-config', 'sidecar-policy', 'sidecar-certs']) {
      mkdirSync(join(pod.directory, folder), { recursive: true })
    }
    const config = join(pod.directory, 'sidecar-config/sidecar.yaml')
    writeFileSync(config, map?.data?.['sidecar.yaml'] ?? '', { mode: 0o644 })
    pod.rules = map?.data?.['sidecar.nft'] ?? ''
    cpSync(join(PLACE, 'installed.json'), join(pod.directory, 'sidecar-policy/installed.json'))
    const powerful = pod.product === 'okapi' ? ['--powerful'] : []
    if (!existsSync(join(CA, id))) await certs('issue', id, '--dns', pod.product, ...powerful)
    pod.swapCertificates()
    await podman(
      'pod',
      'create',
      '--name',
      pod.name,
      '--network',
      NETWORK,
      '--network-alias',
      pod.product,
      '--share',
      'net,ipc,uts',
    )
    return pod
  }

  /** Issues again, and swaps the one symbolic link as Kubernetes does. */
  async renewCertificates(): Promise<void> {
    await certs('renew', this.id)
    this.swapCertificates()
  }

  swapCertificates(): void {
    const mount = join(this.directory, 'sidecar-certs')
    const next = `..${readdirSync(mount).length}-${Date.now()}`
    mkdirSync(join(mount, next), { mode: 0o755 })
    for (const file of ['tls.crt', 'tls.key', 'ca.crt']) {
      const to = join(mount, next, file)
      cpSync(join(CA, this.id, file), to)
      chownSync(to, SIDECAR_USER, SIDECAR_USER)
      if (!existsSync(join(mount, file))) symlinkSync(join('..data', file), join(mount, file))
    }
    symlinkSync(next, join(mount, '..data_tmp'))
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
  }

  /** Starts the sidecar with what the chart says of it, and waits until it is ready. */
  async startSidecar(): Promise<void> {
    const container = this.#sidecar!
    const mounts = (container.volumeMounts ?? []).flatMap(({ name, mountPath }) => {
      const from = join(this.directory, name)
      return existsSync(from) ? ['-v', `${from}:${mountPath}:ro`] : []
    })
    await podman(
      'run',
      '-d',
      '--pod',
      this.name,
      '--name',
      `${this.name}-sidecar`,
      '--pull=never',
      // Asked for below; by itself podman would want systemd for it.
      '--health-interval=disable',
      ...guards(container),
      ...mounts,
      IMAGE,
      ...(container.args ?? []),
    )
    for (;;) {
      if (await this.healthy()) return
      const state = await podman('inspect', '-f', '{{.State.Status}}', `${this.name}-sidecar`)
      if (state !== 'running') throw new Error(await this.log())
    }
  }

  /** What the image's own HEALTHCHECK says. */
  async healthy(): Promise<boolean> {
    const { code } = await run('podman', ['healthcheck', 'run', `${this.name}-sidecar`])
    return code === 0
  }

  /** From the start of the container to the line that says `ready`, in milliseconds. */
  async startedIn(): Promise<number> {
    const started = await podman(
      'inspect',
      '-f',
      '{{.State.StartedAt.UnixMilli}}',
      `${this.name}-sidecar`,
    )
    const [, ready = ''] = /"time":"?([^",]+)"?[^\n]*"msg":"ready"/.exec(await this.log()) ?? []
    const at = Number(ready) || Date.parse(ready)
    return at - Number(started)
  }

  /** Starts what the sidecar is for: a part of the demo, in the image that has them all. */
  async startApp(part: string, settings: object): Promise<void> {
    await this.run('app', guards(this.#app!), [
      'node',
      `/app/src/demo/${part}.js`,
      JSON.stringify(settings),
    ])
  }

  /**
   * Ends it as kubelet does: the hooks of all containers at once, then SIGTERM to the module, and last to
   * the sidecar. Resolves to the sidecar's exit code.
   */
  async stop(): Promise<string> {
    const leave = hookOf(this.#sidecar!).exec?.command ?? []
    const { code, out, err } = await this.inSidecar(...leave)
    if (code !== 0) throw new Error(`${leave.join(' ')}: ${out}${err}`)
    await sleep((hookOf(this.#app!).sleep?.seconds ?? 0) * 1000)
    await podman('stop', '-t', '2', `${this.name}-app`)
    await podman('stop', '-t', '40', `${this.name}-sidecar`)
    return podman('inspect', '-f', '{{.State.ExitCode}}', `${this.name}-sidecar`)
  }

  /** Another container of this pod. Its standard input stays open. */
  async run(name: string, flags: readonly string[], command: readonly string[]): Promise<void> {
    const [entry = '', ...args] = command
    await podman(
      'run',
      '-d',
      '-i',
      '--pod',
      this.name,
      '--name',
      `${this.name}-${name}`,
      '--pull=never',
      '--no-healthcheck',
      '--entrypoint',
      entry,
      ...flags,
      IMAGE,
      ...args,
    )
  }

  /** Runs a program beside the others, as user 1000 without capabilities unless `flags` say more. */
  once(flags: readonly string[], ...command: readonly string[]) {
    const [entry = '', ...args] = command
    const fixed = ['--rm', '--pod', this.name, '--pull=never', '--no-healthcheck']
    return run('podman', ['run', ...fixed, ...flags, '--entrypoint', entry, IMAGE, ...args])
  }

  inSidecar(...command: readonly string[]) {
    return run('podman', ['exec', `${this.name}-sidecar`, ...command])
  }

  inApp(script: string, ...args: readonly string[]) {
    const input = ['--input-type=module', '-e', script, ...args]
    return run('podman', ['exec', `${this.name}-app`, 'node', ...input])
  }

  async log(): Promise<string> {
    const { out, err } = await run('podman', ['logs', `${this.name}-sidecar`])
    return out + err
  }

  /** Asks its own loopback for a metric; the sum over its labels. */
  async metric(name: string): Promise<number> {
    const script =
      "process.stdout.write(await (await fetch('http://127.0.0.1:9901/metrics')).text())"
    const { out } = await this.inApp(script)
    const values = [...out.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))]
    return values.reduce((sum, [, value]) => sum + Number(value), 0)
  }

  /** Its addresses on the network. */
  async addresses(): Promise<{ v4: string; v6: string }> {
    const infra = await podman('pod', 'inspect', '-f', '{{.InfraContainerID}}', this.name)
    const network = `(index .NetworkSettings.Networks "${NETWORK}")`
    const format = `{{${network}.IPAddress}} {{${network}.GlobalIPv6Address}}`
    const [v4 = '', v6 = ''] = (await podman('inspect', '-f', format, infra)).split(' ')
    return { v4, v6 }
  }

  /** Does what the chart's init container does. */
  async applyRules(): Promise<void> {
    const infra = await podman('pod', 'inspect', '-f', '{{.InfraContainerID}}', this.name)
    const netns = await podman('inspect', '-f', '{{.NetworkSettings.SandboxKey}}', infra)
    const file = join(this.directory, 'sidecar.nft')
    writeFileSync(file, this.rules)
    await must('nsenter', `--net=${netns}`, 'nft', '-f', file)
  }
}

interface Hook {
  readonly exec?: { readonly command: readonly string[] }
  readonly sleep?: { readonly seconds: number }
}

function hookOf({ lifecycle }: Container): Hook {
  return (lifecycle as { preStop?: Hook } | undefined)?.preStop ?? {}
}

/** The chart's words for what a container may do, in podman's. */
export function guards({ securityContext, resources }: Container): string[] {
  const { runAsUser, readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities } =
    securityContext
  const memory = resources?.limits?.memory
  return [
    '--user',
    `${runAsUser}:${runAsUser}`,
    ...capabilities.drop.map((name) => `--cap-drop=${name.toLowerCase()}`),
    ...(readOnlyRootFilesystem ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...(allowPrivilegeEscalation ? [] : ['--security-opt=no-new-privileges']),
    ...(memory === undefined ? [] : ['--memory', memory.replace('Mi', 'm')]),
  ]
}
