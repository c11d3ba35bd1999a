import type { Socket } from 'node:net'
import { refuse } from '../../refusal/refusal.ts'
import type { Exchange, Upstream } from '../exchange.ts'
import type { WireSettings } from '../face.ts'
import type { Pool } from '../h1/pool.ts'
import { UpstreamConnection } from '../h1/upstream.ts'
import { SERVED_METHODS } from '../head.ts'
import type { Composed } from '../head-writer.ts'
import { CallingStream } from './calling-stream.ts'
import { LARGE_BYTES } from './frames.ts'
import { type DialLink, type LinkReading, LinkSlot, type LinkSlotOwner } from './link-slot.ts'
import type { LinkEvents, StreamOwner } from './link-stream.ts'
import { RouteMemory } from './route-memory.ts'
import { SpareStreams } from './spare-streams.ts'

/** How long until a peer that used HTTP/1.1 is asked again: sidecars get upgraded. */
const ASK_AGAIN_MS = 60_000
/**
 * Okapi sends every request chunked: with these methods that does not mean that there is a body.
 */
const BODILESS = new Set(
  ['GET', 'HEAD', 'DELETE', 'OPTIONS'].map((name) => SERVED_METHODS.indexOf(name as never)),
)

/**
 * The ways to one peer: two links, one for small exchanges and one for large ones, so that on a
 * slow network nothing small waits behind large bodies; or a pool of HTTP/1.1 connections if the
 * peer supports only that.
 */
export class LinkPool<N> implements Upstream<N>, LinkSlotOwner<N>, StreamOwner<CallingStream<N>> {
  readonly name: string
  readonly dial: DialLink
  readonly settings: WireSettings
  readonly events: LinkEvents
  readonly readBuffer = UpstreamConnection.readBuffer
  readonly #http1: Pool<N>
  readonly #small: LinkSlot<N>
  readonly #large: LinkSlot<N>
  readonly #routes = new RouteMemory()
  readonly #spare = new SpareStreams<CallingStream<N>>()
  readonly #most: number
  #open = 0
  /** Until then the peer is assumed to support only HTTP/1.1. */
  #http1Until = 0

  constructor(
    name: string,
    dial: DialLink,
    http1: Pool<N>,
    settings: WireSettings,
    events: LinkEvents,
    most = settings.limits.exchangesPerCallee,
  ) {
    this.name = name
    this.#most = most
    this.dial = dial
    this.#http1 = http1
    this.settings = settings
    this.events = events
    this.#small = new LinkSlot<N>(this)
    this.#large = new LinkSlot<N>(this)
  }

  /** Exchanges that have a connection or wait for one. */
  get exchanges(): number {
    return this.#open + this.#http1.exchanges
  }

  get bufferedBytes(): number {
    return this.#small.bufferedBytes + this.#large.bufferedBytes + this.#http1.bufferedBytes
  }

  open(x: Exchange<N>, head: Composed): void {
    const { clock } = this.settings
    const most = this.#most
    if (this.exchanges >= most && !x.exempt) {
      const because = `${this.name} has limits.exchangesPerCallee (${most}) open`
      x.fail(refuse('overloaded', because, { limit: 'exchangesPerCallee' }))
      return
    }
    if (this.#http1Until !== 0) {
      // Nothing waits for the answer.
      if (clock.now >= this.#http1Until) this.#askAgain()
      return this.#http1.open(x, head)
    }
    const route = RouteMemory.place(head.bytes, head.length)
    const stream = this.#spare.take() ?? new CallingStream(this.settings, this)
    stream.begin(x, route)
    this.#open++
    const kind = this.#kind(x, route)
    if (kind === 'unknown') stream.undecided(head.copy())
    else (kind === 'large' ? this.#large : this.#small).take(stream, head.bytes, head.length)
  }

  // --- what streams ask --------------------------------------------------------------------------

  decide(stream: CallingStream<N>, whole: boolean): void {
    ;(whole ? this.#small : this.#large).takeHeld(stream)
  }

  gone(stream: CallingStream<N>): void {
    this.#open--
    this.#small.forget(stream)
    this.#large.forget(stream)
    this.#spare.give(stream)
  }

  again(stream: CallingStream<N>): void {
    const { x, route } = stream
    const large = this.#kind(x, route) !== 'small' && !x.requestDone
    ;(large ? this.#large : this.#small).takeHeld(stream)
  }

  learn({ route }: CallingStream<N>, large: boolean): void {
    this.#routes.learn(route, large)
  }

  // --- what lanes ask ----------------------------------------------------------------------------

  takeOver(socket: Socket, peer: string, waiting: readonly CallingStream<N>[]): LinkReading {
    this.#http1Until = this.settings.clock.now + ASK_AGAIN_MS
    const connection = this.#http1.adopt(socket, peer)
    for (const stream of waiting) {
      const { x } = stream
      this.#http1.takeOn(x, stream.divert())
    }
    return connection
  }

  linked(): void {
    this.#http1Until = 0
  }

  // --- life --------------------------------------------------------------------------------------

  /** No current connection serves another exchange. */
  retire(): void {
    this.#small.retire()
    this.#large.retire()
    this.#http1.retire()
  }

  destroy(): void {
    this.#small.destroy()
    this.#large.destroy()
    this.#http1.destroy()
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    this.#small.tick(now)
    this.#large.tick(now)
    this.#http1.tick(now)
    this.#spare.tick(now)
  }

  #kind(x: Exchange<N>, route: number): 'small' | 'large' | 'unknown' {
    if (x.requestLength > LARGE_BYTES || this.#routes.isLarge(route)) return 'large'
    return x.requestLength >= 0 || BODILESS.has(x.method) ? 'small' : 'unknown'
  }

  /** Until there is an answer everything uses HTTP/1.1. */
  #askAgain(): void {
    this.#http1Until = this.settings.clock.now + ASK_AGAIN_MS
    this.#small.prepare()
  }
}
