import { isDeepStrictEqual } from 'node:util'
import { MODULE, OKAPI, type Values } from './render.ts'

/** What the chart can stand beside. */
export const ROLES: Readonly<Record<string, Values>> = {
  module: MODULE,
  okapi: OKAPI,
  edge: { ...MODULE, module: 'edge-oai-pmh-2.11.0', workload: { image: 'folioorg/edge:1' } },
}

/** Turned on one role alone. */
const ONLY: Readonly<Record<string, string>> = {
  Hazelcast: 'okapi',
  'a migration listener': 'okapi',
  'a public listener': 'okapi',
}

const OUTWARD = [
  { ports: [{ port: 5432, protocol: 'TCP' }], to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] },
  { ports: [{ port: 9092, protocol: 'TCP' }], to: [{ podSelector: { matchLabels: { a: 'b' } } }] },
]

/** Every value that changes what is rendered, turned from what it is by default. */
export const SWITCHES: Readonly<Record<string, Values>> = {
  'the image by digest': { image: { digest: `sha256:${'a'.repeat(64)}`, pullPolicy: 'Always' } },
  'secrets to pull with': { imagePullSecrets: [{ name: 'pull' }] },
  configuration: { config: { log: { level: 'debug' }, policy: { mode: 'report' } } },
  'a secret': { credentials: { from: 'secret', secret: { name: 'mod-users-19.7.0' } } },
  'a SPIFFE socket': { credentials: { from: 'spiffe' } },
  'another kind of SPIFFE socket': {
    credentials: {
      from: 'spiffe',
      spiffe: { volume: { csi: null, hostPath: { path: '/run/spire' } }, socket: 'agent.sock' },
    },
  },
  'roots of their own': { credentials: { trust: { configMap: 'folio-roots', key: 'roots.pem' } } },
  'an RSA key': { credentials: { certManager: { privateKey: { algorithm: 'RSA', size: 2048 } } } },
  'more names': { credentials: { certManager: { dnsNames: ['mod-users.example.org'] } } },
  'a policy for requests': { credentials: { certManager: { requestPolicy: { enabled: true } } } },
  'a policy that is there': { policy: { packed: '', configMap: 'packed' } },
  consortia: { policy: { packed: '{}', consortia: 'consortia: []\n' } },
  'more threads': { config: { workers: 3 } },
  'a public listener': { public: { enabled: true, secret: 'stripes-tls', servicePort: 443 } },
  'a migration listener': {
    migration: {
      enabled: true,
      port: 19131,
      from: ['10.244.0.0/16', 'fd00:10:244::/64'],
      until: '2027-03-31',
      why: 'the other modules move in March',
      peers: [{ podSelector: { matchLabels: { moved: 'not-yet' } } }],
    },
  },
  'an audit trail': {
    audit: { volume: { persistentVolumeClaim: { claimName: 'audit' } }, whenUnwritable: 'count' },
  },
  Hazelcast: { hazelcast: { enabled: true } },
  'other ports': { ports: { mtls: 18443, admin: 19901 } },
  'other resources': { resources: { limits: { cpu: 1, memory: '256Mi' } } },
  'no workload': { workload: { image: '' } },
  'no replica': { workload: { replicas: 0 } },
  'a number of pods that is left open': { workload: { replicas: null } },
  'a command': { workload: { command: ['java'], args: ['-jar', 'x.jar'] } },
  environment: {
    workload: {
      // The second one is what the chart sets for a module itself.
      env: [
        { name: 'JAVA_OPTIONS', value: '-XX:MaxRAMPercentage=75.0' },
        { name: 'OKAPI_URL', value: 'http://localhost:9130' },
      ],
      envFrom: [{ secretRef: { name: 'db' } }],
    },
  },
  'resources of the module': { workload: { resources: { limits: { memory: '512Mi' } } } },
  volumes: {
    workload: {
      volumes: [{ name: 'tmp', emptyDir: {} }],
      volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
      readOnlyRootFilesystem: true,
    },
  },
  'a place to run': {
    workload: {
      podAnnotations: { some: 'thing' },
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ operator: 'Exists' }],
      affinity: { podAntiAffinity: {} },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { 'okapi-sidecar/product': 'mod-users' } },
        },
      ],
      priorityClassName: 'high',
    },
  },
  'more time to end': { workload: { preStopSeconds: 20, terminationGracePeriodSeconds: 120 } },
  'no time to end': { workload: { preStopSeconds: 0 } },
  'no probes of the module': { workload: { probes: { enabled: false } } },
  'no Service': { service: { enabled: false } },
  'another Service': { service: { name: 'users-sidecar', annotations: { some: 'thing' } } },
  'a Service of both families': { service: { ipFamilyPolicy: 'PreferDualStack' } },
  'no account': { serviceAccount: { create: false, name: 'other' } },
  'no network policy': { networkPolicy: { enabled: false } },
  'a closer network policy': {
    networkPolicy: {
      from: [{ podSelector: {} }],
      adminFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }],
      inward: [{ ports: [{ port: 8081, protocol: 'TCP' }] }],
      outward: OUTWARD,
      dnsTo: [{ namespaceSelector: {} }],
    },
  },
  'two database servers': {
    postgres: [
      {
        listen: '127.0.0.1:5432',
        server: ['db.example.org:5432', '[fd00::5]:5433'],
        trust: { secret: 'db-ca', key: 'root.crt' },
        databases: ['folio'],
        to: [{ podSelector: { matchLabels: { app: 'postgres' } } }],
      },
      { listen: '127.0.0.1:5433', server: '10.1.2.3', databases: ['folio'], superuser: 'report' },
    ],
  },
  'brokers of Kafka': {
    kafka: {
      bootstrap: ['kafka-0.kafka:9093', '[fd00::6]:9093'],
      trust: { secret: 'kafka-ca', key: 'root.crt' },
      env: 'folio',
      knownRules: true,
      to: [{ podSelector: { matchLabels: { app: 'kafka' } } }],
    },
  },
  rules: {
    nftables: {
      enabled: true,
      image: 'nft:1',
      inwardPorts: [5701],
      outward: [{ address: 'fd00::/8', ports: [5432] }],
      dns: ['10.96.0.10'],
      resources: { limits: { cpu: 1 } },
    },
  },
  'resources of the probe': { probe: { resources: { limits: { cpu: 1 } } } },
  'a disruption budget': { podDisruptionBudget: { enabled: true } },
  'a pod monitor': { podMonitor: { enabled: true, labels: { release: 'prometheus' } } },
  alerts: { prometheusRule: { enabled: true, labels: { release: 'prometheus' } } },
  'a dashboard': { dashboard: { enabled: true } },
}

/** Each switch by itself and all that agree with each other, on every role. */
export function everyInstallation(): Record<string, Values> {
  const found: Record<string, Values> = {}
  for (const [role, values] of Object.entries(ROLES)) {
    found[role] = values
    let all = values
    for (const [name, more] of Object.entries(SWITCHES)) {
      if ((ONLY[name] ?? role) !== role) continue
      found[`${role}, ${name}`] = merged(values, more)
      const next = merged(all, more)
      if (isDeepStrictEqual(merged(next, all), next)) all = next
    }
    found[`${role}, all together`] = all
  }
  return found
}

/** `more` over `values`, key by key, as helm does it. */
export function merged(values: Values, more: Values): Values {
  const result: Record<string, unknown> = { ...values }
  for (const [key, value] of Object.entries(more)) {
    const before = result[key]
    result[key] = isMap(before) && isMap(value) ? merged(before, value) : value
  }
  return result
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
