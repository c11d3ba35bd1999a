import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, processFile } from '../src/demo/child.ts'
import { NameServer } from '../test/support/name-server.ts'
import { accepts } from './asking.ts'
import { CLERK, DESCRIPTORS, LEDGER, OKAPI, TENANTS, TICK } from './call.ts'
import { Certificates } from './certificates.ts'
import { Hop } from './hop.ts'
import { Machine } from './machine.ts'
import type { Mode } from './mode.ts'
import { introduce } from './okapi.ts'
import { LIES } from './options.ts'
import { Program } from './program.ts'
import { Sidecars } from './sidecars.ts'
import { within } from './waits.ts'

const INSTANCE = new URL('./instance.ts', import.meta.url).pathname
/** Of whatever is closed in the end. */
const CLOSE_MS = 30_000
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
  readonly mode: Mode
  readonly machine: Machine
  readonly okapi: Program
  readonly okapiSidecar: Program
  readonly clerkSidecar: Program
  readonly instances: readonly Instance[]
  /** From the clerk's sidecar to Okapi's, and from that to Okapi. */
  readonly toOkapi: Hop
  readonly intoOkapi: Hop
  readonly names: NameServer
  readonly certificates: Certificates
  /** Where the clerk calls, and where Okapi does. */
  readonly entrance: number
  readonly modules: number
  /** What reached the clerk, which nothing is to do. */
  readonly astray: readonly string[]
  /** Where a wrong answer of the name server leads: another module's sidecar. */
  readonly wrongAddress: string
  readonly programs: readonly Program[]
  readonly sidecars: Sidecars
  readonly hops: readonly Hop[]
  /** The name of the called module leads to these. */
  tell(addresses: readonly string[]): void
  /** From now on a sidecar's clock is off by so much. */
  stepClock(sidecar: Program, seconds: number): void
  /** A policy that says the same in another file, or does not any more. */
  changePolicy(): void
  close(): Promise<void>
}

/** How a site is to be. */
export interface SiteOptions {
  readonly mode: Mode
  /** Each instance has one of the lies. */
  readonly lies: boolean
  /** Ledgers and logs are left. */
  readonly keep: boolean
  /** The program of the instances' sidecars, where it is not this checkout's. */
  readonly peers: string | undefined
}

/** Starts all of it and waits until it serves. */
export async function openSite(options: SiteOptions): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), 'okapi-sidecar-chaos-'))
  const closing: (() => unknown)[] = []
  const close = async () => {
    // Whatever fails, the rest is closed.
    for (const each of closing.toReversed()) {
      const closed = (async () => each())()
      await within(CLOSE_MS, `the end of ${each}`, closed).catch(console.error)
    }
    if (!options.keep) rmSync(directory, { recursive: true, force: true })
  }
  try {
    return await build(directory, options, closing, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function build(
  directory: string,
  { mode, lies, keep, peers }: SiteOptions,
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
  const certificates = await Certificates.make()
  const [entrance, modules, okapiPort, clerkTls, okapiTls, toOkapi, intoOkapi, shared, ...more] =
    (await freePorts(8 + 2 * 2 + INSTANCES.length * 4)) as [
      ...[number, number, number, number, number, number, number, number],
      ...number[],
    ]
  const port = () => more.pop()!
  const making = { directory, descriptors, machine, certificates, mode, port }
  const sidecars = new Sidecars(making)
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
      sidecar: await sidecars.make(
        LEDGER,
        `ledger-${number}`,
        { ingress: { listen: `127.0.0.1:${tls}`, forward: `http://${address}:${plain}` } },
        peers,
      ),
    })
  }
  const hops = [
    await hop("the clerk's sidecar to Okapi's", '127.0.1.4', toOkapi, okapiTls),
    await hop("Okapi's sidecar to Okapi", '127.0.1.4', intoOkapi, okapiPort),
    await hop('nowhere', wrongAddress, shared, clerkTls),
  ] as const
  const okapiSidecar = await sidecars.make(OKAPI, 'okapi', {
    ingress: { listen: `127.0.0.1:${okapiTls}`, forward: `http://127.0.1.4:${intoOkapi}` },
    egress: {
      modules: {
        listen: `127.0.0.1:${modules}`,
        address: {
          [CLERK]: `https://127.0.0.1:${clerkTls}`,
          [LEDGER]: machine.hasNames
            ? `https://${NAME.ledger}:${shared}`
            : instances.map(({ address }) => `https://${address}:${shared}`),
        },
      },
    },
  })
  const clerkSidecar = await sidecars.make(CLERK, 'clerk', {
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

  const programs = [...instances.map(({ module }) => module), okapi, ...sidecars.all]
  closing.push(() => Promise.all(programs.map((program) => program.kill())))
  await Promise.all(programs.map((program) => program.start()))

  let changes = 0
  return {
    ...{
      directory,
      mode,
      machine,
      okapi,
      okapiSidecar,
      clerkSidecar,
      instances,
      names,
      entrance,
      modules,
    },
    ...{ astray, wrongAddress, programs, sidecars, certificates, tell, close },
    toOkapi: hops[0],
    intoOkapi: hops[1],
    hops: [...instances.flatMap(({ outer, inner }) => [outer, inner]), hops[0], hops[1]],
    stepClock: (sidecar, seconds) => machine.stepClock(sidecar.name, seconds),
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
    // What Okapi asks by itself.
    if (request.url !== TICK) astray.push(`${request.method} ${request.url}`)
    response.end('here is the clerk')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
