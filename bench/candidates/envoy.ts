import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROXY_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { CALLER, OKAPI, TRUST_DOMAIN } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import type { Site } from '../site/site.ts'
import type { Chain } from './candidate.ts'

export interface EnvoyOptions {
  /** False: HTTP/1.1 between the two, one call on a connection at a time. */
  readonly http2?: boolean
}

/**
 * Two Envoy as a service mesh runs them, one worker thread each: HTTP/2 over mutual TLS 1.3 between
 * them, the URI SAN of the peer checked on both sides, methods and paths by RBAC; no log.
 */
export async function envoy(
  site: Site,
  name: string,
  { http2 = true }: EnvoyOptions = {},
): Promise<Chain> {
  const [port, mutualPort] = [await freePort(), await freePort()]
  const ingress = await run(
    site,
    `${name}-ingress`,
    mutualPort,
    {
      codec_type: http2 ? 'HTTP2' : 'HTTP1',
      rules: openTo({ authenticated: { principal_name: { exact: spiffe(CALLER) } } }),
      transport_socket: accepting(site, http2),
    },
    cluster(site.backendPort, false),
  )
  const egress = await run(
    site,
    `${name}-egress`,
    port,
    { codec_type: 'HTTP1', rules: openTo({ any: true }) },
    { ...cluster(mutualPort, http2), transport_socket: calling(site, http2) },
  )
  return { candidate: name, port, mutualPort, egress, ingress }
}

/** What differs between the two listeners. */
interface Side {
  readonly codec_type: 'HTTP1' | 'HTTP2'
  readonly rules: object
  readonly transport_socket?: object
}

async function run(
  site: Site,
  name: string,
  port: number,
  { codec_type, rules, transport_socket }: Side,
  upstream: object,
): Promise<Measured> {
  const file = join(site.directory, `${name}.json`)
  const manager = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'proxy',
    codec_type,
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [ROUTE] }] },
    http_filters: [
      { name: 'rbac', typed_config: typed('filters.http.rbac.v3.RBAC', { rules }) },
      { name: 'router', typed_config: typed('filters.http.router.v3.Router', {}) },
    ],
  })
  const chain = { filters: [{ name: 'http', typed_config: manager }], transport_socket }
  const listener = { name: 'proxy', address: address(port), filter_chains: [chain] }
  const configuration = { static_resources: { listeners: [listener], clusters: [upstream] } }
  await writeFile(file, JSON.stringify(configuration))
  const command = [site.tools.envoy ?? 'envoy', '-c', file, '--concurrency', '1']
  return start({
    name,
    command: [...command, '--disable-hot-restart', '--log-level', 'error'],
    cpu: PROXY_CPU,
    port,
    errorFile: join(site.directory, `${name}.log`),
  })
}

// As long as an answer takes: none of the candidates has such a limit here.
const ROUTE = { match: { prefix: '/' }, route: { cluster: 'upstream', timeout: '0s' } }

/** RBAC: these callers, with the methods and paths that are open to them; no others. */
function openTo(principal: object): object {
  const method = { name: ':method', string_match: { safe_regex: { regex: 'GET|POST' } } }
  const permission = {
    and_rules: {
      rules: [{ header: method }, { url_path: { path: { prefix: '/items' } } }],
    },
  }
  return {
    action: 'ALLOW',
    policies: { items: { permissions: [permission], principals: [principal] } },
  }
}

/** As many at once as the others may have. */
const UNLIMITED = { max_connections: 8192, max_pending_requests: 8192, max_requests: 8192 }

function cluster(port: number, http2: boolean): object {
  const endpoint = { endpoint: { address: address(port) } }
  const protocol = http2 ? { http2_protocol_options: {} } : { http_protocol_options: {} }
  return {
    name: 'upstream',
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: { thresholds: [UNLIMITED] },
    load_assignment: { cluster_name: 'upstream', endpoints: [{ lb_endpoints: [endpoint] }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
        'upstreams.http.v3.HttpProtocolOptions',
        { explicit_http_config: protocol },
      ),
    },
  }
}

function accepting(site: Site, http2: boolean): object {
  const context = typed('transport_sockets.tls.v3.DownstreamTlsContext', {
    require_client_certificate: true,
    disable_stateless_session_resumption: true,
    disable_stateful_session_resumption: true,
    common_tls_context: tls(site, OKAPI, CALLER, http2),
  })
  return { name: 'tls', typed_config: context }
}

function calling(site: Site, http2: boolean): object {
  const context = typed('transport_sockets.tls.v3.UpstreamTlsContext', {
    sni: 'okapi',
    max_session_keys: 0,
    common_tls_context: tls(site, CALLER, OKAPI, http2),
  })
  return { name: 'tls', typed_config: context }
}

/** BoringSSL has no setting for the suites of TLS 1.3: with AES in hardware it takes AES-128-GCM. */
function tls({ certs }: Site, own: string, peer: string, http2: boolean): object {
  const at = (file: string) => ({ filename: `${certs}/${own}/${file}` })
  return {
    tls_params: {
      tls_minimum_protocol_version: 'TLSv1_3',
      tls_maximum_protocol_version: 'TLSv1_3',
    },
    alpn_protocols: [http2 ? 'h2' : 'http/1.1'],
    tls_certificates: [{ certificate_chain: at('tls.crt'), private_key: at('tls.key') }],
    validation_context: {
      trusted_ca: at('ca.crt'),
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: spiffe(peer) } }],
    },
  }
}

function spiffe(module: string): string {
  return `spiffe://${TRUST_DOMAIN}/module/${module}`
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

function typed(type: string, fields: object): object {
  return { '@type': `type.googleapis.com/envoy.extensions.${type}`, ...fields }
}
