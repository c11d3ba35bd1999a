import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROXY_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { CALLER, OKAPI } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import type { Site } from '../site/site.ts'
import type { Chain } from './candidate.ts'

/** Two HAProxy, one thread each, with the same checks as nginx; no log. */
export async function haproxy(site: Site, name: string): Promise<Chain> {
  const [port, mutualPort] = [await freePort(), await freePort()]
  const ingress = await run(site, `${name}-ingress`, mutualPort, ingressSections(site, mutualPort))
  const egress = await run(site, `${name}-egress`, port, egressSections(site, port, mutualPort))
  return { candidate: name, port, mutualPort, egress, ingress }
}

async function run(site: Site, name: string, port: number, sections: string): Promise<Measured> {
  const file = join(site.directory, `${name}.cfg`)
  await writeFile(file, `${COMMON}${sections}`)
  return start({
    name,
    command: [site.tools.haproxy ?? 'haproxy', '-db', '-f', file],
    cpu: PROXY_CPU,
    port,
    errorFile: join(site.directory, `${name}.log`),
  })
}

const COMMON = `
global
  nbthread 1
  maxconn 8192
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  http-reuse always
`

function egressSections({ certs }: Site, port: number, mutualPort: number): string {
  return `
frontend module
  bind 127.0.0.1:${port} backlog 4096
  http-request deny unless { method GET POST } { path_beg /items }
  http-request del-header x-forwarded-client-cert
  default_backend okapi
backend okapi
  server okapi 127.0.0.1:${mutualPort} ssl crt ${certs}/${CALLER}/bundle.pem ca-file ${certs}/${CALLER}/ca.crt verify required verifyhost okapi sni str(okapi) ssl-min-ver TLSv1.3 pool-max-conn -1 no-ssl-reuse
`
}

function ingressSections({ certs, backendPort }: Site, mutualPort: number): string {
  return `
frontend peers
  bind 127.0.0.1:${mutualPort} backlog 4096 ssl crt ${certs}/${OKAPI}/bundle.pem ca-file ${certs}/${OKAPI}/ca.crt verify required ssl-min-ver TLSv1.3 no-tls-tickets alpn http/1.1
  http-request deny unless { method GET POST } { path_beg /items } { ssl_c_s_dn(cn) -m str ${CALLER} }
  default_backend module
backend module
  server module 127.0.0.1:${backendPort} pool-max-conn -1
`
}
