import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { WAY, type Way } from '../listeners/all.ts'
import type { Direction } from '../observe/labels.ts'
import { type OpenExchange, openExchange } from '../proxy/record.ts'
import type { RequestContext } from '../proxy/request-context.ts'
import type { Share } from '../proxy/share.ts'
import type { Shares } from '../proxy/shares.ts'
import { below } from '../transport/below.ts'
import type { RequestHandler } from '../wire/exchange.ts'
import type { WireSettings } from '../wire/face.ts'
import { Downstream } from '../wire/h1/downstream.ts'
import { ALPN_LINK } from '../wire/link/frames.ts'
import type { LinkEvents } from '../wire/link/link-stream.ts'
import { CallerTurns } from '../wire/link/refusal-turns.ts'
import { ServingLink, type UnreadAnswers } from '../wire/link/serving-link.ts'

/**
 * A connection that is accepted while the listeners close was waiting there, and will send a
 * request.
 */
const LET_IN_LATE_MS = 2000
/** How many more links may hold beyond `limits.exchanges`, so that their refusals can be sent. */
const REFUSALS = 64

/** How many of the exchanges that a drain waits for are logged individually. */
const MOST_TOLD = 10

/** A connection that arrived before everything listened. */
interface Early {
  readonly context: () => RequestContext
  retired: boolean
}

type Connection = Downstream<RequestContext> | ServingLink<RequestContext>

/** Every open connection of callers, of all listeners. */
export class Connections {
  readonly #settings: WireSettings
  readonly #handler: RequestHandler<RequestContext>
  readonly #linkEvents: LinkEvents
  readonly #live = new Map<Connection, Share>()
  readonly #byWay: Readonly<Record<Way, Set<Connection>>> = { in: new Set(), out: new Set() }
  readonly #bySocket = new WeakMap<Socket, Connection>()
  readonly #byListener = new Map<Direction, number>()
  readonly #shares: Shares
  readonly #turns = new WeakMap<Share, CallerTurns>()
  readonly #load: UnreadAnswers
  /** Null: everything listens, and every connection is served. */
  #early: Map<Socket, Early> | null = new Map()
  #leaving = false
  readonly #draining: Record<Way, boolean> = { in: false, out: false }
  readonly #empty: Partial<Record<Way, () => void>> = {}
  #destroyed = false

  constructor(
    settings: WireSettings,
    handler: RequestHandler<RequestContext>,
    linkEvents: LinkEvents,
    shares: Shares,
  ) {
    this.#settings = settings
    this.#shares = shares
    this.#load = { held: 0, mostHeld: settings.limits.exchanges + REFUSALS }
    this.#handler = handler
    this.#linkEvents = linkEvents
  }

  get size(): number {
    return this.#live.size
  }

  /**
   * Serves a connection whose caller is known and has joined the shares; `note` makes the context
   * of one exchange. Not a byte is read before `serve`.
   */
  accept(socket: Socket, context: () => RequestContext): void {
    if (this.#early === null) return this.#begin(socket, context)
    socket.on('error', () => socket.destroy())
    this.#early.set(socket, { context, retired: false })
  }

  /** Everything listens: the connections so far are served, and all from now on. */
  serve(): void {
    const early = this.#early ?? []
    this.#early = null
    for (const [socket, { context, retired }] of early) {
      this.#begin(socket, context)
      if (retired) this.retire(socket)
    }
  }

  #begin(socket: Socket, context: () => RequestContext): void {
    const first = context()
    if (this.#destroyed || socket.destroyed) {
      socket.destroy()
      return this.#shares.left(first.share)
    }
    const { direction, share, slot } = first
    const way = WAY[direction]
    const same = this.#byWay[way]
    const closed = (connection: Connection) => {
      this.#live.delete(connection)
      same.delete(connection)
      this.#shares.left(share)
      slot?.broughtNothing(connection.overheadBytes)
      this.#byListener.set(direction, this.open(direction) - 1)
      if (same.size === 0) this.#empty[way]?.()
    }
    const connection = speaksLink(socket)
      ? this.#link(socket, first, context, closed)
      : this.#http1(socket, first, closed)
    this.#live.set(connection, share)
    same.add(connection)
    this.#bySocket.set(socket, connection)
    this.#byListener.set(direction, this.open(direction) + 1)
    if (this.#draining[way]) connection.drain(LET_IN_LATE_MS)
    // A new link is told when its first exchange is returned; if told earlier its caller would dial
    // again.
    else if (this.#leaving && way === 'in' && connection instanceof Downstream) connection.retire()
  }

  #http1(
    socket: Socket,
    context: RequestContext,
    closed: (connection: Downstream<RequestContext>) => void,
  ): Downstream<RequestContext> {
    const handler = this.#handler
    const settings = this.#settings
    const connection = new Downstream(socket, context, handler, settings, closed, below(socket))
    if (context.slot !== null) context.slot.served = connection
    return connection
  }

  #link(
    socket: Socket,
    { callerName, share }: RequestContext,
    context: () => RequestContext,
    closed: (link: ServingLink<RequestContext>) => void,
  ): ServingLink<RequestContext> {
    const told = { context, handler: this.#handler, below: below(socket), closed }
    const turns = this.#turns.get(share) ?? new CallerTurns()
    this.#turns.set(share, turns)
    const serving = { ...told, load: this.#load, own: share, turns }
    return new ServingLink(socket, callerName, this.#settings, this.#linkEvents, serving)
  }

  /** Connections open at this listener. */
  open(direction: Direction): number {
    return this.#byListener.get(direction) ?? 0
  }

  /** Exchanges that are under way. */
  get exchanges(): number {
    let exchanges = 0
    for (const connection of this.#live.keys()) exchanges += connection.size
    return exchanges
  }

  /** The longest open ones, as shown in the log. */
  longestOpen(): readonly OpenExchange[] {
    const open: OpenExchange[] = []
    for (const [connection] of this.#live) connection.forEachOpen((x) => open.push(openExchange(x)))
    return open.sort((a, b) => b.ageMs - a.ageMs).slice(0, MOST_TOLD)
  }

  get bufferedBytes(): number {
    let bytes = 0
    for (const connection of this.#live.keys()) bytes += connection.bufferedBytes
    return bytes
  }

  /** This connection serves one exchange at most from now on. */
  retire(socket: Socket): void {
    const early = this.#early?.get(socket)
    if (early !== undefined) early.retired = true
    this.#bySocket.get(socket)?.retire()
  }

  /**
   * This connection finishes its open exchange and closes: its caller may no longer do anything.
   */
  dismiss(socket: Socket): void {
    if (this.#early?.has(socket)) socket.destroy()
    this.#bySocket.get(socket)?.drain()
  }

  /**
   * Callers should go elsewhere: links are told at once, HTTP/1.1 connections with the next answer.
   */
  leave(): void {
    this.#leaving = true
    for (const connection of [...this.#byWay.in]) connection.retire()
  }

  /** All of one direction finish and close, including new ones; resolves when none is left. */
  drain(way: Way): Promise<void> {
    this.#draining[way] = true
    const open = this.#byWay[way]
    for (const connection of [...open]) connection.drain()
    if (open.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#empty[way] = resolve
    })
  }

  /** Cuts all that are left, and new ones. */
  destroy(): void {
    this.#destroyed = true
    this.serve()
    for (const connection of [...this.#live.keys()]) connection.destroy()
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    for (const connection of this.#live.keys()) connection.tick(now)
    this.#shares.buffered.weigh(this.#live)
  }
}

export { ALPN_LINK }

/** Have the two sides agreed on a link? All others use HTTP/1.1. */
export function speaksLink(socket: Socket | null): boolean {
  return socket instanceof TLSSocket && socket.alpnProtocol === ALPN_LINK
}
