// Writes helm/okapi-sidecar/values.schema.json, or the file that is named. `config` comes from the
// only source of the configuration; the rest is what the chart itself adds.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { databaseEntry } from '../src/config/database.ts'
import { kafka } from '../src/config/kafka.ts'
import { fileSchema } from '../src/config/schema.ts'

const HOME = new URL('../helm/okapi-sidecar/values.schema.json', import.meta.url)

const text = z.string()
const flag = z.boolean()
const port = z.int().min(1).max(65535)
const free = z.record(z.string(), z.unknown())
const list = z.array(z.unknown())
/** Helm says of a pattern that it does not match; the chart's own checks say what to write instead. */
const checked = (description: string) => z.string().meta({ description })
const duration = z.string().regex(/^([0-9]+(h|m|s))+$/)
const lifetime = checked('Hours, minutes, seconds: 24h')
const address = checked('An address or a network, IPv4 or IPv6: 10.1.2.0/24')

// A rule with a misspelt key is an empty one to Kubernetes, and lets everything pass.
const selector = z.looseObject({ matchLabels: free.optional(), matchExpressions: list.optional() })
const peer = z.strictObject({
  podSelector: selector.optional(),
  namespaceSelector: selector.optional(),
  ipBlock: z.strictObject({ cidr: address, except: z.array(address).optional() }).optional(),
})
// `sidecar.yaml` has a path where the chart has a Secret to mount.
const database = databaseEntry().extend({
  trust: z
    .strictObject({ secret: z.string().min(1), key: z.string().min(1).optional() })
    .optional(),
  to: z.array(peer).optional(),
})
// Empty: there is none.
const kafkaSection = kafka().extend({
  bootstrap: kafka().shape.bootstrap.optional(),
  trust: database.shape.trust,
  to: z.array(peer).optional(),
})
const ruled = z
  .array(
    z.strictObject({
      port: z.union([port, text]).optional(),
      endPort: port.optional(),
      protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
    }),
  )
  .optional()

const resources = z.looseObject({ limits: free, requests: free })

const workload = z.strictObject({
  image: text,
  pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
  replicas: z.int().min(0),
  port: z.int().min(0).max(65535),
  command: z.array(text),
  args: z.array(text),
  env: list,
  envFrom: list,
  resources: free,
  volumes: list,
  volumeMounts: list,
  podAnnotations: free,
  nodeSelector: free,
  tolerations: list,
  affinity: free,
  topologySpreadConstraints: list,
  priorityClassName: text,
  runAsUser: z.int().min(1),
  runAsGroup: z.int().min(1),
  readOnlyRootFilesystem: flag,
  probes: z.strictObject({ enabled: flag, startupSeconds: z.int().min(5) }),
  preStopSeconds: z.int().min(0).max(3600),
  terminationGracePeriodSeconds: z.int().min(0),
})

const certManager = z.strictObject({
  issuer: z.strictObject({ name: text, kind: text, group: text }),
  duration: lifetime,
  renewBefore: lifetime,
  privateKey: z.strictObject({ algorithm: z.enum(['ECDSA', 'RSA']), size: z.int().min(256) }),
  dnsNames: z.array(text),
  requestPolicy: z.strictObject({
    enabled: flag,
    serviceAccount: z.strictObject({ name: z.string().min(1), namespace: z.string().min(1) }),
  }),
})

const values = z.strictObject({
  module: checked('The id that Okapi knows: mod-users-19.7.0'),
  trustDomain: checked('A lower-case name: folio.example.org'),
  role: z.enum(['', 'module', 'okapi', 'edge']),
  mode: z.enum(['native', 'container']),
  image: z.strictObject({
    repository: z.string().min(1),
    tag: text,
    digest: z.string().regex(/^$|^sha256:[0-9a-f]{64}$/),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
  }),
  imagePullSecrets: list,
  credentials: z.strictObject({
    from: z.enum(['certManager', 'secret', 'spiffe']),
    certManager,
    secret: z.strictObject({ name: text }),
    spiffe: z.strictObject({ volume: free, socket: z.string().min(1) }),
    trust: z.strictObject({ configMap: text, key: z.string().min(1) }),
  }),
  policy: z.strictObject({ packed: text, configMap: text, consortia: text }),
  public: z.strictObject({
    enabled: flag,
    port,
    servicePort: z.int().min(0).max(65535),
    secret: text,
  }),
  hazelcast: z.strictObject({ enabled: flag, port }),
  postgres: z.array(database),
  kafka: kafkaSection,
  audit: z.strictObject({ volume: free, whenUnwritable: z.enum(['block', 'count']) }),
  migration: z.strictObject({
    enabled: flag,
    port,
    from: z.array(address),
    until: checked('A date: 2027-03-31'),
    why: text,
    peers: z.array(peer),
  }),
  ports: z.strictObject({ mtls: port, admin: port }),
  resources: resources.meta({
    description: 'Empty memory follows config.workers: 128Mi, and 64Mi for each further thread',
  }),
  workload,
  patch: z.strictObject({ deployment: text, container: text }),
  service: z.strictObject({
    enabled: flag,
    name: text,
    annotations: free,
    ipFamilyPolicy: z.enum(['', 'SingleStack', 'PreferDualStack', 'RequireDualStack']),
    ipFamilies: z.array(z.enum(['IPv4', 'IPv6'])).max(2),
  }),
  serviceAccount: z.strictObject({ create: flag, name: text }),
  networkPolicy: z.strictObject({
    enabled: flag,
    from: z.array(peer),
    adminFrom: z.array(peer),
    inward: z.array(z.strictObject({ ports: ruled, from: z.array(peer).optional() })),
    outward: z.array(z.strictObject({ ports: ruled, to: z.array(peer).optional() })),
    dnsTo: z.array(peer),
  }),
  nftables: z.strictObject({
    enabled: flag,
    image: text,
    inwardPorts: z.array(port),
    outward: z.array(z.strictObject({ address, ports: z.array(port).min(1) })),
    dns: z.array(address),
    resources,
  }),
  probe: z.strictObject({ resources }),
  podDisruptionBudget: z.strictObject({ enabled: flag, maxUnavailable: z.union([z.int(), text]) }),
  podMonitor: z.strictObject({ enabled: flag, interval: duration, labels: free }),
  prometheusRule: z.strictObject({
    enabled: flag,
    labels: free,
    certificateHours: z.int().min(1),
    revocationListHours: z.int().min(1),
    migrationDays: z.int().min(1),
  }),
  dashboard: z.strictObject({ enabled: flag, labels: free }),
  // Helm hands these to a chart that is another's dependency.
  global: free.optional(),
  enabled: flag.optional(),
})

interface Schema {
  readonly required?: unknown
  readonly $schema?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly [more: string]: unknown
}

/** What the chart itself says need not be said again: no key of a section is required. */
function relaxed({ required: _, $schema: __, properties, ...rest }: Schema): Schema {
  if (properties === undefined) return rest
  const entries = Object.entries(properties).map(([key, value]) => [key, relaxed(value)])
  return { ...rest, properties: Object.fromEntries(entries) }
}

const target = { io: 'input', target: 'draft-7' } as const
const config = relaxed(z.toJSONSchema(fileSchema(), target) as Schema)
const chart = relaxed(z.toJSONSchema(values, target) as Schema)
const properties = { ...chart.properties, config }
const schema = { $schema: 'http://json-schema.org/draft-07/schema#', ...chart, properties }
writeFileSync(process.argv[2] ?? fileURLToPath(HOME), `${JSON.stringify(schema, null, 2)}\n`)
