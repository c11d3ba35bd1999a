import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { within } from './waits.ts'

const LISTEN_MS = 30_000

/** What a hop does to those that come. */
export type Weather =
  | 'fine'
  /** Nothing listens. */
  | 'refuses'
  /** Accepts, and nothing crosses, in either direction; neither end is told. */
  | 'silent'
  /** Accepts, and connects much later. */
  | 'slow to accept'

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

/** The network between two processes: it hands on every byte until it is told to fail. */
export class Hop {
  readonly name: string
  readonly #host: string
  readonly #port: number
  #to: number
  #weather: Weather = 'fine'
  #lateMs = 0
  readonly #pairs = new Set<Pair>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #server: net.Server | undefined

  private constructor(name: string, host: string, port: number, to: number) {
    this.name = name
    this.#host = host
    this.#port = port
    this.#to = to
  }

  /** Listens at `host:port` and connects to 127.0.0.1:`to`. */
  static async open(name: string, host: string, port: number, to: number): Promise<Hop> {
    const hop = new Hop(name, host, port, to)
    await hop.#listen()
    return hop
  }

  /** Connections that it carries now. */
  get open(): number {
    return this.#pairs.size
  }

  async turn(weather: Weather, lateMs = 0): Promise<void> {
    const before = this.#weather
    this.#weather = weather
    this.#lateMs = lateMs
    if (weather === 'refuses') await this.#close()
    if (before === 'refuses' && weather !== 'refuses') await this.#listen()
    if (weather === 'silent') for (const each of this.#sockets()) each.pause()
    if (before === 'silent' && weather !== 'silent')
      for (const each of this.#sockets()) each.resume()
  }

  /** RST to both ends of all connections. */
  reset(): void {
    for (const each of this.#sockets()) each.resetAndDestroy()
  }

  /** One end of each connection is gone, and the other is not told. */
  halve(far: boolean): void {
    for (const pair of [...this.#pairs]) {
      const [gone, kept] = far ? [pair.far, pair.near] : [pair.near, pair.far]
      kept.pause()
      gone.removeAllListeners('close')
      gone.resetAndDestroy()
    }
  }

  /** What was halved ends in the end, as by a keep-alive of TCP; what is left is told. */
  mend(): void {
    for (const { near, far } of [...this.#pairs]) {
      if (near.destroyed !== far.destroyed) (near.destroyed ? far : near).resetAndDestroy()
      if (near.destroyed && far.destroyed) this.#forget(near)
    }
  }

  /** These bytes come in the middle of whatever is being said, in one direction. */
  garble(bytes: Uint8Array, back: boolean): void {
    for (const { near, far } of this.#pairs) (back ? near : far).write(bytes)
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const each of this.#sockets()) each.destroy()
    await this.#close()
  }

  #sockets(): Socket[] {
    return [...this.#pairs].flatMap(({ near, far }) => [near, far])
  }

  async #listen(): Promise<void> {
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true }
    this.#server = net.createServer(options, (socket) => {
      if (this.#weather !== 'slow to accept') return this.#carry(socket)
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        this.#carry(socket)
      }, this.#lateMs)
      this.#timers.add(timer)
    })
    this.#server.listen(this.#port, this.#host)
    await within(LISTEN_MS, `a port for ${this.name}`, once(this.#server, 'listening'))
  }

  async #close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    // Connections that are there stay.
    server?.close()
    await Promise.resolve()
  }

  #carry(near: Socket): void {
    const far = net.connect({
      host: '127.0.0.1',
      port: this.#to,
      allowHalfOpen: true,
      noDelay: true,
    })
    const pair = { near, far }
    this.#pairs.add(pair)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => {
        if (!to.destroyed && !to.write(bytes)) from.pause()
      })
      to.on('drain', () => this.#weather === 'silent' || from.resume())
      from.on('end', () => to.end())
      // A reset here is a reset there.
      from.on('error', () => to.resetAndDestroy())
      from.on('close', (failed) => {
        if (failed) to.resetAndDestroy()
        else if (to.writableEnded) to.destroy()
        this.#forget(near)
      })
    }
    if (this.#weather !== 'silent') near.resume()
    else far.pause()
  }

  #forget(near: Socket): void {
    for (const pair of this.#pairs) {
      if (pair.near === near && pair.near.destroyed && pair.far.destroyed) this.#pairs.delete(pair)
    }
  }
}
