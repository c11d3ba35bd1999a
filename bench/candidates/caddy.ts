import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROXY_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { CALLER, OKAPI } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import type { Site } from '../site/site.ts'
import type { Chain } from './candidate.ts'

/** Two Caddy with the same checks as nginx, but for the peer's name: its authority is all it asks. */
export async function caddy(site: Site, name: string): Promise<Chain> {
  const [port, mutualPort] = [await freePort(), await freePort()]
  const ingress = await run(site, `${name}-ingress`, mutualPort, ingressOf(site, mutualPort))
  const egress = await run(site, `${name}-egress`, port, egressOf(site, port, mutualPort))
  return { candidate: name, port, mutualPort, egress, ingress }
}

async function run(site: Site, name: string, port: number, server: object): Promise<Measured> {
  const file = join(site.directory, `${name}.json`)
  const quiet = { default: { writer: { output: 'discard' } } }
  const configuration = {
    admin: { disabled: true },
    logging: { logs: quiet },
    apps: { http: { servers: { proxy: server } }, ...authority(site) },
  }
  await writeFile(file, JSON.stringify(configuration))
  return start({
    name,
    command: [site.tools.caddy ?? 'caddy', 'run', '--config', file],
    cpu: PROXY_CPU,
    port,
    errorFile: join(site.directory, `${name}.log`),
  })
}

function authority({ certs }: Site): object {
  const own = (name: string, tag: string) => ({
    certificate: `${certs}/${name}/tls.crt`,
    key: `${certs}/${name}/tls.key`,
    tags: [tag],
  })
  return { tls: { certificates: { load_files: [own(OKAPI, 'okapi'), own(CALLER, 'caller')] } } }
}

const KEEP_ALIVE = { max_idle_conns_per_host: 512, idle_timeout: '600s' }

function routes(upstream: object, address: string): object {
  const proxy = {
    handler: 'reverse_proxy',
    upstreams: [{ dial: address }],
    // With client certificates Caddy asks that Host be the name in the handshake.
    headers: { request: { set: { Host: ['okapi'] } } },
    transport: { protocol: 'http', keep_alive: KEEP_ALIVE, compression: false, ...upstream },
  }
  const open = { method: ['GET', 'POST'], path: ['/items', '/items/*'] }
  return {
    automatic_https: { disable: true },
    protocols: ['h1'],
    routes: [
      { match: [open], handle: [proxy] },
      { handle: [{ handler: 'static_response', status_code: 403 }] },
    ],
  }
}

function egressOf({ certs }: Site, port: number, mutualPort: number): object {
  const tls = {
    client_certificate_file: `${certs}/${CALLER}/tls.crt`,
    client_certificate_key_file: `${certs}/${CALLER}/tls.key`,
    root_ca_pem_files: [`${certs}/${CALLER}/ca.crt`],
    server_name: 'okapi',
  }
  return {
    listen: [`127.0.0.1:${port}`],
    ...routes({ tls, versions: ['1.1'] }, `127.0.0.1:${mutualPort}`),
  }
}

function ingressOf({ certs, backendPort }: Site, mutualPort: number): object {
  const policy = {
    certificate_selection: { any_tag: ['okapi'] },
    protocol_min: 'tls1.3',
    client_authentication: {
      mode: 'require_and_verify',
      trusted_ca_certs_pem_files: [`${certs}/${OKAPI}/ca.crt`],
    },
  }
  return {
    listen: [`127.0.0.1:${mutualPort}`],
    tls_connection_policies: [policy],
    ...routes({}, `127.0.0.1:${backendPort}`),
  }
}
