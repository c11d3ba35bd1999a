import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, processFile } from '../src/demo/child.ts'
import { NameServer } from '../test/support/name-server.ts'
import { makeCa, moduleNames } from '../test/support/pki.ts'
import { MAIN } from '../test/support/program.ts'
import { filesOf, mountSecret } from '../test/support/rotation.ts'
import { CLERK, DESCRIPTORS, LEDGER, OKAPI, TENANTS } from './call.ts'
import { Hop } from './hop.ts'
import { Machine } from './machine.ts'
import { introduce } from './okapi.ts'
import { LIES } from './options.ts'
import { accepts, Program } from './program.ts'

const INSTANCE = new URL('./instance.ts', import.meta.url).pathname
const OPENSSL_CONF = new URL('../openssl.cnf', import.meta.url).pathname

/** Times are short, so that what is given up is given up within a run. */
const LIMITS = {
  ...{ connectMs: 5000, connectWaitMs: 15_000 },
  ...{ responseHeadMs: 30_000, responseIdleMs: 15_000, bodyIdleMs: 15_000 },
  ...{ calleeReadIdleMs: 15_000, callerReadIdleMs: 15_000, halfCloseMs: 5000 },
  ...{ idleMs: 8000, drainTimeoutMs: 15_000 },
}
const DAY_MS = 86_400_000
/** Clocks may step by less than this, and every certificate stays valid. */
const VALID_DAYS = 2
const NAME = { okapi: 'okapi.test', ledger: 'ledger.test' }
const INSTANCES = [1, 2, 3]

/** An instance of the called module: the module, its sidecar, and the networks before both. */
export interface Instance {
  /** What the module's name leads to. */
  readonly address: string
  readonly module: Program
  readonly sidecar: Program
  /** Between Okapi's sidecar and this one. */
  readonly outer: Hop
  /** Between the sidecar and its module. */
  readonly inner: Hop
  readonly ledger: string
}

/** Every process, and every network between them. */
export interface Site {
  readonly directory: string
  readonly machine: Machine
  readonly okapi: Program
  readonly okapiSidecar: Program
  readonly clerkSidecar: Program
  readonly instances: readonly Instance[]
  /** From the clerk's sidecar to Okapi's, and from that to Okapi. */
  readonly toOkapi: Hop
  readonly intoOkapi: Hop
  readonly names: NameServer
  /** Where the clerk calls. */
  readonly entrance: number
  /** What reached the clerk, which nothing is to do. */
  readonly astray: readonly string[]
  /** Where a wrong answer of the name server leads: another module's sidecar. */
  readonly wrongAddress: string
  readonly programs: readonly Program[]
  readonly sidecars: readonly Program[]
  readonly hops: readonly Hop[]
  /** The name of the called module leads to these. */
  tell(addresses: readonly string[]): void
  /** A figure of a sidecar's metrics, NaN where there is none. */
  metric(sidecar: Program, series: string): Promise<number>
  /** From now on a sidecar's clock is off by so much. */
  stepClock(sidecar: Program, seconds: number): void
  /** Certificates, all new. */
  rotate(): Promise<void>
  /** A policy that says the same in another file, or does not any more. */
  changePolicy(): void
  close(): Promise<void>
}

/** Starts all of it and waits until it serves. */
export async function openSite(lies: boolean, keep: boolean): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), 'okapi-sidecar-chaos-'))
  const closing: (() => unknown)[] = []
  const close = async () => {
    // Whatever fails, the rest is closed.
    for (const each of closing.toReversed()) await (async () => each())().catch(console.error)
    if (!keep) rmSync(directory, { recursive: true, force: true })
  }
  try {
    return await build(directory, lies, keep, closing, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function build(
  directory: string,
  lies: boolean,
  keep: boolean,
  closing: (() => unknown)[],
  close: () => Promise<void>,
): Promise<Site> {
  const names = await NameServer.start()
  closing.push(() => names.close())
  const machine = new Machine(directory, names.port)
  closing.push(() => machine.close(keep))
  const astray: string[] = []
  const clerk = await trap(astray)
  closing.push(() => clerk.close().closeAllConnections())

  const descriptors = join(directory, 'descriptors')
  mkdirSync(descriptors, { mode: 0o755 })
  for (const descriptor of DESCRIPTORS) {
    const path = join(descriptors, `${descriptor.id}.json`)
    writeFileSync(path, JSON.stringify(descriptor), { mode: 0o644 })
  }
  const ca = await makeCa(undefined, 'chaos', { notBefore: new Date(Date.now() - 30 * DAY_MS) })
  const certified: [string, string][] = []
  const certify = async (id: string, folder: string) => {
    const [notBefore, notAfter] = [-1, 1].map(
      (way) => new Date(Date.now() + way * VALID_DAYS * DAY_MS),
    )
    const leaf = await ca.issue({ ...moduleNames(id), notBefore: notBefore!, notAfter: notAfter! })
    mountSecret(folder, filesOf(leaf, [ca], []))
  }

  const admin = new Map<string, number>()
  const [entrance, modules, okapiPort, clerkTls, okapiTls, toOkapi, intoOkapi, shared, ...more] =
    (await freePorts(8 + 5 + INSTANCES.length * 3)) as [
      ...[number, number, number, number, number, number, number, number],
      ...number[],
    ]
  const port = () => more.pop()!
  const sidecar = async (id: string, name: string, sections: Readonly<Record<string, unknown>>) => {
    const credentials = join(directory, `${name}-certs`)
    mkdirSync(credentials, { mode: 0o700 })
    certified.push([id, credentials])
    await certify(id, credentials)
    const adminPort = port()
    admin.set(`${name}'s sidecar`, adminPort)
    const configuration = {
      module: id,
      trustDomain: 'folio.test',
      credentials: { directory: credentials },
      policy: {
        descriptors,
        withoutToken: 'any',
        caller: 'enforce',
        tenantsOf: [{ caller: CLERK, tenants: TENANTS, why: 'chaos' }],
      },
      admin: { listen: `127.0.0.1:${adminPort}` },
      status: { listen: '127.0.0.1:0' },
      log: { access: process.env['CHAOS_ACCESS'] === '1' },
      limits: LIMITS,
      ...sections,
    }
    const file = join(directory, `${name}.json`)
    writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
    return new Program({
      name: `${name}'s sidecar`,
      args: [MAIN, 'run', '-c', file],
      env: { OPENSSL_CONF, ...machine.clockOf(`${name}'s sidecar`) },
      log: join(machine.logs, `${name}.log`),
      ready: () => answers(`http://127.0.0.1:${adminPort}/ready`),
    })
  }
  const hop = async (...about: Parameters<typeof Hop.open>) => {
    const made = await Hop.open(...about)
    closing.push(() => made.close())
    return made
  }

  const wrongAddress = '127.0.1.9'
  const instances: Instance[] = []
  for (const number of INSTANCES) {
    const [tls, plain] = [port(), port()]
    const address = `127.0.1.${number}`
    const name = `ledger ${number}`
    const ledger = join(directory, `ledger-${number}.jsonl`)
    const outer = await hop(`Okapi's sidecar to ${name}`, address, shared, tls)
    const inner = await hop(`${name}'s sidecar to its module`, address, plain, plain)
    const settings = { port: plain, ledger, ...(lies && { lie: LIES[number - 1] }) }
    instances.push({
      address,
      ledger,
      outer,
      inner,
      module: new Program({
        name,
        args: [INSTANCE, JSON.stringify(settings)],
        log: join(directory, `module-${number}.log`),
        ready: () => accepts(plain),
      }),
      sidecar: await sidecar(LEDGER, `ledger-${number}`, {
        ingress: {
          listen: `127.0.0.1:${tls}`,
          forward: `http://${address}:${plain}`,
        },
      }),
    })
  }
  const hops = [
    await hop("the clerk's sidecar to Okapi's", '127.0.1.4', toOkapi, okapiTls),
    await hop("Okapi's sidecar to Okapi", '127.0.1.4', intoOkapi, okapiPort),
    await hop('nowhere', wrongAddress, shared, clerkTls),
  ] as const
  const okapiSidecar = await sidecar(OKAPI, 'okapi', {
    ingress: { listen: `127.0.0.1:${okapiTls}`, forward: `http://127.0.1.4:${intoOkapi}` },
    egress: {
      modules: {
        listen: `127.0.0.1:${modules}`,
        address: {
          [LEDGER]: machine.hasNames
            ? `https://${NAME.ledger}:${shared}`
            : instances.map(({ address }) => `https://${address}:${shared}`),
        },
      },
    },
  })
  const clerkSidecar = await sidecar(CLERK, 'clerk', {
    ingress: {
      listen: `127.0.0.1:${clerkTls}`,
      forward: `http://127.0.0.1:${(clerk.address() as { port: number }).port}`,
    },
    egress: {
      listen: `127.0.0.1:${entrance}`,
      gateway: `https://${machine.hasNames ? NAME.okapi : '127.0.1.4'}:${toOkapi}`,
    },
  })
  const okapi = new Program({
    name: 'Okapi',
    args: [
      processFile('okapi-stand-in'),
      JSON.stringify({ port: okapiPort, descriptors, tenants: [...TENANTS], poolIdleMs: 4000 }),
    ],
    log: '/dev/null',
    ready: async () =>
      (await accepts(okapiPort)) && introduce(okapiPort, `http://127.0.0.1:${modules}/${LEDGER}`),
  })
  const tell = (addresses: readonly string[]) => {
    names.zones.set(NAME.ledger, { a: addresses, ttl: 1 })
    names.zones.set(NAME.okapi, { a: ['127.0.1.4'], ttl: 1 })
  }
  tell(instances.map(({ address }) => address))

  const sidecars = [clerkSidecar, okapiSidecar, ...instances.map((each) => each.sidecar)]
  const programs = [...instances.map(({ module }) => module), okapi, ...sidecars]
  closing.push(() => Promise.all(programs.map((program) => program.kill())))
  await Promise.all(programs.map((program) => program.start()))

  let changes = 0
  return {
    ...{ directory, machine, okapi, okapiSidecar, clerkSidecar, instances, names, entrance },
    ...{ astray, wrongAddress, programs, sidecars, tell, close },
    toOkapi: hops[0],
    intoOkapi: hops[1],
    hops: [...instances.flatMap(({ outer, inner }) => [outer, inner]), hops[0], hops[1]],
    metric: (sidecar, series) => metric(admin.get(sidecar.name)!, series),
    stepClock: (sidecar, seconds) => machine.stepClock(sidecar.name, seconds),
    rotate: async () => {
      for (const [id, folder] of certified) await certify(id, folder)
    },
    changePolicy: () => {
      const extra = join(descriptors, 'mod-other-1.0.0.json')
      if (changes++ % 2 === 1) rmSync(extra)
      else writeFileSync(extra, JSON.stringify({ id: 'mod-other-1.0.0' }), { mode: 0o644 })
    },
  }
}

/** Stands where the clerk itself would listen. */
async function trap(astray: string[]): Promise<Server> {
  const server = createServer((request, response) => {
    astray.push(`${request.method} ${request.url}`)
    response.end('here is the clerk')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) })
    await answer.arrayBuffer()
    return answer.status === 200
  } catch {
    return false
  }
}

async function metric(port: number, series: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  const lines = (await answer.text()).split('\n')
  return Number(
    lines.find((line) => line.startsWith(`${series} `))?.slice(series.length) ?? Number.NaN,
  )
}
