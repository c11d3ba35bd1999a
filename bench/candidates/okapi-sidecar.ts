import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PROXY_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { CALLER, OKAPI, TRUST_DOMAIN } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import type { Site } from '../site/site.ts'
import type { Chain } from './candidate.ts'

export interface Variant {
  /** A checkout of this project, or a bundle made of one; the bundle of this one when left out. */
  readonly checkout?: string
  /** Another Node that runs it; this one when left out. */
  readonly node?: string
  readonly accessLog?: boolean
  /** False: HTTP/1.1 between the two, as every other peer speaks it. */
  readonly link?: boolean
  readonly descriptors?: string
  /** More of the section `policy`. */
  readonly policy?: Readonly<Record<string, unknown>>
  /** The section `limits`. */
  readonly limits?: object
  /** Threads that serve; 1 when left out. */
  readonly workers?: number
  /** Where they may run; the CPU of proxies when left out. */
  readonly cpus?: string
}

/**
 * A module's egress sidecar and Okapi's ingress sidecar, as in production: both judge every request
 * against the descriptors, count it and log it. The log goes to /dev/null, for nginx as well.
 */
export async function okapiSidecar(
  site: Site,
  name: string,
  variant: Variant = {},
): Promise<Chain> {
  const mutualPort = await freePort()
  const ingress = await startIngress(site, name, mutualPort, variant)
  const { process: egress, port } = await startEgress(site, name, {
    ...variant,
    mutualPort,
    caller: CALLER,
  })
  return { candidate: name, port, mutualPort, egress, ingress }
}

/** Okapi's sidecar in front of the backend. */
export function startIngress(
  site: Site,
  name: string,
  port: number,
  variant: Variant,
): Promise<Measured> {
  const ingress = {
    listen: `127.0.0.1:${port}`,
    forward: `http://127.0.0.1:${site.backendPort}`,
  }
  return startSidecar(site, `${name}-ingress`, port, OKAPI, { ingress }, variant)
}

/** The sidecar of a module that calls. */
export async function startEgress(
  site: Site,
  name: string,
  options: Variant & { readonly mutualPort: number; readonly caller: string },
): Promise<{ process: Measured; port: number }> {
  const { mutualPort, caller } = options
  const port = await freePort()
  const egress = { listen: `127.0.0.1:${port}`, gateway: `https://127.0.0.1:${mutualPort}` }
  const process = await startSidecar(site, `${name}-egress`, port, caller, { egress }, options)
  return { process, port }
}

/** A sidecar with this leg; it is ready when `port` accepts. */
export async function startSidecar(
  site: Site,
  name: string,
  port: number,
  module: string,
  leg: object,
  {
    checkout = site.bundle,
    node,
    accessLog = true,
    link = true,
    descriptors = site.descriptors,
    policy = {},
    limits,
    workers,
    cpus,
  }: Variant,
): Promise<Measured> {
  const file = join(site.directory, `${name}.json`)
  const program = programOf(checkout, node)
  const keys = await policyKeys(program)
  const configuration = {
    module,
    trustDomain: TRUST_DOMAIN,
    credentials: { directory: join(site.certs, module) },
    ...leg,
    policy: {
      descriptors,
      ...(keys.has('withoutToken') && { withoutToken: 'any' }),
      ...policy,
    },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
    log: { access: accessLog },
    ...(link ? {} : { link }),
    ...(limits && { limits }),
    ...(workers === undefined ? {} : { workers }),
  }
  await writeFile(file, JSON.stringify(configuration, null, 2), { mode: 0o600 })
  return start({
    name,
    command: [...program, 'run', '-c', file],
    cpu: cpus ?? PROXY_CPU,
    port,
    errorFile: join(site.directory, `${name}.log`),
  })
}

const asked = new Map<string, Promise<ReadonlySet<string>>>()

/** The keys of `policy` that a version has: an older one refuses those that came later. */
function policyKeys(program: readonly string[]): Promise<ReadonlySet<string>> {
  const at = program.join(' ')
  const keys = asked.get(at) ?? askPolicyKeys(program)
  asked.set(at, keys)
  return keys
}

async function askPolicyKeys([command = '', ...argv]: readonly string[]) {
  const { stdout } = await promisify(execFile)(command, [...argv, 'check', '--schema'])
  return new Set(Object.keys(JSON.parse(stdout).properties.policy.properties))
}

/** As it is started from sources and as the image starts its bundle. */
export function programOf(checkout: string, node = process.execPath): readonly string[] {
  const bundle = join(checkout, 'main.js')
  return existsSync(bundle)
    ? [node, '--expose-gc', '--max-semi-space-size=1', bundle]
    : [join(checkout, 'bin/okapi-sidecar')]
}
