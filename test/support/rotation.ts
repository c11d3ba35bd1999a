import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { Agent, createServer, request, type Server } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import type { ExecutionContext } from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { PATIENCE_MS } from './patience.ts'
import { type Issued, makeCa, moduleNames, type Pair, type TestCa } from './pki.ts'
import { metricsOf } from './scenario/metrics.ts'
import { Sidecar } from './scenario/sidecar.ts'

// Two sidecars as processes, one beside a module and one beside Okapi, each with a folder of
// credentials that a test changes while requests run through both, in both directions.

export const USERS = 'mod-users-19.7.0'
export const OKAPI = 'okapi-7.2.0'
const DESCRIPTORS = new URL('../fixtures/descriptors/', import.meta.url).pathname
const MODES: Readonly<Record<string, number>> = { 'tls.key': 0o600 }

/** Copies the descriptors: a clone's own files may be writable for its group, which is refused. */
export function descriptorsIn(directory: string): string {
  const folder = join(directory, 'descriptors')
  mkdirSync(folder, { mode: 0o755 })
  for (const name of readdirSync(DESCRIPTORS)) {
    writeFileSync(join(folder, name), readFileSync(join(DESCRIPTORS, name)), { mode: 0o644 })
  }
  return folder
}

/** What a folder of credentials holds, by file name; undefined: no such file. */
export type Files = Readonly<Record<string, string | undefined>>

export function filesOf(leaf: Issued, roots: readonly Issued[], crls: readonly string[]): Files {
  return {
    'tls.key': leaf.keyPem,
    'tls.crt': leaf.chainPem,
    'ca.crt': roots.map(({ certPem }) => certPem).join(''),
    'ca.crl': crls.length === 0 ? undefined : crls.join(''),
  }
}

/** Writes as Kubernetes mounts a secret: a new folder, and one renaming of the link `..data`. */
export function mountSecret(directory: string, files: Files): void {
  const snapshot = `..${randomBytes(6).toString('hex')}`
  mkdirSync(join(directory, snapshot), { recursive: true })
  let before: string | undefined
  try {
    before = readlinkSync(join(directory, '..data'))
  } catch {
    before = undefined
  }
  for (const [name, text] of Object.entries(files)) {
    if (text === undefined) continue
    writeFileSync(join(directory, snapshot, name), text, { mode: MODES[name] ?? 0o644 })
    if (before === undefined) symlinkSync(join('..data', name), join(directory, name))
  }
  symlinkSync(snapshot, join(directory, '..data_tmp'))
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
  if (before !== undefined) rmSync(join(directory, before), { recursive: true })
}

/** Writes each file beside the old one and renames it into its place. */
export function replaceFiles(directory: string, files: Files): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name)
    if (text === undefined) {
      rmSync(path, { force: true })
      continue
    }
    writeFileSync(`${path}.new`, text, { mode: MODES[name] ?? 0o644 })
    renameSync(`${path}.new`, path)
  }
}

/** One sidecar whose credentials change. */
export class Rotating {
  readonly id: string
  readonly directory: string
  readonly write: (directory: string, files: Files) => void
  /** As of the last write. */
  leaf!: Issued
  files: Files = {}
  process!: Sidecar

  constructor(id: string, directory: string, write: Rotating['write']) {
    this.id = id
    this.directory = directory
    this.write = write
  }

  /** A leaf of this CA, with a key of its own or the one that is given. */
  issue(ca: TestCa, over: { key?: Pair; days?: number } = {}): Promise<Issued> {
    return ca.issue({ ...moduleNames(this.id), ip: ['127.0.0.1'], ...over })
  }

  /** Writes a change, nothing more. */
  put(leaf: Issued, roots: readonly Issued[], crls: readonly string[] = []): void {
    this.leaf = leaf
    this.files = filesOf(leaf, roots, crls)
    this.write(this.directory, this.files)
  }

  /** Generations that it has logged so far, including the first. */
  get generations(): number {
    return this.process.lines.filter(({ msg }) => msg === 'credentials loaded').length
  }

  /** Resolves when it has logged this generation. */
  async reached(generation: number): Promise<void> {
    await this.process.say(
      ({ msg, generation: each }) => msg === 'credentials loaded' && each === generation,
    )
  }

  /** How many refusals of credentials it has logged; the problems of the last one. */
  async refused(times: number): Promise<string> {
    const lines = await this.process.say(({ msg }) => msg === 'new credentials refused', times)
    const { problems } = lines.at(-1) ?? {}
    return JSON.stringify(problems)
  }

  /** The value of a series of its metrics, NaN where there is none. */
  async metric(series: string): Promise<number> {
    const line = (await metricsOf(this.process))
      .split('\n')
      .find((text) => text.startsWith(`${series} `))
    return line === undefined ? Number.NaN : Number(line.slice(series.length))
  }
}

/** The module's sidecar, Okapi's sidecar, and the servers behind them. */
export interface Two {
  readonly ca: TestCa
  readonly users: Rotating
  readonly okapi: Rotating
  readonly usersServer: Echo
  readonly okapiServer: Echo
  /** Plain, from the module to Okapi. */
  readonly out: URL
  /** Plain, from Okapi to the module. */
  readonly into: URL
}

/** Starts both; `more` replaces sections of both files. */
export async function startTwo(
  t: ExecutionContext,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Two> {
  const directory = mkdtempSync(join(tmpdir(), 'okapi-sidecar-rotation-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  descriptorsIn(directory)
  const ca = await makeCa(undefined, 'root1')
  const users = new Rotating(USERS, join(directory, 'users'), mountSecret)
  const okapi = new Rotating(OKAPI, join(directory, 'okapi'), replaceFiles)
  for (const each of [users, okapi]) each.put(await each.issue(ca), [ca])
  const [usersPort, okapiPort] = await freePorts(2)
  const [usersServer, okapiServer] = [await echo(t), await echo(t)]
  await start(t, users, directory, {
    ...more,
    ingress: { listen: `127.0.0.1:${usersPort}`, forward: usersServer.url },
    egress: { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${okapiPort}` },
  })
  await start(t, okapi, directory, {
    ...more,
    ingress: { listen: `127.0.0.1:${okapiPort}`, forward: okapiServer.url },
    egress: {
      modules: { listen: '127.0.0.1:0', address: { [USERS]: `https://127.0.0.1:${usersPort}` } },
    },
  })
  return {
    ca,
    users,
    okapi,
    usersServer,
    okapiServer,
    out: new URL(`http://127.0.0.1:${users.process.port('egress')}/users`),
    into: new URL(`http://127.0.0.1:${okapi.process.port('modules')}/${USERS}/users`),
  }
}

async function start(
  t: ExecutionContext,
  rotating: Rotating,
  directory: string,
  sections: Readonly<Record<string, unknown>>,
): Promise<void> {
  const file = join(directory, `${rotating.id}.json`)
  const configuration = {
    module: rotating.id,
    trustDomain: 'folio.test',
    credentials: { directory: rotating.directory },
    policy: { descriptors: join(directory, 'descriptors'), withoutToken: 'any' },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
    log: { level: 'debug', access: false },
    ...sections,
  }
  writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
  rotating.process = await Sidecar.process(rotating.id, file)
  t.teardown(() => rotating.process.stop())
}

/** A plain server that gives back what it is sent; `hold` makes the next answers wait. */
export interface Echo {
  readonly url: string
  /** Holds the next request; resolves when it has arrived, to a function that releases it. */
  hold(): Promise<() => void>
}

async function echo(t: ExecutionContext): Promise<Echo> {
  const held: ((release: () => void) => void)[] = []
  const server: Server = createServer((incoming, response) => {
    const answer = () => {
      const length = incoming.headers['content-length']
      response.writeHead(200, { 'content-length': length ?? '2' })
      if (length === undefined) response.end('ok')
      else incoming.pipe(response)
    }
    const holder = held.shift()
    if (holder === undefined) answer()
    else holder(answer)
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: () => new Promise((resolve) => held.push(resolve)),
  }
}

/** The result of one request: its status, or why there was none. */
export interface Outcome {
  readonly status: number | string
  /** Serial number of the certificate that the other side showed, lower-case hex; '' when plain. */
  readonly serial: string
  readonly refused: string
}

/** How a client proves itself, when it speaks to a sidecar's own TLS port. */
export interface Proof {
  readonly leaf: Issued
  readonly ca: string
}

/** Sends requests over connections of its own. */
export class Client {
  readonly #url: URL
  readonly #agent: Agent
  readonly #proof: (() => Proof) | undefined

  /** `proof` is asked for each request; another one means another connection. */
  constructor(url: URL, proof?: () => Proof) {
    this.#url = url
    this.#proof = proof
    this.#agent =
      proof === undefined
        ? new Agent({ keepAlive: true })
        : new TlsAgent({ keepAlive: true, maxCachedSessions: 0 })
  }

  /** One request; with a body it must come back as it was sent. */
  ask(body?: Buffer): Promise<Outcome> {
    return new Promise((resolve) => {
      let serial = ''
      const lost = (why: string) => resolve({ status: why, serial, refused: '' })
      const options = {
        agent: this.#agent,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          'X-Okapi-Tenant': 'diku',
          ...(body && { 'content-length': String(body.length) }),
        },
      }
      const proof = this.#proof?.()
      const tls = proof && {
        key: proof.leaf.keyPem,
        cert: proof.leaf.chainPem,
        ca: proof.ca,
        checkServerIdentity: () => undefined,
      }
      const sent = tls ? tlsRequest(this.#url, { ...options, ...tls }) : request(this.#url, options)
      sent.on('error', (error) => lost(error.message))
      sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error('no answer, nor an end')))
      sent.on('response', (response) => {
        const { socket } = response
        if ('getPeerCertificate' in socket) {
          serial = (socket as TLSSocket).getPeerCertificate().serialNumber.toLowerCase()
        }
        const hash = createHash('sha256')
        response.on('error', (error) => lost(error.message))
        response.on('data', (bytes: Buffer) => hash.update(bytes))
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response
          const refused = String(headers['x-sidecar-refused'] ?? '')
          const wanted = createHash('sha256')
            .update(body ?? 'ok')
            .digest('hex')
          const whole = status !== 200 || hash.digest('hex') === wanted
          resolve({ status: whole ? status : 'not what was sent', serial, refused })
        })
      })
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** So many requests follow each other without a pause, */
const AT_ONCE = 4
/** then the connection is idle for so long: a change must be tested in both states. It also saves CPU. */
const IDLE_MS = 40

/** Requests that follow one another on several connections until they are stopped. */
export class Load {
  answered = 0
  /** Serial numbers of certificates that answered. */
  readonly serials = new Set<string>()
  /** What was no 200. */
  readonly lost: string[] = []
  #stopped = false
  readonly #workers: Promise<void>[]

  constructor(name: string, url: URL, workers: number, proof?: () => Proof) {
    const body = randomBytes(100_000)
    const run = async (worker: number) => {
      const client = new Client(url, proof)
      for (let turn = worker; !this.#stopped; turn++) {
        if (turn % AT_ONCE === 0) await pause(IDLE_MS)
        const outcome = await client.ask(turn % 10 === 0 ? body : undefined)
        if (outcome.status === 200) this.answered++
        else this.lost.push(`${name}: ${outcome.status} ${outcome.refused}`)
        if (outcome.serial !== '') this.serials.add(outcome.serial)
      }
      client.close()
    }
    this.#workers = Array.from({ length: workers }, (_, worker) => run(worker))
  }

  /** The running requests are finished. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#workers)
  }
}

/** The serial number of a certificate as Node shows it: lower-case hex. */
export function serialOf({ serial }: Issued): string {
  return Buffer.from(serial).toString('hex')
}
