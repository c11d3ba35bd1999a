import type { Server, Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { errorCode } from '../fault.ts'
import { type Address, formatAddress } from './address.ts'
import { BACKLOG, type SharedPort } from './bind.ts'
import type { CoarseClock, Ticking } from './clock.ts'
import { type ConnectionSlot, ConnectionSlots, type SlotLimits } from './connection-slots.ts'
import type { Descriptors } from './descriptors.ts'
import { type Predecessor, take } from './predecessor.ts'

/** Events of a listener about connections that were never served. */
export interface ListenEvents {
  /** Closed before it was served: `limits.connections` were open. */
  dropped?(): void
  /** Closed for a newer one: it was the oldest that had not finished its handshake or first head. */
  evicted?(): void
  /** Closed for another caller's: it was idle, and the oldest such of the caller with the most. */
  gaveWay?(): void
  /** Its handshake has to wait: its address has begun too many that failed. */
  paced?(): void
  /** Accepting failed with this code (`EMFILE`); it is tried again after a pause. */
  acceptFailed?(code: string): void
}

/** What every listener needs. */
export interface ListenOptions {
  readonly address: Address
  /** Set if other threads listen on the same port. */
  readonly shared?: SharedPort | undefined
  /** The process that may still have the address; then it is waited for. */
  readonly predecessor?: Predecessor
  readonly limits: SlotLimits
  /** All connections are of one caller, the module beside us: there is nothing to share. */
  readonly oneCaller?: boolean
  readonly clock: CoarseClock
  /** Connections leave the reserve of these. */
  readonly descriptors?: Descriptors
  readonly events?: ListenEvents
}

/** What every listener has. */
export interface SocketListener {
  /** `host:port` as bound, IPv6 in brackets, or the path of the Unix socket. */
  readonly address: string
  /** Resolves when it listens, which may be after its predecessor has stopped; a Fault when it never will. */
  readonly listens: Promise<void>
  /** Connections accepted and not yet closed, including open handshakes and refused ones. */
  readonly open: number
  /**
   * Accepts what is already waiting, then stops accepting. Resolves when the last connection is
   * closed; the code that serves them ends them.
   */
  close(): Promise<void>
  /** Stops accepting at once, even with connections waiting; the file of a Unix socket is gone when it returns. */
  destroy(): void
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 1000
// Turns of the event loop in which the queue may be emptied before the listener closes anyway.
const CLOSING_TURNS = 1000

/** Options of `net.Server` that are the same for every listener. */
export const SERVER_OPTIONS = {
  // A client may end its side after the request and still wait for the answer.
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  highWaterMark: 65_536,
} as const

/** Where a listener listens. */
export type StartOptions = Pick<ListenOptions, 'address' | 'shared' | 'predecessor'>

/** A server's life: bound, counted, backing off when accepting fails, closed. */
export class BoundListener implements SocketListener, Ticking {
  readonly slots: ConnectionSlots
  readonly #server: Server
  readonly #clock: CoarseClock
  readonly #events: ListenEvents
  listens: Promise<void> = Promise.resolve()
  #bound: Address | undefined
  #reusePort = false
  #accepted = 0
  #pauseMs = FIRST_PAUSE_MS
  #resumeAt = Number.POSITIVE_INFINITY
  #closed: Promise<void> | undefined

  /** @param onConnection called for each connection that is accepted */
  constructor(
    server: Server,
    { limits, oneCaller, clock, descriptors, events = {} }: Omit<ListenOptions, 'address'>,
    onConnection: (socket: Socket, slot: ConnectionSlot) => void,
  ) {
    this.#server = server
    this.#clock = clock
    this.#events = events
    this.slots = new ConnectionSlots(limits, events, oneCaller)
    server.on('connection', (socket: Socket) => {
      this.#accepted++
      this.#pauseMs = FIRST_PAUSE_MS
      const slot = this.slots.add(socket)
      // The oldest pending one is closed for the newest, which may be the same one.
      if (descriptors?.free === false) {
        descriptors.refuse('accept')
        this.slots.evict()
        if (socket.destroyed) return
      }
      onConnection(socket, slot)
    })
  }

  get open(): number {
    return this.slots.open
  }

  get address(): string {
    return this.#bound === undefined ? '' : formatAddress(this.#bound)
  }

  /**
   * Throws a Fault when the address cannot be bound. If several threads share the port, waiting is
   * done here: each of them finds out by binding whether it is free.
   */
  async start({ address, shared, predecessor }: StartOptions): Promise<void> {
    const over = () => this.#closed !== undefined
    const { address: bound, taken } = await take(this.#server, address, {
      ...{ shared, predecessor, over },
    })
    this.#bound = bound
    this.#reusePort = shared !== undefined
    this.listens = taken.then(() => {
      this.#server.on('error', (error) => this.#backOff(error))
    })
    this.listens.catch(() => {})
    if (shared !== undefined || this.#server.listening) await this.listens
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  destroy(): void {
    this.#clock.unwatch(this)
    this.#closed ??= Promise.resolve()
    this.#server.close()
  }

  tick(now: number): void {
    if (now < this.#resumeAt || this.#bound === undefined) return
    this.#clock.unwatch(this)
    const reusePort = this.#reusePort && { reusePort: true }
    this.#server.listen({ ...this.#bound, backlog: BACKLOG, ...reusePort })
  }

  // If file descriptors run out despite the reserve, libuv closes new connections itself with one
  // that it keeps, without an event. An error comes when that one is lost too; then poll would
  // report the waiting connection for ever, so the listening socket is closed for a moment.
  #backOff(error: Error): void {
    this.#events.acceptFailed?.(errorCode(error) ?? 'unknown')
    if (this.#closed !== undefined) return
    this.#server.close()
    this.#resumeAt = this.#clock.now + this.#pauseMs
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
    this.#clock.watch(this)
  }

  async #close(): Promise<void> {
    this.#clock.unwatch(this)
    // Closing resets the connections in the kernel's queue, with requests that were already sent.
    for (let turn = 0, before = -1; turn < CLOSING_TURNS && before !== this.#accepted; turn++) {
      before = this.#accepted
      await nextTurn()
      await nextTurn()
    }
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}
