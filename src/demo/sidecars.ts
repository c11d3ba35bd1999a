import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Child, freePorts, MAIN, processFile, startChild } from './child.ts'
import { FOLIO_DATABASE, TAGS_ROLE } from './database.ts'
import { MEMBERS, type Member, MODULES, OKAPI, TRUST_DOMAIN } from './members.ts'

const EXIT_WITH_PARENT = ['--import', pathToFileURL(processFile('exit-with-parent')).href]

/** A running sidecar. */
export interface DemoSidecar {
  readonly child: Child
  /** The mutual TLS port. */
  readonly ingress: number
  /** `host:port` of each listener by name, from its ready line. */
  readonly listening: Listening
}

/** `host:port` of each listener. */
export interface Listening {
  readonly egress?: string
  readonly modules?: string
  readonly admin?: string
  readonly status?: string
  readonly postgres?: string
}

/** The paths and ports for the sidecars' files. */
export interface SidecarPlan {
  readonly directory: string
  readonly certs: string
  readonly descriptors: string
  /** The plain port of each member. */
  readonly ports: ReadonlyMap<Member, number>
  /** The port of a PostgreSQL for mod-tags, if there is one. */
  readonly database: number | undefined
}

/** Writes a configuration for each member, starts a sidecar beside each, and waits for all. */
export async function startSidecars(
  plan: SidecarPlan,
  started: (child: Child) => void,
): Promise<Map<Member, DemoSidecar>> {
  const ports = await freePorts(MEMBERS.length)
  const ingress = new Map(MEMBERS.map((member, i) => [member, ports[i]!]))
  const sidecars = MEMBERS.map(async (member) => {
    const file = join(plan.directory, `${member}.json`)
    const text = JSON.stringify(configuration(plan, member, ingress), null, 2)
    await writeFile(file, text, { mode: 0o600 })
    const child = startChild(
      `the sidecar of ${member}`,
      MAIN,
      ['run', '-c', file],
      EXIT_WITH_PARENT,
    )
    started(child)
    const ready = await child.line(({ msg }) => msg === 'ready')
    const listening = { ...(ready.listening as object) }
    return [member, { child, ingress: ingress.get(member)!, listening }] as const
  })
  return new Map(await Promise.all(sidecars))
}

/** The content of sidecar.yaml; JSON is YAML too. */
function configuration(plan: SidecarPlan, member: Member, ingress: ReadonlyMap<Member, number>) {
  return {
    module: member,
    trustDomain: TRUST_DOMAIN,
    credentials: { directory: join(plan.certs, member) },
    ingress: {
      listen: `127.0.0.1:${ingress.get(member)}`,
      forward: `http://127.0.0.1:${plan.ports.get(member)}`,
    },
    egress: member === OKAPI ? okapisEgress(ingress) : modulesEgress(ingress),
    policy: { descriptors: plan.descriptors },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
    limits: { connectWaitMs: 2000, drainTimeoutMs: 2000 },
    ...(member === MODULES.tags && plan.database !== undefined && database(plan.database)),
  }
}

/** In a pod this is 127.0.0.1:5432. */
function database(port: number) {
  const server = `127.0.0.1:${port}`
  const rules = { databases: [FOLIO_DATABASE], roles: [TAGS_ROLE] }
  return { postgres: { listen: '127.0.0.1:0', server, ...rules } }
}

/** In a pod this is 127.0.0.1:9130; here all share one loopback, so each has its own port. */
function modulesEgress(ingress: ReadonlyMap<Member, number>) {
  return { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${ingress.get(OKAPI)}` }
}

function okapisEgress(ingress: ReadonlyMap<Member, number>) {
  const modules = [...ingress].filter(([member]) => member !== OKAPI)
  const address = modules.map(([member, port]) => [member, `https://127.0.0.1:${port}`])
  return { modules: { listen: '127.0.0.1:0', address: Object.fromEntries(address) } }
}
