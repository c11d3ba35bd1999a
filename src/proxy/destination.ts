import { parseModuleId } from '../folio/module-id.ts'
import type { Caller } from '../policy/caller.ts'
import type { Authorizer, Policy } from '../policy/policy.ts'
import type { ModuleTraits } from '../policy/traits.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Upstream } from '../wire/exchange.ts'
import type { Head } from '../wire/head.ts'
import type { OkapiUrl } from './okapi-url.ts'
import { type Destination, NO_TRAITS, type RequestContext, type Traits } from './request-context.ts'

/** The policy in force: replaced as a whole, read for each exchange. */
export interface PolicyCell {
  readonly current: Policy
}

/** The single destination of all requests of a listener. */
export interface OnePlace {
  readonly policies: PolicyCell
  /** Whose ingress decides. */
  readonly at: string
  readonly upstream: Upstream<RequestContext>
  /** What Host says there. */
  readonly authority: string
  /** Set if the egress removes the path that was added to X-Okapi-Url. */
  readonly okapiUrl?: OkapiUrl
}

/** Everything goes to one upstream: the module itself, Okapi itself, or Okapi's sidecar. */
export function toOne({ policies, at, upstream, authority, okapiUrl }: OnePlace): Destination {
  return (context, head) => {
    context.follow(policies.current, at)
    context.at = at
    context.upstream = upstream
    context.authority = authority
    if (okapiUrl !== undefined) {
      context.start += okapiUrl.prefixLength(head.bytes, context.start, head.pathEnd)
    }
    return null
  }
}

/** A module as Okapi's egress calls it. */
export interface Callee {
  readonly id: string
  readonly upstream: Upstream<RequestContext>
  readonly authority: string
}

interface Bound {
  readonly callee: Callee
  authorizer: Authorizer
  traits: Traits
  policy: Policy
}

export interface ByModule {
  readonly policies: PolicyCell
  /** Okapi's own identity: the caller at every module. */
  readonly caller: Caller
  /** Returns the upstream of a module; undefined if no address is known for it. */
  readonly calleeOf: (id: string, traits: ModuleTraits) => Callee | undefined
}

/**
 * The first segment of the path names the module and is removed. Only modules with a descriptor of
 * the operator are called: discovery data alone never sends a request anywhere.
 */
export function byModule({ policies, caller, calleeOf }: ByModule): Destination {
  const known = new Map<string, Bound>()

  function bound(id: string, policy: Policy): Bound | Refusal {
    const before = known.get(id)
    if (before !== undefined) {
      if (before.policy !== policy) {
        before.authorizer = policy.bind(caller, id)
        before.traits = policy.traits(id) ?? NO_TRAITS
        before.policy = policy
      }
      return before
    }
    const traits = policy.traits(id)
    if (traits === undefined) return unknown(id)
    const callee = calleeOf(id, traits)
    if (callee === undefined) return unaddressed(id)
    const entry = { callee, authorizer: policy.bind(caller, id), traits, policy }
    known.set(id, entry)
    return entry
  }

  return (context, head) => {
    const segmentEnd = endOfSegment(head)
    const id = head.bytes.toString('latin1', head.targetStart + 1, segmentEnd)
    // Okapi's discovery requests the bare URL that it was given.
    context.bare = segmentEnd === head.targetEnd || isSlash(head, segmentEnd)
    const entry = bound(id, policies.current)
    if ('reason' in entry) return entry
    context.at = id
    context.authorizer = entry.authorizer
    context.traits = entry.traits
    context.upstream = entry.callee.upstream
    context.authority = entry.callee.authority
    context.start = segmentEnd
    if (segmentEnd === head.pathEnd && !context.bare) return queryOnly(id)
    return null
  }
}

function endOfSegment(head: Head): number {
  const slash = head.bytes.indexOf(0x2f, head.targetStart + 1)
  return slash === -1 || slash > head.pathEnd ? head.pathEnd : slash
}

function isSlash(head: Head, start: number): boolean {
  return head.targetEnd === start + 1 && head.bytes[start] === 0x2f
}

function unknown(id: string): Refusal {
  // The discovery has a URL without the id, or without its version.
  if (parseModuleId(id) === undefined) {
    return refuse(
      'route-not-declared',
      `the path begins with ${quoted(id)}, which is not a full module id`,
      {
        wouldAllow:
          'a URL in Okapi’s discovery that ends with the id, as `okapi-sidecar discovery` prints it',
      },
    )
  }
  return refuse('route-not-declared', `no descriptor of a module ${quoted(id)} is installed`, {
    wouldAllow: 'its ModuleDescriptor in policy.descriptors of Okapi’s sidecar',
  })
}

function unaddressed(id: string): Refusal {
  return refuse('upstream-unreachable', `no address is configured for ${quoted(id)}`, {
    wouldAllow: 'an entry in egress.modules.address',
  })
}

function queryOnly(id: string): Refusal {
  return refuse('route-not-declared', `the target names ${id} and no path`)
}

function quoted(id: string): string {
  return JSON.stringify(id.slice(0, 100))
}
