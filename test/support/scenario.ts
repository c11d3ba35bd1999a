import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CertificateAuthority, createAuthority } from '../../src/pki/ca.ts'
import { Cable } from './scenario/cable.ts'
import { Player } from './scenario/player.ts'
import { Sidecar } from './scenario/sidecar.ts'
import type { Where } from './scenario/talk.ts'

export { Cable } from './scenario/cable.ts'
export * from './scenario/messages.ts'
export { OK, Player, type Reply } from './scenario/player.ts'
export { type Line, Process } from './scenario/process.ts'
export { Sidecar } from './scenario/sidecar.ts'
export { ask, silence, Talk, type UnixSocket, type Where } from './scenario/talk.ts'
export { runTool, unless, withTool } from './scenario/tools.ts'

const FIXTURES = new URL('../fixtures/descriptors/', import.meta.url).pathname
const TRUST_DOMAIN = 'folio.test'

/** Modules of `test/fixtures/descriptors`, and Okapi. */
export const ID = {
  okapi: 'okapi-7.2.0',
  users: 'mod-users-19.7.0',
  notes: 'mod-notes-8.1.0',
  tags: 'mod-tags-3.1.0',
  authtoken: 'mod-authtoken-2.18.0',
  login: 'mod-login-7.14.0',
  saml: 'mod-login-saml-2.11.0',
  inventory: 'mod-inventory-22.1.0',
} as const

type Settings = Readonly<Record<string, unknown>>

/** A folder with a CA, descriptors and configuration files; gone when it is closed. */
export class Place {
  readonly directory: string
  readonly descriptors: string
  readonly #authority: CertificateAuthority
  readonly #issued = new Map<string, Promise<string>>()
  #last: Promise<unknown> = Promise.resolve()

  private constructor(directory: string, authority: CertificateAuthority) {
    this.directory = directory
    this.descriptors = join(directory, 'descriptors')
    this.#authority = authority
  }

  /** Makes one; `more` are descriptors beside those of the fixtures. */
  static async make(more: readonly { readonly id: string }[] = []): Promise<Place> {
    const directory = await mkdtemp(join(tmpdir(), 'scenario-'))
    const authority = await createAuthority(join(directory, 'certs'), { trustDomain: TRUST_DOMAIN })
    const place = new Place(directory, authority)
    await mkdir(place.descriptors, { mode: 0o755 })
    for (const name of await readdir(FIXTURES)) {
      const copy = join(place.descriptors, name)
      await copyFile(join(FIXTURES, name), copy)
      // Whatever umask the repository was cloned with: a policy that others may write is refused.
      await chmod(copy, 0o644)
    }
    for (const descriptor of more) {
      await writeFile(join(place.descriptors, `${descriptor.id}.json`), JSON.stringify(descriptor))
    }
    return place
  }

  /**
   * Issues a leaf; resolves to the folder of its tls.crt, tls.key and ca.crt. One after the other: the lock of a
   * CA is waited for no longer than ten seconds.
   */
  async certificate(name: string): Promise<string> {
    const next = this.#last.then(() =>
      this.#authority.issue(name, { ips: ['127.0.0.1'], powerful: true }),
    )
    this.#last = next.catch(() => {})
    return (await next).dir
  }

  /** What every sidecar's file says; `more` replaces whole sections, but adds to policy and limits. */
  async configuration(id: string, more: Settings): Promise<Settings> {
    const { policy, limits, ...sections } = more
    return {
      module: id,
      trustDomain: TRUST_DOMAIN,
      credentials: { directory: await this.#own(id) },
      admin: { listen: '127.0.0.1:0' },
      status: { listen: '127.0.0.1:0' },
      // Modules speak here without a token and without having been called.
      policy: { descriptors: this.descriptors, withoutToken: 'any', ...(policy as Settings) },
      limits: { connectWaitMs: 100, drainTimeoutMs: 5000, ...(limits as Settings) },
      ...sections,
    }
  }

  /** Issued once: several instances of one module start at the same time, and read the same files. */
  #own(id: string): Promise<string> {
    const issued = this.#issued.get(id) ?? this.certificate(id)
    this.#issued.set(id, issued)
    return issued
  }

  /** Writes a file that only its owner may write; JSON is YAML too. */
  async file(name: string, content: unknown): Promise<string> {
    const file = join(this.directory, name)
    const text = typeof content === 'string' ? content : JSON.stringify(content, null, 2)
    await writeFile(file, text, { mode: 0o600 })
    return file
  }

  /** Starts a sidecar whose configuration has these sections, in the process of the test. */
  async sidecar(id: string, more: Settings): Promise<Sidecar> {
    return Sidecar.start(id, await this.#configured(id, more))
  }

  /** The same as a process of its own: for what signals, threads or the environment do. `under` as in Process. */
  async process(
    id: string,
    more: Settings,
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
  ): Promise<Sidecar> {
    return Sidecar.process(id, await this.#configured(id, more), env, under)
  }

  async #configured(id: string, more: Settings): Promise<string> {
    const name = `${id}-${crypto.randomUUID()}.json`
    return this.file(name, await this.configuration(id, more))
  }

  async close(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** Which sidecars an installation has, and what their files say beyond the ordinary. */
export interface InstallationPlan {
  readonly modules: readonly string[]
  readonly descriptors?: readonly { readonly id: string }[]
  /** By module id. */
  readonly more?: Readonly<Record<string, Settings>>
  /** Each sidecar is a process of its own: for what signals and threads do. */
  readonly processes?: true
}

/** Okapi's sidecar and those of some modules, each in front of a server that the test plays. */
export class Installation {
  readonly place: Place
  /** Plays Okapi itself. */
  readonly okapi: Player
  /** What is on the network between the modules' sidecars and Okapi's. */
  readonly cable: Cable
  readonly #players = new Map<string, Player>()
  readonly #sidecars = new Map<string, Sidecar>()
  readonly #start: 'sidecar' | 'process'

  private constructor(place: Place, okapi: Player, cable: Cable, processes: boolean) {
    this.place = place
    this.okapi = okapi
    this.cable = cable
    this.#start = processes ? 'process' : 'sidecar'
  }

  static async open(plan: InstallationPlan): Promise<Installation> {
    const { modules, descriptors = [], more = {}, processes = false } = plan
    const place = await Place.make(descriptors)
    const installation = new Installation(
      place,
      await Player.start(),
      await Cable.start(),
      processes,
    )
    try {
      await Promise.all(modules.map((id) => installation.#openModule(id, more[id] ?? {})))
      await installation.#openOkapi(more[ID.okapi] ?? {})
      return installation
    } catch (error) {
      // Others may still be starting there: why it did not open is what counts.
      await installation.close().catch(() => {})
      throw error
    }
  }

  /** Plays the module. */
  module(id: string): Player {
    return this.#players.get(id) ?? absent(id)
  }

  sidecar(id: string): Sidecar {
    return this.#sidecars.get(id) ?? absent(id)
  }

  /** Where this module finds Okapi: the plain port of its own sidecar. */
  egress(id: string): number {
    return this.sidecar(id).port('egress')
  }

  /** Where Okapi finds every module; the first path segment says which. */
  get modules(): number {
    return this.sidecar(ID.okapi).port('modules')
  }

  /** The mutual TLS port of one member, called with the certificate of another. */
  async ingress(of: string, as: string): Promise<Exclude<Where, number>> {
    const certificate = join(this.place.directory, 'certs', as)
    return { port: this.sidecar(of).port('ingress'), certificate }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sidecars.values()].map((sidecar) => sidecar.stop()))
    await Promise.all(
      [this.okapi, this.cable, ...this.#players.values()].map((each) => each.close()),
    )
    await this.place.close()
  }

  async #openModule(id: string, more: Settings): Promise<void> {
    const player = await Player.start()
    this.#players.set(id, player)
    const sidecar = await this.place[this.#start](id, {
      ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${player.port}` },
      egress: { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${this.cable.port}` },
      ...more,
    })
    this.#sidecars.set(id, sidecar)
  }

  async #openOkapi(more: Settings): Promise<void> {
    const address = Object.fromEntries(
      [...this.#sidecars].map(([id, sidecar]) => [
        id,
        `https://127.0.0.1:${sidecar.port('ingress')}`,
      ]),
    )
    const sidecar = await this.place[this.#start](ID.okapi, {
      ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${this.okapi.port}` },
      egress: { modules: { listen: '127.0.0.1:0', address } },
      ...more,
    })
    this.#sidecars.set(ID.okapi, sidecar)
    this.cable.plugInto(sidecar.port('ingress'))
  }
}

function absent(id: string): never {
  throw new Error(`${id} is not in this installation`)
}
