import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { createAuthority } from '../pki/ca.ts'
import { EVERYBODY, type Member, MODULES, OKAPI, product, TRUST_DOMAIN } from './cast.ts'
import { type Child, start } from './child.ts'
import { DESCRIPTORS, partFile } from './files.ts'
import { TENANT } from './people.ts'
import { type Sidecar, startSidecars } from './sidecars.ts'

/** A small FOLIO that runs on loopback. */
export interface Town {
  readonly directory: string
  /** One folder of tls.crt, tls.key and ca.crt for everybody. */
  readonly certs: string
  readonly parts: ReadonlyMap<Member, Part>
  /** Empty when the town was opened without. */
  readonly sidecars: ReadonlyMap<Member, Sidecar>
  /** Where Okapi listens, plain. */
  readonly okapiUrl: string
  /** Stops every process and removes the files. */
  close(): Promise<void>
}

/** A module, or Okapi, with its plain port. */
export interface Part {
  readonly child: Child
  readonly port: number
}

/** Says what is being done, while it is done. */
export type Progress = (doing: string) => void

/**
 * Makes certificates, starts everybody, and enables the modules for the tenant through Okapi.
 * `sidecars: false` leaves them out, as FOLIO is today. Whatever fails, nothing is left behind.
 */
export async function openTown(
  { sidecars: wanted }: { sidecars: boolean },
  progress: Progress,
  signal?: AbortSignal,
): Promise<Town> {
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-demo-'))
  const children: Child[] = []
  let closing = false
  // One that is started while another has failed already must not be forgotten.
  const started = (child: Child) => {
    children.push(child)
    if (closing) void child.stop()
  }
  const close = async () => {
    closing = true
    await Promise.all(children.map((child) => child.stop()))
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const certs = join(directory, 'certs')
    progress('starting Okapi’s stand-in and four modules')
    const [parts] = await Promise.all([startParts(started), issueCertificates(certs)])
    const ports = new Map([...parts].map(([member, { port }]) => [member, port]))
    const descriptors = await ownDescriptors(join(directory, 'descriptors'))
    const plan = { directory, certs, descriptors, parts: ports }
    signal?.throwIfAborted()
    if (wanted) progress('starting a sidecar beside each of them')
    const sidecars = wanted ? await startSidecars(plan, started) : new Map<Member, Sidecar>()
    const okapiUrl = `http://127.0.0.1:${parts.get(OKAPI)!.port}`
    const town = { directory, certs, parts, sidecars, okapiUrl, close }
    signal?.throwIfAborted()
    progress('enabling the modules for the tenant')
    await enableModules(town)
    return town
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * A copy that only its owner may write, since no sidecar takes another: a checkout may have been made
 * under a umask that lets the group write (002, where every user has a group of their own).
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
  for (const member of EVERYBODY) {
    await authority.issue(member, { ips: ['127.0.0.1'], powerful: member === OKAPI })
  }
}

async function startParts(started: (child: Child) => void): Promise<Map<Member, Part>> {
  const parts = EVERYBODY.map(async (member) => {
    const file = partFile(member === OKAPI ? 'okapi-stand-in' : product(member))
    const child = start(member, file, [JSON.stringify({ descriptors: DESCRIPTORS })])
    started(child)
    const { port } = await child.line(({ msg }) => msg === 'ready')
    return [member, { child, port: Number(port) }] as const
  })
  return new Map(await Promise.all(parts))
}

/** What an operator does once: discovery, then install; both are Okapi's own administration. */
async function enableModules({ okapiUrl, parts, sidecars }: Omit<Town, 'close'>): Promise<void> {
  // The auth filter comes last, or enabling the others would already need its permissions.
  const order = [MODULES.users, MODULES.notes, MODULES.tags, MODULES.authtoken]
  for (const srvcId of order) {
    const door = sidecars.get(OKAPI)?.listening.modules
    const plain = `http://127.0.0.1:${parts.get(srvcId)!.port}`
    const url = door === undefined ? plain : `http://${door}/${srvcId}`
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
