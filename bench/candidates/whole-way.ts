import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LOAD_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { inDirectory, temporaryFiles } from '../site/backend.ts'
import { CALLEE, CALLER, OKAPI } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import type { Site } from '../site/site.ts'
import { startSidecar, type Variant } from './okapi-sidecar.ts'

/** From a module through Okapi to another module. */
export interface WholeWay {
  readonly candidate: string
  /** Where the load goes in. */
  readonly port: number
  /** The caller's sidecar, Okapi's and the callee's: what is measured. */
  readonly sidecars: readonly Measured[]
  stop(): Promise<void>
}

/** Three sidecars; the callee's leads to the backend unless said otherwise. nginx stands for Okapi: it hands every header on, to the port of the callee. */
export async function wholeWay(
  site: Site,
  name: string,
  variant: Variant,
  callee: { readonly port?: number; readonly limits?: object } = {},
): Promise<WholeWay> {
  const ports = await Promise.all(Array.from({ length: 5 }, freePort))
  const [port = 0, mutualPort = 0, okapiPort = 0, modulesPort = 0, calleePort = 0] = ports
  const open = (module: string, at: number, leg: object) =>
    startSidecar(site, `${name}-${module}`, at, module, leg, variant)
  const listen = `127.0.0.1:${port}`
  const okapi = `http://127.0.0.1:${okapiPort}`
  const address = { [CALLEE]: `https://127.0.0.1:${calleePort}` }
  const started = [
    await open(CALLEE, calleePort, {
      ingress: {
        listen: `127.0.0.1:${calleePort}`,
        forward: `http://127.0.0.1:${callee.port ?? site.backendPort}`,
      },
      ...(callee.limits && { limits: callee.limits }),
    }),
    await open(OKAPI, mutualPort, {
      ingress: { listen: `127.0.0.1:${mutualPort}`, forward: okapi },
      egress: { modules: { listen: `127.0.0.1:${modulesPort}`, address } },
    }),
    await open(CALLER, port, {
      egress: { listen, gateway: `https://127.0.0.1:${mutualPort}` },
    }),
  ]
  const router = await startRouter(site, name, okapiPort, modulesPort)
  const stop = async () => {
    await Promise.all([...started, router].map((each) => each.stop()))
  }
  return { candidate: name, port, sidecars: started.toReversed(), stop }
}

/** Okapi, as far as it costs little: hands every request on to the port of the callee. */
export function startRouter(
  site: Site,
  name: string,
  port: number,
  modules: number,
): Promise<Measured> {
  return startNginx(
    site,
    `${name}-router`,
    port,
    `
    upstream modules { server 127.0.0.1:${modules}; keepalive 512; keepalive_requests 1000000000; }
    server {
      listen 127.0.0.1:${port} backlog=4096;
      location / { proxy_pass http://modules/${CALLEE}$request_uri; }
    }`,
  )
}

async function startNginx(
  { directory, tools }: Site,
  name: string,
  port: number,
  servers: string,
): Promise<Measured> {
  const home = join(directory, name)
  await mkdir(home, { recursive: true })
  const file = join(home, 'nginx.conf')
  await writeFile(
    file,
    `${inDirectory(home)}
    http {
      ${temporaryFiles(home)}
      access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
      proxy_http_version 1.1; proxy_set_header Connection "";
      ${servers}
    }`,
  )
  const errorFile = join(home, 'error.log')
  const command = [tools.nginx, '-e', errorFile, '-c', file]
  return start({ name, command, cpu: LOAD_CPU, port, errorFile })
}
