import type { Socket } from 'node:net'
import { addressesOf, parseModule } from '../config/addresses.ts'
import type { Config } from '../config/config.ts'
import type { ModuleTraits } from '../policy/traits.ts'
import type { Callee, PolicyCell } from '../proxy/destination.ts'
import type { ConnectionCheck } from '../proxy/health.ts'
import type { RequestContext } from '../proxy/request-context.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { type Address, formatAddress } from '../transport/address.ts'
import { below } from '../transport/below.ts'
import type { CoarseClock } from '../transport/clock.ts'
import type { Descriptors } from '../transport/descriptors.ts'
import { Dialer } from '../transport/dial.ts'
import { FloodPauses } from '../transport/flood-pauses.ts'
import type { NameResolver } from '../transport/name-resolver.ts'
import { ALPN_HTTP1 } from '../transport/tls-options.ts'
import { dispose } from '../transport/turn-away.ts'
import type { Identity } from '../trust/identity.ts'
import { labelOf, type Pin } from '../trust/pin.ts'
import type { Upstream } from '../wire/exchange.ts'
import type { Avoiding, Dial, WireSettings } from '../wire/face.ts'
import { Pool } from '../wire/h1/pool.ts'
import { LinkPool } from '../wire/link/link-pool.ts'
import type { DialLink } from '../wire/link/link-slot.ts'
import type { LinkEvents } from '../wire/link/link-stream.ts'
import type { Authentication, LiveRecord } from './authentication.ts'
import { ALPN_LINK, speaksLink } from './connections.ts'

type AnyDialer = Dialer<Identity, LiveRecord>
type Ways = Pool<RequestContext> | LinkPool<RequestContext>

/** What the ways out are made with. */
export interface UpstreamsOptions {
  readonly config: Config
  readonly clock: CoarseClock
  readonly descriptors: Descriptors
  readonly settings: WireSettings
  readonly authentication: Authentication
  readonly policies: PolicyCell
  readonly linkEvents: LinkEvents
  readonly names: NameResolver
}

/** The upstreams of this process: the module, Okapi's sidecar, the sidecars of modules. */
export class Upstreams {
  readonly #config: Config
  readonly #clock: CoarseClock
  readonly #descriptors: Descriptors
  readonly #settings: WireSettings
  readonly #authentication: Authentication
  readonly #policies: PolicyCell
  readonly #plain: Pool<RequestContext>[] = []
  readonly #mutual: Ways[] = []
  readonly #linkEvents: LinkEvents
  readonly #names: NameResolver
  /** Why calls no longer wait for the module; null: they do. */
  #moduleGone: Refusal | null = null

  constructor(options: UpstreamsOptions) {
    this.#config = options.config
    this.#clock = options.clock
    this.#descriptors = options.descriptors
    this.#settings = { ...options.settings, below }
    this.#authentication = options.authentication
    this.#policies = options.policies
    this.#linkEvents = options.linkEvents
    this.#names = options.names
  }

  /** The module behind this sidecar. */
  module(forward: Address): Pool<RequestContext> {
    const { limits, module } = this.#config
    const { id } = module
    const dialer = this.#dialer([forward], null, limits)
    // How many calls come here is decided at the listeners (Shares).
    const most = Number.POSITIVE_INFINITY
    const pool = new Pool<RequestContext>(id, dialled(dialer, id, forward), this.#settings, most)
    this.#plain.push(pool)
    return pool
  }

  /** Tries once whether the module's port opens. */
  connectionCheck(forward: Address): ConnectionCheck {
    const dialer = this.#dialer([forward], null, { connectWaitMs: 0 })
    return (done) => {
      dialer.dial({}, (refusal, socket) => {
        if (socket !== null) dispose(socket)
        done(refusal)
      })
    }
  }

  /** Okapi's sidecar, for the egress. */
  gateway(): Upstream<RequestContext> {
    const { egress } = this.#config
    if (egress === undefined) throw new Error('there is no egress')
    const { gateway, gatewayModule } = egress
    const pin = gatewayModule.kind === 'module' ? { id: gatewayModule.id } : gatewayModule
    return this.peer('okapi', [gateway], pin)
  }

  /** A peer that must prove its identity. `most`: exchanges that may be open at a time. */
  peer(
    name: string,
    addresses: readonly Address[],
    pin: Pin,
    most = this.#config.limits.exchangesPerCallee,
  ): Ways {
    const [first] = addresses
    if (first === undefined) throw new Error(`${name} has no address`)
    const { connectWaitMs } = this.#config.limits
    const floods = new FloodPauses(this.#config.limits)
    const dialer = this.#dialer(addresses, pin, { connectWaitMs, floods })
    const avoid = (socket: Socket, how: Avoiding) => dialer.avoid(socket, how)
    const dialH1 = dialled(dialer, name, first)
    const { addresses: known } = dialer
    const pool = new Pool<RequestContext>(name, dialH1, this.#settings, most, avoid, known)
    let ways: Ways = pool
    if (this.#config.link) {
      const both = this.#dialer(addresses, pin, { connectWaitMs, floods }, [ALPN_LINK, ALPN_HTTP1])
      const dial = dialledLink(both, name, first)
      ways = new LinkPool<RequestContext>(name, dial, pool, this.#settings, this.#linkEvents, most)
    }
    this.#mutual.push(ways)
    return ways
  }

  /**
   * The upstream from Okapi to a module: pinned to the exact id, or to the product if the operator
   * says so.
   */
  readonly callee = (id: string, { authFilter }: ModuleTraits): Callee | undefined => {
    const { modules, pins, limits } = this.#config
    const name = parseModule(id)
    if (modules === undefined || 'wrong' in name) return undefined
    const { product } = name.value
    const [first, ...others] = addressesOf(modules.address, name.value)
    if (first === undefined) return undefined
    const pin = pins.peers[product] === 'product' ? { product } : { id }
    // Every call from outside asks it once, including those that it makes to answer: with fewer
    // places, earlier calls would wait for places that later ones hold.
    const asked = authFilter ? limits.exchangesToModule : 0
    const upstream = this.peer(id, [first, ...others], pin, limits.exchangesPerCallee + asked)
    return { id, upstream, authority: first.authority }
  }

  get bufferedBytes(): number {
    return this.#all().reduce((sum, pool) => sum + pool.bufferedBytes, 0)
  }

  /** Connections under older credentials serve no further exchange. */
  retire(): void {
    for (const pool of this.#mutual) pool.retire()
  }

  /** Calls that wait for the module are answered at once: it will not come back. */
  waitNoMore(refusal: Refusal): void {
    this.#moduleGone = refusal
  }

  destroy(): void {
    for (const pool of this.#all()) pool.destroy()
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    for (const pool of this.#all()) pool.tick(now)
  }

  #all(): readonly Ways[] {
    return [...this.#plain, ...this.#mutual]
  }

  #dialer(
    addresses: readonly Address[],
    pin: Pin | null,
    { connectWaitMs, floods }: { readonly connectWaitMs: number; readonly floods?: FloodPauses },
    alpn: readonly string[] = [ALPN_HTTP1],
  ): AnyDialer {
    const { connectMs, handshakeMs } = this.#config.limits
    const { limitHit } = this.#settings
    const { material, authenticator, live } = this.#authentication
    const known = (moduleId: string) => this.#policies.current.traits(moduleId) !== undefined
    return new Dialer({
      addresses,
      names: this.#names,
      tls:
        pin === null
          ? null
          : { material, authenticator, fits: this.#authentication.fits(pin, known), live, alpn },
      connectMs,
      handshakeMs,
      connectWaitMs,
      clock: this.#clock,
      descriptors: this.#descriptors,
      ...(floods && { floods }),
      ...(limitHit && { limitHit }),
      whenUnreachable: pin === null ? 'module-unavailable' : 'upstream-unreachable',
      ...(pin === null && { waitsNoMore: () => this.#moduleGone }),
    })
  }
}

/** What wire knows of a dialler: a socket that may be written to, and a name for the log. */
function dialled(dialer: AnyDialer, name: string, address: Address): Dial {
  return ({ buffer, callback }, done, where) => {
    let handedOver = false
    let early = false
    const onread = {
      buffer,
      callback: (length: number, bytes: Uint8Array) => {
        if (handedOver) return callback(length, bytes as Buffer)
        early = true
        return false
      },
    }
    return dialer.dial({ onread, ...where }, (refusal, socket, identity) => {
      const peer = identity === null ? formatAddress(address) : labelOf(identity)
      if (socket !== null && early) {
        dispose(socket)
        const because = `${name} (${peer}) sent bytes before it was asked`
        done(refuse('upstream-malformed', because), null, '')
        return
      }
      handedOver = true
      done(refusal, socket, peer)
    })
  }
}

/** The same, if the two sides agree on the protocol during the handshake. */
function dialledLink(dialer: AnyDialer, name: string, address: Address): DialLink {
  const dial = dialled(dialer, name, address)
  return {
    open: (onread, done, where) =>
      dial(
        onread,
        (refusal, socket, peer) => done(refusal, socket, peer, speaksLink(socket)),
        where,
      ),
    addresses: dialer.addresses,
    avoid: (socket, how) => dialer.avoid(socket, how),
  }
}
