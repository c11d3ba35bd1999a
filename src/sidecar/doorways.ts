import type { Socket } from 'node:net'
import type { PortRange } from '../config/addresses.ts'
import type { Config, Egress, Ingress, Migration, Modules, PublicDoor } from '../config/config.ts'
import { parseModule } from '../config/names.ts'
import type { Direction } from '../observe/labels.ts'
import { type Caller, callerName } from '../policy/caller.ts'
import { byModule, type PolicyCell, toOne, unless } from '../proxy/destination.ts'
import {
  type Destination,
  LISTENER_RULES,
  type ListenerRules,
  rulesAtModule,
} from '../proxy/listener-rules.ts'
import type { OkapiUrl } from '../proxy/okapi-url.ts'
import { RequestContext } from '../proxy/request-context.ts'
import type { ShareKind } from '../proxy/share.ts'
import type { Shares } from '../proxy/shares.ts'
import { refuse } from '../refusal/refusal.ts'
import { networkOf } from '../transport/address.ts'
import type { PublicKeyPair } from '../transport/listen-public.ts'
import type { Upstream } from '../wire/face.ts'
import type { Pool } from '../wire/h1/pool.ts'
import type { Authentication } from './authentication.ts'
import type { Connections } from './connections.ts'
import type { Accepted, Listeners } from './listeners.ts'
import type { PlainPeers } from './plain-peers.ts'
import type { Upstreams } from './upstreams.ts'

/** What doors are made of. */
export interface ListenerParts {
  readonly config: Config
  readonly policies: PolicyCell
  readonly authentication: Authentication
  readonly listeners: Listeners
  readonly upstreams: Upstreams
  readonly connections: Connections
  readonly okapiUrl: OkapiUrl | undefined
  readonly shares: Shares
}

/** Opens the doors that the configuration names; each resolves to what it is bound to. */
export class OpenListeners {
  readonly #frame: ListenerParts
  readonly #self: Caller
  readonly #module: Pool<RequestContext> | undefined

  constructor(frame: ListenerParts) {
    this.#frame = frame
    const { module, ingress } = frame.config
    this.#self = { kind: 'module', id: module.id }
    this.#module = ingress && frame.upstreams.module(ingress.forward)
  }

  /** Plain, from the module to Okapi's sidecar. */
  async egress({ listen, gateway, gatewayModule, url }: Egress): Promise<string> {
    const { policies, listeners, upstreams, okapiUrl } = this.#frame
    const pin = gatewayModule.kind === 'module' ? { id: gatewayModule.id } : gatewayModule
    const upstream = upstreams.peer('okapi', [gateway], pin)
    const { authority } = gateway
    const place = { policies, at: 'okapi', upstream, authority }
    const destination = toOne(okapiUrl === undefined ? place : { ...place, okapiUrl })
    const accepted = this.#listener(() => LISTENER_RULES.egress, destination, 'okapi', upstream)
    const bound = await listeners.plain(listen, this.#self, accepted)
    await listeners.otherLoopback(bound, this.#self, accepted)
    if (url === undefined) okapiUrl?.movedTo(`http://localhost:${portOf(bound)}`)
    return bound
  }

  /** Plain, from Okapi to the sidecars of modules. */
  async modules({ listen }: Modules): Promise<string> {
    const { policies, listeners, upstreams } = this.#frame
    const caller = this.#self
    const destination = byModule({ policies, caller, calleeOf: upstreams.callee })
    const accepted = this.#listener(() => LISTENER_RULES.modules, destination, 'okapi', NOWHERE)
    const bound: string[] = []
    for (const address of addressesOf(listen)) {
      bound.push(await listeners.plain(address, caller, accepted))
    }
    const [first = '', last = first] = [bound[0], bound.at(-1)]
    return first === last ? first : `${first}-${portOf(last)}`
  }

  /** Mutual TLS, to the module, or to Okapi. */
  async ingress({ listen, forward }: Ingress): Promise<string> {
    const { config, policies, listeners, authentication, connections } = this.#frame
    const upstream = this.#module ?? NOWHERE
    const at = isOkapi(config) ? 'okapi' : config.module.id
    const destination = toOne({ policies, at, upstream, authority: forward.authority })
    const rules = isOkapi(config) ? () => LISTENER_RULES.okapi : rulesAtModule
    const accepted = this.#listener(rules, destination, at, upstream)
    return listeners.mutual(listen, authentication, accepted, (socket) =>
      connections.retire(socket),
    )
  }

  /** TLS for browsers and load balancers, to Okapi. */
  async public(
    { listen }: PublicDoor,
    { forward }: Ingress,
    shown: PublicKeyPair,
  ): Promise<string> {
    const { policies, listeners } = this.#frame
    const upstream = this.#module ?? NOWHERE
    const destination = toOne({ policies, at: 'okapi', upstream, authority: forward.authority })
    const accepted = this.#listener(() => LISTENER_RULES.public, destination, 'okapi', upstream)
    return listeners.public(listen, shown, accepted)
  }

  /** Plain, from listed addresses, to the module or to Okapi. */
  async migration({ listen }: Migration, { forward }: Ingress, peers: PlainPeers): Promise<string> {
    const { config, policies, listeners } = this.#frame
    const upstream = this.#module ?? NOWHERE
    const [at, rules] = isOkapi(config)
      ? (['okapi', LISTENER_RULES.plainToOkapi] as const)
      : ([config.module.id, LISTENER_RULES.plainToModule] as const)
    const place = { policies, at, upstream, authority: forward.authority }
    const accepted = this.#listener(() => rules, unless(peers.shut, toOne(place)), at, upstream)
    return listeners.listed(listen, peers, accepted)
  }

  /** What happens with each connection that comes in by a door, by who the caller is. */
  #listener(
    rulesFor: (caller: Caller) => ListenerRules,
    destination: Destination,
    at: string,
    upstream: Upstream<RequestContext>,
  ): Accepted {
    const { config, policies, connections, shares } = this.#frame
    return (socket, caller, address, slot) => {
      const listener = { ...rulesFor(caller), destination }
      const standing = standingOf(config, listener.direction, caller)
      const share = shares.joined(shareName(caller, socket), standing)
      connections.accept(socket, () => {
        const place = { policy: policies.current, at, upstream, share }
        return new RequestContext(listener, caller, address, place, slot)
      })
    }
  }
}

/** Okapi's sidecar has a role of its own. */
export function isOkapi({ module }: Config): boolean {
  return module.product === 'okapi'
}

/** Whose share a connection counts to: the identity's that it proved, or where it came from. */
function shareName(caller: Caller, { remoteAddress }: Socket): string {
  const name = callerName(caller)
  const { kind } = caller
  return kind === 'public' || kind === 'plain'
    ? `${name}/${networkOf(remoteAddress ?? 'local')}`
    : name
}

function standingOf(config: Config, direction: Direction, caller: Caller): ShareKind {
  if (direction === 'egress' || direction === 'modules') return 'own'
  if (caller.kind === 'public' || caller.kind === 'plain') return 'unproven'
  const asksForAll = !isOkapi(config) && caller.kind === 'module' && isOkapiId(caller.id)
  return asksForAll ? 'okapi' : 'proven'
}

function isOkapiId(id: string): boolean {
  const parsed = parseModule(id)
  return 'value' in parsed && parsed.value.product === 'okapi'
}

function portOf(address: string): string {
  return address.slice(address.lastIndexOf(':') + 1)
}

function addressesOf({ host, from, to }: PortRange) {
  return Array.from({ length: to - from + 1 }, (_, i) => ({ host, port: from + i }))
}

/** The place of a connection before its first request has named a module. */
const NOWHERE: Upstream<RequestContext> = {
  open(x) {
    x.fail(refuse('upstream-unreachable', 'the request named no module'))
  },
}
