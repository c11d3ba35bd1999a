import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { OPERATORS } from '../helm/tools.ts'

/** Whose modules the other programs share. */
const NEWEST = '1.37.2'

/** The version of every part of Kubernetes. `CLUSTER_KUBERNETES=1.29.15` builds and tries another one. */
export const KUBERNETES = process.env['CLUSTER_KUBERNETES'] ?? NEWEST

/** Which containerd its nodes have: Debian's, or `CLUSTER_CONTAINERD=2`, which is built as Kubernetes is. */
export const CONTAINERD_2 = process.env['CLUSTER_CONTAINERD'] === '2'

/** Whether Kubernetes is 1.`minor` or newer. */
export function isSince(minor: number): boolean {
  return Number(KUBERNETES.split('.')[1]) >= minor
}

/** A program of the cluster: some lines of ours around the commands of a module. */
interface Program {
  /** `PATH@VERSION` of the module that it is made of; without one it needs none. */
  readonly module?: string
  /** It shares what is compiled with this Kubernetes: every module that both need has Kubernetes' version. */
  readonly likeKubernetes?: string
  /** It takes Kubernetes' versions where its module wants newer ones. */
  readonly notNewer?: boolean
  /** `PATH@VERSION` of what it wants older than Kubernetes has it. */
  readonly older?: string
  /** It runs where there is no C library. */
  readonly alone?: boolean
  /** The path of a module that only lets its own parts use some of its packages: it becomes a part of that. */
  readonly within?: string
  /** Not needed by default; what needs it is skipped without it. */
  readonly optional?: boolean
  /** What the linker writes into it: variable and value. */
  readonly says?: Readonly<Record<string, string>>
}

/** The parts of Kubernetes that are modules of their own have a version each. */
export function stagingOf(version: string): string {
  return `v0.${version.split('.').slice(1).join('.')}`
}

const CONTAINERD = 'github.com/containerd/containerd/v2'
const CONTAINERD_VERSION = '2.4.2'
const SPIRE = 'github.com/spiffe/spire@v1.13.3'

const SAYS = 'k8s.io/component-base/version'
const [MAJOR, MINOR] = KUBERNETES.split('.')

/** In the order in which they are built: the quick ones first, so that a mistake shows early. */
export const PROGRAMS = {
  pause: { alone: true },
  etcd: { module: 'go.etcd.io/etcd/server/v3@v3.7.0', likeKubernetes: NEWEST },
  kube: {
    module: `k8s.io/kubernetes@v${KUBERNETES}`,
    likeKubernetes: KUBERNETES,
    says: {
      [`${SAYS}.gitVersion`]: `v${KUBERNETES}`,
      [`${SAYS}.gitMajor`]: MAJOR!,
      [`${SAYS}.gitMinor`]: MINOR!,
    },
  },
  coredns: { module: 'github.com/coredns/coredns@v1.15.0', likeKubernetes: NEWEST },
  certmanager: {
    module: OPERATORS.certManager,
    likeKubernetes: NEWEST,
  },
  webhook: {
    module: OPERATORS.certManager,
    within: 'github.com/cert-manager/cert-manager',
    likeKubernetes: NEWEST,
    optional: true,
  },
  approver: {
    module: OPERATORS.approverPolicy,
    likeKubernetes: NEWEST,
    notNewer: true,
    optional: true,
  },
  netpol: {
    module: 'github.com/cloudnativelabs/kube-router/v2@v2.1.0',
    likeKubernetes: NEWEST,
    optional: true,
  },
  csi: {
    module: 'github.com/spiffe/spiffe-csi@v0.2.3',
    likeKubernetes: NEWEST,
    older: 'github.com/container-storage-interface/spec@v1.7.0',
    optional: true,
    says: { 'github.com/spiffe/spiffe-csi/internal/version.gitTag': '0.2.3' },
  },
  containerd: {
    module: `${CONTAINERD}@v${CONTAINERD_VERSION}`,
    likeKubernetes: NEWEST,
    optional: true,
    says: { [`${CONTAINERD}/version.Version`]: `v${CONTAINERD_VERSION}` },
  },
  shim: {
    module: `${CONTAINERD}@v${CONTAINERD_VERSION}`,
    likeKubernetes: NEWEST,
    optional: true,
    says: { [`${CONTAINERD}/version.Version`]: `v${CONTAINERD_VERSION}` },
  },
  'spire-agent': { module: SPIRE, optional: true },
  'spire-server': { module: SPIRE, optional: true },
} as const satisfies Readonly<Record<string, Program>>

export type ProgramName = keyof typeof PROGRAMS

/** Where `npm run cluster-tools` puts them, for every checkout of this user. */
export const CLUSTER_CACHE = join(homedir(), '.cache/okapi-sidecar/cluster')

/** The source of a program: one file, `main.go`. */
export function sourceOf(name: ProgramName): string {
  return join(import.meta.dirname, 'programs', name, 'main.go')
}

/** Where a program lies once it is built; another version or another line of ours is another file. */
export function programPath(name: ProgramName): string {
  const made = createHash('sha256').update(JSON.stringify(PROGRAMS[name]))
  const hash = made
    .update(readFileSync(sourceOf(name)))
    .digest('hex')
    .slice(0, 12)
  return join(CLUSTER_CACHE, `${name}-${hash}`)
}

/** Whether there is no cluster without it. */
export function isNeeded(name: ProgramName): boolean {
  const ofContainerd = name === 'containerd' || name === 'shim'
  return ofContainerd ? CONTAINERD_2 : !(PROGRAMS[name] as Program).optional
}

/** What `npm run cluster-tools` has not brought yet. */
export function notBuilt(): string[] {
  const names = (Object.keys(PROGRAMS) as ProgramName[]).filter(isNeeded)
  const files = [...names.map(programPath), ...definitionPaths()]
  return files.filter((path) => !existsSync(path)).map((path) => basename(path))
}

/** Why a test cannot be run that needs such programs besides, if it cannot. */
export function lacks(...names: readonly ProgramName[]): string | undefined {
  const lacking = names.filter((name) => !existsSync(programPath(name)))
  return lacking.length === 0 ? undefined : `npm run cluster-tools -- more has not made ${lacking}`
}

const CERT_MANAGER = 'deploy/crds'
const PROMETHEUS = 'example/prometheus-operator-crd/monitoring.coreos.com'

/** What the API server must know of the resources of operators: files of their modules. */
export const DEFINITIONS: Readonly<Record<string, readonly string[]>> = {
  [OPERATORS.certManager]: [
    `${CERT_MANAGER}/acme.cert-manager.io_challenges.yaml`,
    `${CERT_MANAGER}/acme.cert-manager.io_orders.yaml`,
    `${CERT_MANAGER}/cert-manager.io_certificaterequests.yaml`,
    `${CERT_MANAGER}/cert-manager.io_certificates.yaml`,
    `${CERT_MANAGER}/cert-manager.io_clusterissuers.yaml`,
    `${CERT_MANAGER}/cert-manager.io_issuers.yaml`,
  ],
  [OPERATORS.approverPolicy]: [
    'deploy/crds/policy.cert-manager.io_certificaterequestpolicies.yaml',
  ],
  [OPERATORS.prometheus]: [`${PROMETHEUS}_podmonitors.yaml`, `${PROMETHEUS}_prometheusrules.yaml`],
}

/** Where such a file lies once it is there. */
export function definitionPath(module: string, file: string): string {
  return join(CLUSTER_CACHE, 'definitions', `${module.split('@').at(-1)}-${basename(file)}`)
}

/** All of them. */
export function definitionPaths(): string[] {
  return Object.entries(DEFINITIONS).flatMap(([module, files]) => {
    return files.map((file) => definitionPath(module, file))
  })
}
