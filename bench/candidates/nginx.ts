import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROXY_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { inDirectory, temporaryFiles } from '../site/backend.ts'
import { CALLER, OKAPI } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import type { Site } from '../site/site.ts'
import type { Chain } from './candidate.ts'

export interface NginxOptions {
  /** One line for each request, as long as ours, to the same nowhere. */
  readonly accessLog?: boolean
}

/**
 * Two nginx as an operator would set them up for the same purpose: keep-alive on every leg, methods
 * and paths from a list, the peer's name checked, no temporary files (they would make large bodies
 * dear, and us look good).
 */
export async function nginx(site: Site, name: string, options: NginxOptions = {}): Promise<Chain> {
  const [port, mutualPort] = [await freePort(), await freePort()]
  const ingress = await run(
    site,
    `${name}-ingress`,
    mutualPort,
    ingressServer(site, mutualPort),
    options,
  )
  const egress = await run(
    site,
    `${name}-egress`,
    port,
    egressServer(site, port, mutualPort),
    options,
  )
  return { candidate: name, port, mutualPort, egress, ingress }
}

async function run(
  site: Site,
  name: string,
  port: number,
  servers: string,
  { accessLog = false }: NginxOptions,
): Promise<Measured> {
  const home = join(site.directory, name)
  await mkdir(home, { recursive: true })
  const file = join(home, 'nginx.conf')
  await writeFile(file, `${inDirectory(home)}\nhttp { ${common(home, accessLog)}\n${servers}\n}`)
  return start({
    name,
    command: [site.tools.nginx, '-e', join(home, 'error.log'), '-c', file],
    cpu: PROXY_CPU,
    port,
    errorFile: join(home, 'error.log'),
  })
}

function common(home: string, accessLog: boolean): string {
  return `
    ${temporaryFiles(home)}
    ${accessLog ? LOG : 'access_log off;'}
    keepalive_requests 1000000000; keepalive_timeout 600; client_max_body_size 64m;
    map "$request_method:$uri" $closed { default 1; ~^(GET|POST):/items 0; }
    proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_request_buffering off; client_body_buffer_size 64k;
    proxy_max_temp_file_size 0; proxy_buffer_size 16k; proxy_buffers 8 32k;`
}

const LOG = `
    log_format json escape=json '{"level":"info","time":"$time_iso8601","msg":"exchange",'
      '"caller":"$ssl_client_s_dn","peer":"$remote_addr:$remote_port","method":"$request_method",'
      '"route":"$uri","status":$status,"tenant":"$http_x_okapi_tenant",'
      '"requestId":"$http_x_okapi_request_id","bytesIn":$request_length,"bytesOut":$bytes_sent,'
      '"connect":"$upstream_connect_time","firstByte":"$upstream_header_time","total":$request_time}';
    access_log /dev/null json buffer=64k flush=1s;`

function egressServer({ certs }: Site, port: number, mutualPort: number): string {
  return `
    upstream okapi { server 127.0.0.1:${mutualPort}; keepalive 512; keepalive_requests 1000000000; }
    server {
      listen 127.0.0.1:${port} backlog=4096;
      location / {
        if ($closed) { return 403; }
        proxy_pass https://okapi;
        # Where one is set none is inherited: without the second line no connection would be kept.
        proxy_set_header X-Forwarded-Client-Cert ""; proxy_set_header Connection "";
        proxy_ssl_certificate ${certs}/${CALLER}/tls.crt;
        proxy_ssl_certificate_key ${certs}/${CALLER}/tls.key;
        proxy_ssl_trusted_certificate ${certs}/${CALLER}/ca.crt;
        proxy_ssl_verify on; proxy_ssl_name okapi; proxy_ssl_server_name on;
        proxy_ssl_protocols TLSv1.3; proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        proxy_ssl_session_reuse off;
      }
    }`
}

function ingressServer({ certs, backendPort }: Site, mutualPort: number): string {
  return `
    map $ssl_client_s_dn $stranger { default 1; "CN=${CALLER}" 0; }
    upstream module { server 127.0.0.1:${backendPort}; keepalive 512; keepalive_requests 1000000000; }
    server {
      listen 127.0.0.1:${mutualPort} ssl backlog=4096;
      ssl_certificate ${certs}/${OKAPI}/tls.crt; ssl_certificate_key ${certs}/${OKAPI}/tls.key;
      ssl_client_certificate ${certs}/${OKAPI}/ca.crt; ssl_verify_client on; ssl_verify_depth 4;
      ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
      ssl_session_tickets off; ssl_session_cache off;
      location / {
        if ($closed) { return 403; }
        if ($stranger) { return 403; }
        proxy_pass http://module;
      }
    }`
}
