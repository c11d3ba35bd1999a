import { join } from 'node:path'
import { ID, Place, Player, type Sidecar, type UnixSocket } from '../scenario.ts'
import { type Machine, Network } from './network.ts'

type Settings = Readonly<Record<string, unknown>>

/** The same port on a machine of its own: a successor listens where its predecessor did. */
const PORT = 8443

/**
 * mod-notes with its sidecar on one machine, Okapi with its own on another: the sidecars are processes, and
 * between them is a router.
 */
export class TwoMachines {
  readonly network: Network
  readonly place: Place
  /** Plays Okapi. */
  readonly okapi: Player
  readonly near: Machine
  readonly far: Machine
  readonly #more: Settings
  readonly #made: Sidecar[] = []
  #notes!: Sidecar
  #gateway!: Sidecar

  private constructor(parts: {
    readonly network: Network
    readonly place: Place
    readonly okapi: Player
    readonly near: Machine
    readonly far: Machine
    readonly more: Settings
  }) {
    this.network = parts.network
    this.place = parts.place
    this.okapi = parts.okapi
    this.near = parts.near
    this.far = parts.far
    this.#more = parts.more
  }

  /** @param more what both files say beyond the ordinary */
  static async open(more: Settings = {}): Promise<TwoMachines> {
    const network = await Network.make()
    const [near, far] = [await network.join(), await network.join()]
    const place = await Place.make()
    const okapi = await Player.start(join(place.directory, 'okapi.sock'))
    const machines = new TwoMachines({ network, place, okapi, near, far, more })
    await Promise.all([machines.startNotes(), machines.startGateway()])
    return machines
  }

  /** The sidecar of mod-notes. */
  get notes(): Sidecar {
    return this.#notes
  }

  /** Okapi's sidecar. */
  get gateway(): Sidecar {
    return this.#gateway
  }

  /** Where mod-notes finds Okapi. */
  get egress(): UnixSocket {
    return { path: this.#notes.address('egress') }
  }

  /** Starts it, or its successor where it was. */
  async startNotes(): Promise<void> {
    const gateway = `https://${this.far.address}:${PORT}`
    const egress = { listen: this.#socket('egress'), gateway }
    this.#notes = await this.#start(ID.notes, { egress }, this.near)
  }

  async startGateway(): Promise<void> {
    const ingress = {
      listen: `${this.far.address}:${PORT}`,
      forward: `unix:${join(this.place.directory, 'okapi.sock')}`,
    }
    this.#gateway = await this.#start(ID.okapi, { ingress }, this.far)
  }

  async close(): Promise<void> {
    await this.network.heal()
    await Promise.all(this.#made.filter(({ over }) => !over).map((sidecar) => sidecar.stop()))
    await this.okapi.close()
    await this.place.close()
    this.network.close()
  }

  async #start(id: string, sections: Settings, { under }: Machine): Promise<Sidecar> {
    const admin = { listen: this.#socket('admin') }
    const sidecar = await this.place.process(id, { ...sections, admin, ...this.#more }, {}, under)
    this.#made.push(sidecar)
    return sidecar
  }

  #socket(name: string): string {
    return `unix:${join(this.place.directory, `${name}-${crypto.randomUUID().slice(0, 8)}.sock`)}`
  }
}
