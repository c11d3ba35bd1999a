import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { createAuthority } from '../pki/ca.ts'
import { type Child, DESCRIPTORS, processFile, startChild } from './child.ts'
import { type DemoDatabase, startDatabase } from './database.ts'
import { MEMBERS, type Member, MODULES, OKAPI, product, TENANT, TRUST_DOMAIN } from './members.ts'
import { type DemoSidecar, startSidecars } from './sidecars.ts'

/** A small FOLIO that runs on loopback, each member in its own process. */
export interface DemoCluster {
  readonly directory: string
  /** One folder of tls.crt, tls.key and ca.crt for each member. */
  readonly certs: string
  readonly processes: ReadonlyMap<Member, DemoProcess>
  /** Empty if it was started without sidecars. */
  readonly sidecars: ReadonlyMap<Member, DemoSidecar>
  /** Where Okapi listens, plain. */
  readonly okapiUrl: string
  /** A PostgreSQL, if requested. */
  readonly database?: DemoDatabase
  /** Stops every process and removes the files. */
  close(): Promise<void>
}

/** A module, or Okapi, with its plain port. */
export interface DemoProcess {
  readonly child: Child
  readonly port: number
}

/** Reports progress. */
export type ReportProgress = (doing: string) => void

/**
 * Makes certificates, starts every member, and enables the modules for the tenant through Okapi.
 * `sidecars: false` leaves them out, as in FOLIO today; `postgres` is the directory of the programs of a database.
 * If anything fails, nothing is left behind.
 */
export async function startCluster(
  { sidecars: withSidecars, postgres }: { sidecars: boolean; postgres?: string },
  progress: ReportProgress,
  signal?: AbortSignal,
): Promise<DemoCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-demo-'))
  const children: Child[] = []
  let database: DemoDatabase | undefined
  let closing = false
  // One that is being started when another has already failed must be stopped too.
  const started = (child: Child) => {
    children.push(child)
    if (closing) void child.stop()
  }
  const close = async () => {
    closing = true
    await Promise.all(children.map((child) => child.stop()))
    await database?.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const certs = join(directory, 'certs')
    progress('starting Okapi’s stand-in and four modules')
    const [processes] = await Promise.all([startProcesses(started), issueCertificates(certs)])
    const ports = new Map([...processes].map(([member, { port }]) => [member, port]))
    const descriptors = await ownDescriptors(join(directory, 'descriptors'))
    signal?.throwIfAborted()
    if (postgres !== undefined) {
      progress('starting PostgreSQL')
      database = await startDatabase(postgres, certs)
      signal?.throwIfAborted()
    }
    const plan = { directory, certs, descriptors, ports, database: database?.port }
    if (withSidecars) progress('starting a sidecar beside each of them')
    const sidecars = withSidecars
      ? await startSidecars(plan, started)
      : new Map<Member, DemoSidecar>()
    const okapiUrl = `http://127.0.0.1:${processes.get(OKAPI)!.port}`
    const cluster = {
      directory,
      certs,
      processes,
      sidecars,
      okapiUrl,
      close,
      ...(database && { database }),
    }
    signal?.throwIfAborted()
    progress('enabling the modules for the tenant')
    await enableModules(cluster)
    return cluster
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * A copy that only its owner may write, because sidecars accept no other: a checkout may have been made
 * with a umask that lets the group write (002, common where every user has a private group).
 */
async function ownDescriptors(to: string): Promise<string> {
  await mkdir(to, { mode: 0o700 })
  for (const name of await readdir(DESCRIPTORS)) {
    await writeFile(join(to, name), await readFile(join(DESCRIPTORS, name)), { mode: 0o600 })
  }
  return to
}

async function issueCertificates(certs: string): Promise<void> {
  const authority = await createAuthority(certs, { trustDomain: TRUST_DOMAIN })
  for (const member of MEMBERS) {
    await authority.issue(member, { ips: ['127.0.0.1'], powerful: member === OKAPI })
  }
}

async function startProcesses(started: (child: Child) => void): Promise<Map<Member, DemoProcess>> {
  const processes = MEMBERS.map(async (member) => {
    const file = processFile(member === OKAPI ? 'okapi-stand-in' : product(member))
    const child = startChild(member, file, [JSON.stringify({ descriptors: DESCRIPTORS })])
    started(child)
    const { port } = await child.line(({ msg }) => msg === 'ready')
    return [member, { child, port: Number(port) }] as const
  })
  return new Map(await Promise.all(processes))
}

/** What an operator does once: discovery, then install; both are Okapi's own administration. */
async function enableModules({
  okapiUrl,
  processes,
  sidecars,
}: Omit<DemoCluster, 'close'>): Promise<void> {
  // The auth filter comes last; otherwise enabling the others would already need its permissions.
  const order = [MODULES.users, MODULES.notes, MODULES.tags, MODULES.authtoken]
  for (const srvcId of order) {
    const modules = sidecars.get(OKAPI)?.listening.modules
    const plain = `http://127.0.0.1:${processes.get(srvcId)!.port}`
    const url = modules === undefined ? plain : `http://${modules}/${srvcId}`
    await post(`${okapiUrl}/_/discovery/modules`, { srvcId, instId: srvcId, url })
    await post(`${okapiUrl}/_/proxy/tenants/${TENANT}/modules`, { id: srvcId })
  }
}

async function post(url: string, json: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const { statusCode, body } = await request(url, {
    method: 'POST',
    headers,
    body: JSON.stringify(json),
  })
  const text = await body.text()
  if (statusCode !== 201)
    throw new Error(`POST ${url} ${JSON.stringify(json)}: ${statusCode} ${text}`)
}
