import { calling, type EncodedFields } from '../observe/access.ts'
import type { CallerOutcome, Direction } from '../observe/labels.ts'
import { type Caller, callerName } from '../policy/caller.ts'
import type { Decision } from '../policy/decision.ts'
import type { Authorizer, Policy } from '../policy/policy.ts'
import type { ModuleTraits } from '../policy/traits.ts'
import type { Reason } from '../refusal/reasons.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { ConnectionSlot } from '../transport/connection-slots.ts'
import type { Upstream } from '../wire/exchange.ts'
import type { Head } from '../wire/head.ts'
import type { Announcement } from './announcement.ts'
import type { RequestRules } from './headers.ts'
import type { KnownCaller } from './known-callers.ts'
import type { Share } from './share.ts'
import type { CalleeShare, Holder } from './shares.ts'

/**
 * Finds where a request goes and whose ingress decides, into the note, before anything is judged:
 * `at`, `judge`, `start`, `upstream`, `authority`.
 */
export type Destination = (context: RequestContext, head: Head) => Refusal | null

/** A listener, as data: what it takes off, what it tells the other side, where it leads. */
export interface HttpListener extends ListenerRules {
  readonly destination: Destination
}

export interface ListenerRules {
  readonly direction: Direction
  readonly request: RequestRules
  /** Is the tenant judged that Okapi will take, or the module? */
  readonly judgesTenant: boolean
  /** The tenant of a request that names none: Okapi takes supertenant; '' at a module, which takes none. */
  readonly impliedTenant: string
  /**
   * X-Okapi-Url: untouched here; made the egress with the path that it had, which the egress takes off
   * again; or made the egress and nothing else, because who sent it is not believed.
   */
  readonly okapiUrl: 'untouched' | 'rewritten' | 'replaced'
  /**
   * Who answers. A module's answer loses what that module must not say: at its own sidecar, and again at
   * Okapi's, where `callee` may be any process with the module's key.
   */
  readonly answerer: 'module' | 'callee' | 'okapi'
  /**
   * Tokens of requests: they are judged, and those in answers to a module remembered; or they come from Okapi
   * and are remembered for the module that gets them; or neither.
   */
  readonly tokens: 'judged' | 'remembered' | 'ignored'
  /**
   * Where the true caller comes from. `itself`: the caller is it. `handed`: so is it here, and Okapi gets a handle
   * of its exchange. `found`: by the handle in Okapi's call. `told`: by Okapi's sidecar.
   */
  readonly trueCaller: 'itself' | 'handed' | 'found' | 'told'
}

const PROVEN: ReadonlySet<Caller['kind']> = new Set(['module', 'operator', 'client'])

/** The address without its port; of an IPv4 caller on an IPv6 socket the IPv4 one. */
export function hostOf(peer: string): string {
  const host = peer.slice(0, peer.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  return host.replace(/^::ffff:(?=[\d.]+$)/, '')
}

/** What header rules know of a module without a descriptor, and of Okapi. */
export const NO_TRAITS: Traits = { authFilter: false, keepsTokens: false, seesCookies: false }

/** What header rules ask about the module that is called. */
export type Traits = Pick<ModuleTraits, 'authFilter' | 'keepsTokens' | 'seesCookies'>

/** Where a connection's requests go as long as nothing else is said. */
export interface ContextOptions {
  readonly policy: Policy
  /** Whose ingress decides. */
  readonly at: string
  readonly upstream: Upstream<RequestContext>
  /** What the caller has open. */
  readonly share: Share
}

/**
 * What the handler keeps about the exchange that a connection is busy with, and what it knows of the
 * connection itself. Reused for every exchange of the connection.
 */
export class RequestContext implements Holder {
  readonly listener: HttpListener
  readonly caller: Caller
  readonly callerName: string
  /** Where the connection came from, for the log. */
  readonly peerAddress: string
  /** The connection settles with its first whole head at the latest; null: it has no place to take. */
  readonly slot: ConnectionSlot | null
  /** The same as every line of the log begins. */
  readonly calling: EncodedFields
  readonly share: Share
  holdsPlace = false
  callee: CalleeShare | null = null
  /** In whose name the module's open calls count this one; '': they do not (ModuleConcurrency). */
  countedFor = ''

  /** The policy as this caller meets it, and what it knows of the callee. */
  authorizer: Authorizer
  traits: Traits
  #boundTo: Policy
  /** Where the request goes. */
  upstream: Upstream<RequestContext>
  /** What follows the target there: the rest of the request line, and Host. */
  afterTarget: Buffer = Buffer.alloc(0)
  #authority = ''
  /** Where the target that goes on begins in the head. */
  start = 0

  decision: Decision | null = null
  /** What a rule in report mode would have answered; the first counts. */
  wouldRefuse: Refusal | null = null
  /** Whose ingress decides: `okapi-7.2.0`, or a module id. */
  at = ''
  requestId: string | undefined
  tenant: string | undefined
  /** The interface is one whose use is to be seen in the log, with the user. */
  audit: 'low' | 'high' | '' = ''
  userId: string | undefined
  /** Its entry of the audit trail must be written before it goes on; null: it has none, or need not wait for it. */
  announcement: Announcement<RequestContext> | null = null
  /** Why the sidecar that answered has refused it; '': it has not. */
  refusedBeyond: Reason | '' = ''
  /** '' where the request was refused before it had one. */
  traceId = ''
  /** Of a browser: its refusals must be readable to the page (CORS). */
  origin: string | undefined
  /** X-Okapi-Url as Okapi sent it, to give a Location back what it had. */
  okapiUrl: string | undefined
  /** On Okapi's egress: no method and path follow the module id. */
  bare = false

  /** Who stands behind a call of Okapi's; null where the caller asks for itself. */
  trueCaller: KnownCaller | null = null
  callerOutcome: CallerOutcome | '' = ''
  /** Beside Okapi: the caller itself, as it is noted for its exchanges. */
  itself: KnownCaller | undefined
  /** Where the exchange is noted while it is open; -1: it is not. */
  exchangeSlot = -1

  constructor(
    listener: HttpListener,
    caller: Caller,
    peerAddress: string,
    { policy, at, upstream, share }: ContextOptions,
    slot: ConnectionSlot | null = null,
  ) {
    this.listener = listener
    this.slot = slot
    this.authorizer = policy.bind(caller, at)
    this.traits = policy.traits(at) ?? NO_TRAITS
    this.#boundTo = policy
    this.upstream = upstream
    this.share = share
    this.caller = caller
    // Who proved nothing is told apart by where it came from.
    const from = caller.kind === 'plain' ? `/${hostOf(peerAddress)}` : ''
    this.callerName = `${callerName(caller)}${from}`
    this.peerAddress = peerAddress
    const { direction } = listener
    this.calling = calling({ direction, caller: this.callerName, peer: peerAddress })
  }

  get direction(): Direction {
    return this.listener.direction
  }

  /** Is the caller's identity proven, so that it may be told everything about a refusal? */
  get proven(): boolean {
    return PROVEN.has(this.caller.kind)
  }

  /** The Host that is said where the request goes. */
  set authority(authority: string) {
    if (authority === this.#authority) return
    this.#authority = authority
    this.afterTarget = Buffer.from(` HTTP/1.1\r\nHost: ${authority}\r\n`, 'latin1')
  }

  /** Takes up the policy in force, if it is another one than before. */
  follow(policy: Policy, at: string): void {
    if (policy === this.#boundTo) return
    this.authorizer = policy.bind(this.caller, at)
    this.traits = policy.traits(at) ?? NO_TRAITS
    this.#boundTo = policy
  }

  /** The refusal of a rule that is enforced; in report mode it is noted, and the call passes. */
  found(refusal: Refusal, mode: 'report' | 'enforce'): Refusal | null {
    if (mode === 'enforce') return refusal
    this.wouldRefuse ??= refusal
    return null
  }

  /** Forgets the exchange before. */
  reset(): void {
    this.decision = null
    this.wouldRefuse = null
    this.at = ''
    this.requestId = undefined
    this.tenant = undefined
    this.audit = ''
    this.userId = undefined
    this.announcement = null
    this.refusedBeyond = ''
    this.traceId = ''
    this.origin = undefined
    this.okapiUrl = undefined
    this.bare = false
    this.trueCaller = null
    this.callerOutcome = ''
  }
}
