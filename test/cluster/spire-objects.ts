import { MODULE_IMAGE } from './images.ts'
import { namespace, TRUST_DOMAIN } from './modules.ts'
import { BRIDGE_ADDRESS } from './network.ts'
import { KUBERNETES, programPath } from './programs.ts'

// SPIRE as its own documentation installs it: a StatefulSet, a DaemonSet, what both may do, and their configurations.

const NAMESPACE = 'spire'
/** What the agent and the CSI driver of a node share. */
export const SOCKETS = '/run/spire/agent-sockets'
const SOCKET = 'spire-agent.sock'
const ANY = BRIDGE_ADDRESS.includes(':') ? '::' : '0.0.0.0'
/** Where Kubernetes puts the token of an account; SPIRE looks in /run, and not every image links the two. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
const HEALTH = { server: 8080, agent: 8082 }

function health(port: number): string {
  return `health_checks {
  listener_enabled = true
  bind_address = "${ANY}"
  bind_port = "${port}"
  live_path = "/live"
  ready_path = "/ready"
}
`
}

/** With the CA of `certs init` above its own, or with a root of its own. */
export function serverConfiguration(withUpstream: boolean): string {
  const upstream = `
  UpstreamAuthority "disk" {
    plugin_data {
      cert_file_path = "/run/spire/upstream/ca.crt"
      key_file_path = "/run/spire/upstream/ca.key"
    }
  }`
  return `server {
  bind_address = "${ANY}"
  bind_port = "8081"
  trust_domain = "${TRUST_DOMAIN}"
  data_dir = "/run/spire/data"
  log_level = "DEBUG"
}
plugins {
  DataStore "sql" {
    plugin_data {
      database_type = "sqlite3"
      connection_string = "/run/spire/data/datastore.sqlite3"
    }
  }
  KeyManager "disk" {
    plugin_data {
      keys_path = "/run/spire/data/keys.json"
    }
  }
  NodeAttestor "k8s_psat" {
    plugin_data {
      clusters = {
        "folio" = {
          service_account_allow_list = ["${NAMESPACE}:spire-agent"]
        }
      }
    }
  }
  Notifier "k8sbundle" {
    plugin_data {
    }
  }${withUpstream ? upstream : ''}
}
${health(HEALTH.server)}`
}

export function agentConfiguration(): string {
  return `agent {
  server_address = "spire-server.${NAMESPACE}.svc.cluster.local"
  server_port = "8081"
  socket_path = "${SOCKETS}/${SOCKET}"
  trust_bundle_path = "/run/spire/bundle/bundle.crt"
  trust_domain = "${TRUST_DOMAIN}"
  data_dir = "/run/spire/data"
  log_level = "DEBUG"
}
plugins {
  NodeAttestor "k8s_psat" {
    plugin_data {
      cluster = "folio"
    }
  }
  KeyManager "memory" {
    plugin_data {
    }
  }
  WorkloadAttestor "k8s" {
    plugin_data {
      kubelet_ca_path = "${ACCOUNT}/ca.crt"
      token_path = "${ACCOUNT}/token"
    }
  }
}
${health(HEALTH.agent)}`
}

/** What there is before the agents, and these. */
export function spireObjects(home: string): readonly [readonly object[], readonly object[]] {
  return [serverObjects(home), agentObjects()]
}

function named(name: string): { readonly name: string; readonly namespace: string } {
  return { name, namespace: NAMESPACE }
}

function account(name: string): object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: named(name) }
}

/** What an account may do, in the cluster or in its own namespace. */
function allowed(name: string, kind: 'Role' | 'ClusterRole', rules: readonly object[]): object[] {
  const metadata = kind === 'Role' ? named(name) : { name }
  const apiGroup = 'rbac.authorization.k8s.io'
  const about = { apiVersion: `${apiGroup}/v1`, metadata }
  const subjects = [{ kind: 'ServiceAccount', ...named(name) }]
  return [
    { ...about, kind, rules },
    { ...about, kind: `${kind}Binding`, roleRef: { apiGroup, kind, name }, subjects },
  ]
}

/** The program lies on the node; the image has what it is linked with. */
function container(part: 'server' | 'agent', mounts: readonly object[], more: object): object {
  const name = `spire-${part}`
  return {
    name,
    image: MODULE_IMAGE,
    command: [`/opt/spire/bin/${name}`],
    args: ['run', '-config', `/run/spire/config/${part}.conf`],
    securityContext: { runAsUser: 0, runAsGroup: 0 },
    readinessProbe: { httpGet: { path: '/ready', port: HEALTH[part] }, periodSeconds: 1 },
    volumeMounts: [
      { name: 'program', mountPath: `/opt/spire/bin/${name}`, readOnly: true },
      { name: 'config', mountPath: '/run/spire/config', readOnly: true },
      ...mounts,
    ],
    ...more,
  }
}

function volumesOf(part: 'server' | 'agent'): object[] {
  const name = `spire-${part}` as const
  return [
    { name: 'program', hostPath: { path: programPath(name), type: 'File' } },
    { name: 'config', configMap: { name } },
  ]
}

function serverObjects(home: string): readonly object[] {
  const labels = { app: 'spire-server' }
  // No kube-proxy, so nothing leads to the Service of the API server.
  const env = [
    { name: 'KUBERNETES_SERVICE_HOST', value: BRIDGE_ADDRESS },
    { name: 'KUBERNETES_SERVICE_PORT', value: '6443' },
  ]
  const mounts = [
    { name: 'data', mountPath: '/run/spire/data' },
    { name: 'upstream', mountPath: '/run/spire/upstream', readOnly: true },
  ]
  const spec = {
    serviceAccountName: 'spire-server',
    containers: [container('server', mounts, { env })],
    volumes: [
      ...volumesOf('server'),
      { name: 'data', hostPath: { path: `${home}/data` } },
      { name: 'upstream', hostPath: { path: `${home}/upstream` } },
    ],
  }
  return [
    namespace(NAMESPACE, 'privileged'),
    account('spire-server'),
    ...allowed('spire-server', 'ClusterRole', [
      { apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['get'] },
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    ]),
    ...allowed('spire-server', 'Role', [
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: ['spire-bundle'],
        verbs: ['get', 'patch'],
      },
    ]),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: named('spire-bundle') },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: named('spire-server'),
      spec: { clusterIP: 'None', selector: labels, ports: [{ port: 8081 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: named('spire-server'),
      spec: {
        serviceName: 'spire-server',
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec },
      },
    },
  ]
}

/** Since Kubernetes 1.33 a kubelet lets an account list its pods that may do nothing else there. */
function podsOfKubelet(): string {
  const [, minor = '0'] = KUBERNETES.split('.')
  return Number(minor) >= 33 ? 'nodes/pods' : 'nodes/proxy'
}

function agentObjects(): readonly object[] {
  const labels = { app: 'spire-agent' }
  const mounts = [
    { name: 'sockets', mountPath: SOCKETS },
    { name: 'bundle', mountPath: '/run/spire/bundle', readOnly: true },
    { name: 'token', mountPath: '/var/run/secrets/tokens', readOnly: true },
    { name: 'data', mountPath: '/run/spire/data' },
  ]
  const token = { path: 'spire-agent', expirationSeconds: 600, audience: 'spire-server' }
  const nodeName = { fieldRef: { fieldPath: 'spec.nodeName' } }
  const env = [{ name: 'MY_NODE_NAME', valueFrom: nodeName }]
  const spec = {
    serviceAccountName: 'spire-agent',
    hostPID: true,
    hostNetwork: true,
    dnsPolicy: 'ClusterFirstWithHostNet',
    // No name server knows the node.
    hostAliases: [{ ip: BRIDGE_ADDRESS, hostnames: ['node1'] }],
    containers: [container('agent', mounts, { env })],
    volumes: [
      ...volumesOf('agent'),
      { name: 'sockets', hostPath: { path: SOCKETS, type: 'DirectoryOrCreate' } },
      { name: 'bundle', configMap: { name: 'spire-bundle' } },
      { name: 'token', projected: { sources: [{ serviceAccountToken: token }] } },
      { name: 'data', emptyDir: {} },
    ],
  }
  return [
    account('spire-agent'),
    ...allowed('spire-agent', 'ClusterRole', [
      { apiGroups: [''], resources: [podsOfKubelet()], verbs: ['get'] },
    ]),
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: named('spire-agent'),
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
  ]
}
