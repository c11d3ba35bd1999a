import type { Socket } from 'node:net'
import { type Refusal, refuse } from '../../refusal/refusal.ts'
import type { Exchange, Upstream } from '../exchange.ts'
import type { Avoiding, Dial, DialPreference, WireSettings } from '../face.ts'
import type { Composed } from '../head-writer.ts'
import { type KnownAddresses, Spread } from '../known-addresses.ts'
import type { ConnectionOwner } from './connection-owner.ts'
import { UpstreamConnection } from './upstream.ts'
import { WaitingExchange } from './waiting-exchange.ts'

/**
 * How long an idle connection is reused. Shorter than servers usually keep theirs (Tomcat 20 s, our
 * own ingress 75 s), so that we close it and no request races a close.
 */
const IDLE_MS = 15_000

/**
 * Connections to further addresses are opened as long as the upstream was called within this time.
 */
const BUSY_MS = 10_000

/**
 * The connections to one upstream. An exchange gets an idle one, or waits until one is made or comes
 * back. A request is sent once: what fails after its first byte has left is failed, never repeated.
 */
export class Pool<N> implements Upstream<N>, ConnectionOwner<UpstreamConnection<N>> {
  readonly name: string
  readonly #dial: Dial
  readonly #settings: WireSettings
  readonly #idle: UpstreamConnection<N>[] = []
  readonly #live = new Set<UpstreamConnection<N>>()
  readonly #queue: WaitingExchange<N>[] = []
  readonly #dials = new Set<{ readonly at: string | undefined; cancel(): void }>()
  readonly #most: number
  readonly #avoid: ((socket: Socket, how: Avoiding) => void) | undefined
  readonly #spread: Spread
  #askedAt = Number.NEGATIVE_INFINITY
  /** Increases when earlier connections must not be used again. */
  #epoch = 0

  /**
   * `most`: exchanges that may be open at a time. `avoid`: the address at the other end of
   * this socket is to be asked less. `addresses`: exchanges are spread over them.
   */
  constructor(
    name: string,
    dial: Dial,
    settings: WireSettings,
    most = settings.limits.exchangesPerCallee,
    avoid?: (socket: Socket, how: Avoiding) => void,
    addresses?: KnownAddresses,
  ) {
    this.name = name
    this.#most = most
    this.#avoid = avoid
    this.#dial = dial
    this.#settings = settings
    this.#spread = new Spread(addresses)
  }

  /** Exchanges that have a connection or wait for one. */
  get exchanges(): number {
    return this.#live.size - this.#idle.length + this.#queue.length
  }

  get bufferedBytes(): number {
    let bytes = 0
    for (const connection of this.#live) bytes += connection.bufferedBytes
    for (const { head } of this.#queue) bytes += head.length
    return bytes
  }

  open(x: Exchange<N>, head: Composed): void {
    const most = this.#most
    if (this.exchanges >= most && !x.exempt) {
      const because = `${this.name} has limits.exchangesPerCallee (${most}) open`
      x.fail(refuse('overloaded', because, { limit: 'exchangesPerCallee' }))
      return
    }
    this.#askedAt = this.#settings.clock.now
    const connection = this.#takeIdle()
    if (connection !== undefined) {
      connection.begin(x, head.bytes, head.length)
      return
    }
    this.#wait(x, head.copy())
  }

  /**
   * Takes over an exchange that has waited elsewhere. `head`: with the part of its body that has
   * arrived.
   */
  takeOn(x: Exchange<N>, head: Buffer): void {
    const connection = this.#takeIdle()
    if (connection === undefined) return this.#wait(x, head)
    this.#serve(this.#waiting(x, head), connection)
  }

  /** Takes over a connection that was opened elsewhere. @returns the reader for it */
  adopt(socket: Socket, peer: string): UpstreamConnection<N> {
    return this.#connected(socket, peer, this.#epoch)
  }

  released(connection: UpstreamConnection<N>): void {
    if (!this.#usable(connection)) {
      connection.destroy()
      return this.#connectMore()
    }
    const next = this.#queue.shift()
    if (next === undefined) {
      const promised = connection.keepAliveSeconds
      const idleMs = promised < 0 ? IDLE_MS : Math.min(IDLE_MS, promised * 1000 - 1000)
      connection.idleUntil = this.#settings.clock.now + idleMs
      if (idleMs <= 0) connection.destroy()
      else this.#idle.push(connection)
    } else this.#serve(next, connection)
  }

  /**
   * A sidecar that is leaving says so with each answer, so its other connections are closed at
   * once.
   */
  leaves(socket: Socket): void {
    if (this.#avoid === undefined) return
    this.#avoid(socket, 'leaving')
    const { remoteAddress, remotePort } = socket
    for (const idle of [...this.#idle]) {
      const { remoteAddress: address, remotePort: port } = idle.socket
      if (address === remoteAddress && port === remotePort) idle.destroy()
    }
  }

  floods(socket: Socket): void {
    this.#avoid?.(socket, 'floods')
  }

  gone(connection: UpstreamConnection<N>): void {
    this.#live.delete(connection)
    const i = this.#idle.indexOf(connection)
    if (i !== -1) this.#idle.splice(i, 1)
  }

  /** No current connection serves another exchange: credentials or addresses have changed. */
  retire(): void {
    this.#epoch++
    for (const connection of [...this.#idle]) connection.destroy()
  }

  /** Ends everything at once. */
  destroy(): void {
    for (const dial of this.#dials) dial.cancel()
    for (const connection of [...this.#live]) connection.destroy()
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    for (const connection of [...this.#live]) connection.tick(now)
    for (const waiting of [...this.#queue]) {
      if (waiting.unreached === null || now < waiting.giveUpAt) continue
      this.#leave(waiting)
      waiting.x.fail(waiting.unreached)
    }
    for (const connection of [...this.#idle]) {
      if (now >= connection.idleUntil) connection.destroy()
    }
    if (now - this.#askedAt < BUSY_MS) this.#look(now)
  }

  /** Connections follow changes of the addresses: at least one to each. */
  #look(now: number): void {
    const connections = () =>
      [...this.#live].map((connection) => {
        return { connection, address: this.#spread.keyOf(connection.socket) }
      })
    const dialled = () => [...this.#dials].flatMap(({ at }) => at ?? [])
    const { gone, wanted } = this.#spread.look(now, connections, dialled)
    for (const { connection } of gone) if (this.#idle.includes(connection)) connection.destroy()
    for (const at of wanted) this.#connect({ at })
  }

  /**
   * The one that was used last, so that the others become idle and are closed. With several
   * addresses any of them, so that no address gets everything.
   */
  #takeIdle(): UpstreamConnection<N> | undefined {
    const { now } = this.#settings.clock
    for (;;) {
      const any = this.#spread.isOne ? -1 : Math.floor(Math.random() * this.#idle.length)
      const connection = any === -1 ? this.#idle.pop() : this.#idle.splice(any, 1)[0]
      if (connection === undefined) return undefined
      if (now < connection.idleUntil && !connection.ended) return connection
      connection.destroy()
    }
  }

  #usable(connection: UpstreamConnection<N>): boolean {
    const { clock, limits } = this.#settings
    return (
      !connection.ended &&
      connection.epoch === this.#epoch &&
      clock.now - connection.openedAt < limits.connectionMaxAgeMs
    )
  }

  /** As many dials as there are exchanges that wait. */
  #connectMore(): void {
    while (this.#dials.size < this.#queue.length) this.#connect()
  }

  #connect(where?: DialPreference): void {
    const epoch = this.#epoch
    let connection: UpstreamConnection<N> | null = null
    const onread = {
      buffer: UpstreamConnection.readBuffer,
      callback: (length: number, buffer: Buffer) => connection?.read(length, buffer) ?? false,
    }
    const done: Parameters<Dial>[1] = (refusal, socket, peer) => {
      this.#dials.delete(dial)
      if (socket !== null) connection = this.#connected(socket, peer, epoch)
      else if (where === undefined) this.#failed(refusal)
      else this.#connectMore()
    }
    const under = this.#dial(onread, done, where)
    const dial = { at: where?.at, cancel: () => under.cancel() }
    this.#dials.add(dial)
  }

  #connected(socket: Socket, peer: string, epoch: number): UpstreamConnection<N> {
    const { name } = this
    const proven = { name, peer, epoch }
    const connection = new UpstreamConnection<N>(socket, proven, this.#settings, this)
    this.#live.add(connection)
    this.released(connection)
    return connection
  }

  #wait(x: Exchange<N>, head: Buffer): void {
    const waiting = this.#waiting(x, head)
    x.upstream = waiting
    this.#queue.push(waiting)
    this.#connectMore()
  }

  #waiting(x: Exchange<N>, head: Buffer): WaitingExchange<N> {
    const { clock, limits } = this.#settings
    return new WaitingExchange(x, head, clock.now + limits.connectWaitMs, (left) =>
      this.#leave(left),
    )
  }

  /**
   * Each failed dial fails the exchange that has waited longest. If the dial itself has waited
   * longer, for an exchange that has left, another dial is made: each exchange waits for
   * `limits.connectWaitMs`.
   */
  #failed(refusal: Refusal | null): void {
    const why = refusal ?? refuse('upstream-unreachable', `${this.name} cannot be reached`)
    const [next] = this.#queue
    if (next !== undefined && why.limit === 'connectWaitMs' && !this.#isDue(next)) {
      next.unreached = why
    } else {
      this.#queue.shift()
      next?.x.fail(why)
    }
    this.#connectMore()
  }

  #isDue({ giveUpAt }: WaitingExchange<N>): boolean {
    return this.#settings.clock.now >= giveUpAt
  }

  #serve({ x, head }: WaitingExchange<N>, connection: UpstreamConnection<N>): void {
    connection.begin(x, head, head.length)
    x.downstream.resume()
    connection.flush()
  }

  #leave(waiting: WaitingExchange<N>): void {
    const i = this.#queue.indexOf(waiting)
    if (i !== -1) this.#queue.splice(i, 1)
  }
}
