import type { Socket } from 'node:net'
import { formatListen, type Listen, type PortRange } from '../config/addresses.ts'
import type { Config, Ingress } from '../config/config.ts'
import type { Direction } from '../observe/labels.ts'
import { type Caller, callerName } from '../policy/caller.ts'
import type { ByModule, PolicyCell } from '../proxy/destination.ts'
import type { OkapiUrl } from '../proxy/okapi-url.ts'
import { type Destination, type ListenerRules, RequestContext } from '../proxy/request-context.ts'
import type { ShareKind } from '../proxy/share.ts'
import type { Shares } from '../proxy/shares.ts'
import { refuse } from '../refusal/refusal.ts'
import type { Address } from '../transport/address.ts'
import type { ConnectionSlot } from '../transport/connection-slots.ts'
import type { Upstream } from '../wire/exchange.ts'

/** Sections of the configuration that are one listener for HTTP each. */
export type ListenerSection = {
  [K in keyof Config]: NonNullable<Config[K]> extends { listen: Listen | PortRange } ? K : never
}[Exclude<keyof Config, 'admin' | 'status'>]

/** A listener for HTTP: one value describes it completely. Its file has its rules. */
export interface ListenerDefinition {
  /** Metric label, field of the log, and name in the ready line. */
  readonly direction: Direction
  /** The section of the configuration that says where it listens. */
  readonly section: ListenerSection
  /** Has the configuration this listener? */
  configured(config: Config): boolean
  /** Its address and destination, as `check` prints them; for a configuration that has it. */
  describe(config: Config): string
  /** Binds it; resolves to the address, as the ready line says it. Throws a Fault when it cannot. */
  open(parts: ListenerParts): Promise<string>
}

/** Called for each connection whose caller is known. */
export type Accepted = (
  socket: Socket,
  caller: Caller,
  /** Where it comes from, for the log. */
  address: string,
  /** To be settled with the first whole head, unless it has settled with its handshake. */
  slot: ConnectionSlot,
) => void

/** Sockets of one thread, each way of proving the caller a method. All resolve to what is bound. */
export interface ListenerSockets {
  /** Plain, on loopback: the caller is `caller`. */
  plain(address: Address, caller: Caller, accepted: Accepted): Promise<string>
  /** The other family of a loopback address, where the machine has one. */
  otherLoopback(bound: string, caller: Caller, accepted: Accepted): Promise<void>
  /** Mutual TLS: the caller is the proven identity. */
  mutual(address: Address, accepted: Accepted): Promise<string>
  /** TLS without client certificates. */
  public(address: Address, accepted: Accepted): Promise<string>
  /** Plain, from the listed addresses of `migration`. */
  listed(address: Address, accepted: Accepted): Promise<string>
}

/** What listeners need from the sidecar. */
export interface ListenerParts {
  readonly config: Config
  readonly policies: PolicyCell
  readonly sockets: ListenerSockets
  /** The module beside us, or Okapi; undefined where there is no ingress. */
  readonly module: Upstream<RequestContext> | undefined
  /** Okapi's sidecar, as the egress calls it. */
  readonly gateway: () => Upstream<RequestContext>
  /** The sidecar of a module, as Okapi's egress calls it. */
  readonly callee: ByModule['calleeOf']
  readonly okapiUrl: OkapiUrl | undefined
  readonly shares: Shares
  /** Serves a connection; `context` makes what is known about one exchange. */
  readonly serve: (socket: Socket, context: () => RequestContext) => void
}

/** How the connections of one listener are handled. */
export interface ListenerService {
  /** By who the caller proved to be. */
  readonly rules: (caller: Caller) => ListenerRules
  readonly destination: Destination
  /** Whose ingress decides before a request has named a module. */
  readonly at: string
  readonly upstream?: Upstream<RequestContext> | undefined
  readonly share: (caller: Caller) => ShareKind
}

/** What happens to a connection behind every listener: its rules, its share, its requests. */
export function accepting(parts: ListenerParts, serving: ListenerService): Accepted {
  const { policies, shares, serve } = parts
  const { rules, destination, at, upstream = NOWHERE, share } = serving
  return (socket, caller, address, slot) => {
    const listener = { ...rules(caller), destination }
    // Pods of one node, of which each is listed, share one network of IPv6.
    if (caller.kind === 'plain') slot.caller = slot.origin.address
    const joined = shares.joined(shareName(caller, slot), share(caller))
    serve(socket, () => {
      const place = { policy: policies.current, at, upstream, share: joined }
      return new RequestContext(listener, caller, address, place, slot)
    })
  }
}

/** Is this Okapi's own sidecar? It has a role of its own. */
export function besideOkapi({ module }: Config): boolean {
  return module.product === 'okapi'
}

/** Where an ingress listens and what it leads to. */
export function describeForward({ listen, forward }: Ingress): string {
  const target = 'path' in forward ? `unix:${forward.path}` : `http://${forward.authority}`
  return `${formatListen(listen)} -> ${target}`
}

/** The module beside us: the caller on loopback, and who we are to all others. */
export function selfOf({ module }: Config): Caller {
  return { kind: 'module', id: module.id }
}

/** Whose share a connection counts towards: that of its proven identity, or of its origin. */
function shareName(caller: Caller, { origin: { address, network } }: ConnectionSlot): string {
  const name = callerName(caller)
  switch (caller.kind) {
    case 'public':
      return `${name}/${network}`
    case 'plain':
      return `${name}/${address}`
    default:
      return name
  }
}

/** The upstream of a connection before its first request has named a module. */
const NOWHERE: Upstream<RequestContext> = {
  open(x) {
    x.fail(refuse('upstream-unreachable', 'the request named no module'))
  },
}
