import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments, stringify } from 'yaml'
import './tools.ts'

const run = promisify(execFile)

/** The chart in this repository. */
export const CHART = join(import.meta.dirname, '..', '..', 'helm', 'okapi-sidecar')

/** A folder for what the tests of one worker write: files of a suite share it, so none removes it before the end. */
export const PLACE = mkdtempSync(join(tmpdir(), 'sidecar-helm-'))

export type Values = Readonly<Record<string, unknown>>

export interface Container {
  readonly name: string
  readonly image: string
  readonly restartPolicy?: string
  readonly args?: readonly string[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly securityContext: {
    readonly runAsUser: number
    readonly runAsNonRoot: boolean
    readonly readOnlyRootFilesystem: boolean
    readonly allowPrivilegeEscalation: boolean
    readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] }
  }
  readonly volumeMounts?: readonly {
    readonly name: string
    readonly mountPath: string
    readonly readOnly?: boolean
  }[]
  readonly resources?: { readonly limits?: { readonly memory?: string } }
  readonly [more: string]: unknown
}

export interface PodSpec {
  readonly automountServiceAccountToken: boolean
  readonly enableServiceLinks: boolean
  readonly hostNetwork?: boolean
  readonly shareProcessNamespace?: boolean
  readonly securityContext: { readonly seccompProfile: { readonly type: string } }
  readonly initContainers?: readonly Container[]
  readonly containers: readonly Container[]
  readonly volumes?: readonly {
    readonly name: string
    readonly configMap?: { readonly name: string }
    readonly secret?: { readonly secretName: string }
  }[]
}

/** A Kubernetes object, as far as these tests look at it. */
export interface Thing {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: unknown
}

let files = 0

const rendered = new Map<string, Promise<Thing[]>>()

/** `helm template`, once for the same values in a file; rejects with what helm said. */
export async function render(values: Values, more: readonly string[] = []): Promise<Thing[]> {
  const what = JSON.stringify([values, more])
  const things = rendered.get(what) ?? renderChart(CHART, values, more)
  rendered.set(what, things)
  return structuredClone(await things)
}

export async function renderChart(
  chart: string,
  values: Values,
  more: readonly string[] = [],
): Promise<Thing[]> {
  const file = join(PLACE, `values-${files++}.yaml`)
  writeFileSync(file, stringify(values))
  const args = ['template', 'rel', chart, '-f', file, '--namespace', 'folio']
  const version = more.includes('--kube-version') ? [] : ['--kube-version', '1.32.0']
  const { stdout } = await run('helm', [...args, ...version, ...more], { maxBuffer: 2 ** 26 })
  return parseAllDocuments(stdout).flatMap((document): Thing[] => document.toJS() ?? [])
}

/**
 * What is rendered for each of these installations, as text and by name. They are dependencies of one
 * chart: a process of helm costs far more than what it renders.
 */
export async function renderMany(
  installations: Readonly<Record<string, Values>>,
  kubernetes: string,
  helm = 'helm',
): Promise<Record<string, string>> {
  const names = Object.keys(installations)
  const chart = join(PLACE, `many-${files++}`)
  mkdirSync(join(chart, 'charts'), { recursive: true })
  cpSync(CHART, join(chart, 'charts', 'okapi-sidecar'), { recursive: true })
  const dependencies = names.map((_, i) => ({
    name: 'okapi-sidecar',
    version: '*',
    alias: `number-${i}`,
  }))
  const about = { apiVersion: 'v2', name: 'many', version: '0.1.0', dependencies }
  writeFileSync(join(chart, 'Chart.yaml'), JSON.stringify(about))
  const values = join(PLACE, `values-${files++}.yaml`)
  const each = Object.values(installations).map((one, i) => [`number-${i}`, one])
  writeFileSync(values, JSON.stringify(Object.fromEntries(each)))
  const args = ['template', 'rel', chart, '-f', values, '--namespace', 'folio']
  const more = ['--kube-version', kubernetes, '--render-subchart-notes']
  const { stdout } = await run(helm, [...args, ...more], { maxBuffer: 2 ** 26 })
  const found: Record<string, string> = {}
  for (const document of stdout.split(/^---\n/m).slice(1)) {
    const number = /^# Source: many\/charts\/number-(\d+)\//.exec(document)?.[1]
    const name = names[Number(number)]
    if (name === undefined) throw new Error(`whose is this? ${document.slice(0, 200)}`)
    found[name] = `${found[name] ?? ''}---\n${document}`
  }
  return found
}

/** The one object of a kind, or of a kind and a name. */
export function only(things: readonly Thing[], kind: string, name?: string): Thing {
  const found = things.filter((thing) => {
    return thing.kind === kind && (name === undefined || thing.metadata.name === name)
  })
  const [thing] = found
  if (thing === undefined || found.length > 1) throw new Error(`${found.length} of ${kind} ${name}`)
  return thing
}

/** Of everything that makes pods. */
export function podSpecs(things: readonly Thing[]): PodSpec[] {
  return things.flatMap(({ kind, spec }) => {
    if (kind === 'Pod') return [spec as PodSpec]
    if (kind !== 'Deployment') return []
    return [(spec as { template: { spec: PodSpec } }).template.spec]
  })
}

/** The sidecar of a pod, wherever it stands. */
export function sidecarOf({ initContainers = [], containers }: PodSpec): Container {
  const all = [...initContainers, ...containers]
  const found = all.find(({ name }) => name === 'okapi-sidecar')
  if (found === undefined) throw new Error('no sidecar in this pod')
  return found
}

/** One module with its workload. */
export const MODULE = {
  module: 'mod-users-19.7.0',
  trustDomain: 'folio.example.org',
  policy: { packed: '{}' },
  credentials: { certManager: { issuer: { name: 'folio' } } },
  workload: { image: 'folioorg/mod-users:19.7.0' },
}

/** Okapi with its own. */
export const OKAPI = {
  ...MODULE,
  module: 'okapi-7.2.0',
  workload: { image: 'folioorg/okapi:7.2.0' },
}

/** Installations of every kind, each with what is to be told from the others. */
export const MATRIX: Readonly<Record<string, Values>> = {
  'a module': MODULE,
  'a module beside whose sidecar nothing of the chart runs': { ...MODULE, workload: {} },
  'a module, classic container': { ...MODULE, mode: 'container' },
  'a module with a secret': {
    ...MODULE,
    credentials: { from: 'secret', secret: { name: 'mod-users-19.7.0' } },
  },
  'a module with a SPIFFE socket': { ...MODULE, credentials: { from: 'spiffe' } },
  'a module with rules of its own': {
    ...MODULE,
    nftables: {
      enabled: true,
      image: 'nft:1',
      inwardPorts: [5701],
      outward: [
        { address: '10.1.2.0/24', ports: [5432, 9092] },
        { address: 'fd00::/8', ports: [5432] },
      ],
      dns: ['10.96.0.10', 'fd00::a'],
    },
  },
  'a module with a database': {
    ...MODULE,
    postgres: [
      {
        listen: '127.0.0.1:5432',
        server: 'db.example.org:5432',
        trust: { secret: 'db-ca' },
        clientCertificate: 'own',
        databases: ['folio'],
        roles: ['folio_users', '{tenant}_mod_users'],
        superuser: 'report',
        authentication: ['scram-sha-256', 'md5'],
      },
    ],
    nftables: { enabled: true, image: 'nft:1' },
  },
  'an edge module': {
    ...MODULE,
    module: 'edge-oai-pmh-2.11.0',
    workload: { image: 'folioorg/edge-oai-pmh:2.11.0' },
    networkPolicy: { inward: [{ ports: [{ port: 8081, protocol: 'TCP' }] }] },
  },
  Okapi: OKAPI,
  'Okapi with a public listener': { ...OKAPI, public: { enabled: true, secret: 'stripes-tls' } },
  'everything there is': {
    ...MODULE,
    imagePullSecrets: [{ name: 'pull' }],
    credentials: {
      certManager: {
        issuer: { name: 'folio' },
        dnsNames: ['mod-users.example.org'],
        requestPolicy: { enabled: true },
      },
    },
    config: {
      log: { level: 'debug' },
      policy: { mode: 'report' },
      egress: { gateway: 'https://o:1' },
    },
    workload: {
      image: 'folioorg/mod-users:19.7.0',
      replicas: 2,
      command: ['java'],
      args: ['-jar', 'x.jar'],
      env: [{ name: 'JAVA_OPTIONS', value: '-XX:MaxRAMPercentage=75.0' }],
      envFrom: [{ secretRef: { name: 'db' } }],
      resources: { limits: { memory: '512Mi' } },
      volumes: [{ name: 'tmp', emptyDir: {} }],
      volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
      podAnnotations: { some: 'thing' },
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ operator: 'Exists' }],
      affinity: { podAntiAffinity: {} },
    },
    networkPolicy: {
      from: [{ podSelector: {} }],
      adminFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }],
      outward: [
        { ports: [{ port: 5432, protocol: 'TCP' }], to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] },
      ],
      dnsTo: [{ namespaceSelector: {} }],
    },
    podDisruptionBudget: { enabled: true },
    podMonitor: { enabled: true, labels: { release: 'prometheus' } },
    prometheusRule: { enabled: true },
    dashboard: { enabled: true },
  },
}
