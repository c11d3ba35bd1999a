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

/** A listener, as data: what it removes, what it adds, and its destination. */
export interface HttpListener extends ListenerRules {
  readonly destination: Destination
}

export interface ListenerRules {
  readonly direction: Direction
  readonly request: RequestRules
  /** Is the tenant judged as Okapi will read it, or as the module will? */
  readonly judgesTenant: boolean
  /**
   * The tenant of a request that names none: Okapi uses supertenant; '' at a module, which uses
   * none.
   */
  readonly impliedTenant: string
  /**
   * X-Okapi-Url: unchanged; replaced by the egress with the original path, which the egress removes
   * again; or replaced by the egress alone, because the sender is not trusted.
   */
  readonly okapiUrl: 'untouched' | 'rewritten' | 'replaced'
  /**
   * Who answers. From a module's answer everything is removed that it must not send: at its own
   * sidecar, and again at Okapi's, where `callee` may be any process with the module's key.
   */
  readonly answerer: 'module' | 'callee' | 'okapi'
  /**
   * Tokens of requests: judged, and those in answers to the module are remembered; or sent by Okapi
   * and remembered for the module that gets them; or neither.
   */
  readonly tokens: 'judged' | 'remembered' | 'ignored'
  /**
   * How the true caller is known. `itself`: it is the caller. `handed`: the same, and Okapi gets a
   * handle of its exchange. `found`: by the handle in Okapi's call. `told`: by Okapi's sidecar.
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

/** The default upstream of a connection's requests. */
export interface ContextOptions {
  readonly policy: Policy
  /** Whose ingress decides. */
  readonly at: string
  readonly upstream: Upstream<RequestContext>
  /** What the caller has open. */
  readonly share: Share
}

/**
 * What the handler keeps about the current exchange of a connection, and about the connection
 * itself. Reused for every exchange of the connection.
 */
export class RequestContext implements Holder {
  readonly listener: HttpListener
  readonly caller: Caller
  readonly callerName: string
  /** Where the connection came from, for the log. */
  readonly peerAddress: string
  /** The connection settles with its first whole head at the latest; null: it has no place to take. */
  readonly slot: ConnectionSlot | null
  /** The same as the beginning of every log line. */
  readonly calling: EncodedFields
  readonly share: Share
  holdsPlace = false
  callee: CalleeShare | null = null
  /**
   * The name under which this call counts as open at the module; '': not counted
   * (ModuleConcurrency).
   */
  countedFor = ''

  /** The policy for this caller, and its facts about the callee. */
  authorizer: Authorizer
  traits: Traits
  #boundTo: Policy
  /** Where the request goes. */
  upstream: Upstream<RequestContext>
  /** What follows the target there: the rest of the request line, and Host. */
  afterTarget: Buffer = Buffer.alloc(0)
  #authority = ''
  /** The start of the forwarded target in the head. */
  start = 0

  decision: Decision | null = null
  /** The refusal that report mode did not enforce; the first one counts. */
  wouldRefuse: Refusal | null = null
  /** Whose ingress decides: `okapi-7.2.0`, or a module id. */
  at = ''
  requestId: string | undefined
  tenant: string | undefined
  /** The interface is one whose use is to be seen in the log, with the user. */
  audit: 'low' | 'high' | '' = ''
  userId: string | undefined
  /**
   * Its audit entry must be written before it is forwarded; null: it has none, or need not wait.
   */
  announcement: Announcement<RequestContext> | null = null
  /** Why the sidecar that answered has refused it; '': it has not. */
  refusedBeyond: Reason | '' = ''
  /** '' if the request was refused before it had one. */
  traceId = ''
  /** The origin of a browser: refusals must be readable for its page (CORS). */
  origin: string | undefined
  /** X-Okapi-Url as Okapi sent it, to restore it in a Location. */
  okapiUrl: string | undefined
  /** On Okapi's egress: no method and path follow the module id. */
  bare = false

  /** The true caller of a call by Okapi; null if the caller calls for itself. */
  trueCaller: KnownCaller | null = null
  callerOutcome: CallerOutcome | '' = ''
  /** Beside Okapi: the caller itself, as recorded for its exchanges. */
  itself: KnownCaller | undefined
  /** The slot of the exchange while it is open; -1: none. */
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
    // A caller without a proven identity is distinguished by its origin.
    const from = caller.kind === 'plain' ? `/${hostOf(peerAddress)}` : ''
    this.callerName = `${callerName(caller)}${from}`
    this.peerAddress = peerAddress
    const { direction } = listener
    this.calling = calling({ direction, caller: this.callerName, peer: peerAddress })
  }

  get direction(): Direction {
    return this.listener.direction
  }

  /** Is the caller's identity proven, so that it may get all details of a refusal? */
  get proven(): boolean {
    return PROVEN.has(this.caller.kind)
  }

  /** The Host for the upstream. */
  set authority(authority: string) {
    if (authority === this.#authority) return
    this.#authority = authority
    this.afterTarget = Buffer.from(` HTTP/1.1\r\nHost: ${authority}\r\n`, 'latin1')
  }

  /** Switches to the policy in force, if it has changed. */
  follow(policy: Policy, at: string): void {
    if (policy === this.#boundTo) return
    this.authorizer = policy.bind(this.caller, at)
    this.traits = policy.traits(at) ?? NO_TRAITS
    this.#boundTo = policy
  }

  /** The refusal of an enforced rule; in report mode it is recorded, and the call passes. */
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
