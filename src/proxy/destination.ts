import type { Caller } from '../policy/caller.ts'
import type { Judge, Policy } from '../policy/policy.ts'
import type { ModuleTraits } from '../policy/traits.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Upstream } from '../wire/face.ts'
import type { Head } from '../wire/head.ts'
import type { Destination } from './doors.ts'
import { NO_TRAITS, type Note, type Traits } from './note.ts'
import type { OkapiUrl } from './okapi-url.ts'

/** The policy in force: replaced as a whole, asked anew for each exchange. */
export interface PolicyCell {
  readonly current: Policy
}

/** One place that all requests of a door lead to. */
export interface OnePlace {
  readonly policies: PolicyCell
  /** Whose ingress decides. */
  readonly at: string
  readonly upstream: Upstream<Note>
  /** What Host says there. */
  readonly authority: string
  /** Where the egress takes off the path that X-Okapi-Url was given. */
  readonly okapiUrl?: OkapiUrl
}

/** Everything leads to one upstream: the module itself, Okapi itself, or Okapi's sidecar. */
export function toOne({ policies, at, upstream, authority, okapiUrl }: OnePlace): Destination {
  return (note, head) => {
    note.follow(policies.current, at)
    note.at = at
    note.upstream = upstream
    note.authority = authority
    if (okapiUrl !== undefined) {
      note.start += okapiUrl.prefixLength(head.bytes, note.start, head.pathEnd)
    }
    return null
  }
}

/** As `inner`, as long as `shut` finds nothing against it: asked for each exchange. */
export function unless(shut: () => Refusal | null, inner: Destination): Destination {
  return (note, head) => inner(note, head) ?? shut()
}

/** A module as Okapi's egress calls it. */
export interface Callee {
  readonly id: string
  readonly upstream: Upstream<Note>
  readonly authority: string
}

interface Bound {
  readonly callee: Callee
  judge: Judge
  traits: Traits
  policy: Policy
}

export interface ByModule {
  readonly policies: PolicyCell
  /** Okapi's own identity: the caller at every module. */
  readonly caller: Caller
  /** Makes the way to a module; undefined where no address is known for it. */
  readonly calleeOf: (id: string, traits: ModuleTraits) => Callee | undefined
}

/**
 * The first segment of the path names the module and is taken off. Only what the operator's
 * descriptors know is called: discovery data alone never sends a request anywhere.
 */
export function byModule({ policies, caller, calleeOf }: ByModule): Destination {
  const known = new Map<string, Bound>()

  function bound(id: string, policy: Policy): Bound | Refusal {
    const before = known.get(id)
    if (before !== undefined) {
      if (before.policy !== policy) {
        before.judge = policy.bind(caller, id)
        before.traits = policy.traits(id) ?? NO_TRAITS
        before.policy = policy
      }
      return before
    }
    const traits = policy.traits(id)
    if (traits === undefined) return unknown(id)
    const callee = calleeOf(id, traits)
    if (callee === undefined) return unaddressed(id)
    const entry = { callee, judge: policy.bind(caller, id), traits, policy }
    known.set(id, entry)
    return entry
  }

  return (note, head) => {
    const segmentEnd = endOfSegment(head)
    const id = head.bytes.toString('latin1', head.targetStart + 1, segmentEnd)
    // Okapi's discovery asks the bare URL that it was given.
    note.bare = segmentEnd === head.targetEnd || isSlash(head, segmentEnd)
    const entry = bound(id, policies.current)
    if ('reason' in entry) return entry
    note.at = id
    note.judge = entry.judge
    note.traits = entry.traits
    note.upstream = entry.callee.upstream
    note.authority = entry.callee.authority
    note.start = segmentEnd
    if (segmentEnd === head.pathEnd && !note.bare) return queryOnly(id)
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
