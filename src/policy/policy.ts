import type { Caller } from './caller.ts'
import type { Decision, LineMode } from './decision.ts'
import type { OkapiStep } from './okapi-step.ts'
import type { OperatorProfileName } from './operator-profiles.ts'
import type { PolicySummary } from './summary.ts'
import type { TenantGuard } from './tenant-guard.ts'
import type { TokenSources } from './token-sources.ts'
import type { ModuleTraits } from './traits.ts'
import type { TrueCaller } from './true-caller.ts'

/** The compiled allow-list: immutable, asked by every listener, replaced as a whole. */
export interface Policy {
  /** Hash of all inputs: descriptors, grants, mode and the rest; hexadecimal. */
  readonly hash: string
  readonly mode: 'enforce' | 'report'
  /** Are Okapi's calls judged by the true caller? */
  readonly callerMode: LineMode
  /**
   * Resolved once per connection: who asks, and whose ingress decides. `at` is `okapi`, the full id
   * of an Okapi, or the full id of a module.
   */
  bind(caller: Caller, at: string): Authorizer
  /** The same for calls that Okapi makes to the module `at` on behalf of `who`. */
  behalf(who: TrueCaller, at: string): BehalfJudge
  /** What header rules need to know; undefined when no descriptor of that id is known. */
  traits(moduleId: string): ModuleTraits | undefined
  /** The full ids of all modules with a descriptor. */
  readonly modules: readonly string[]
  /** The operators' grants that name a profile, ended ones too. */
  readonly profiles: readonly ProfileGrant[]
  /** Products that are in quarantine, or will be from a date on. */
  readonly quarantined: number
  /** Who may call this module and what it may call, for display; computed at each call. */
  summary(moduleId: string): PolicySummary
}

/** A grant of an operator's profile. */
export interface ProfileGrant {
  readonly caller: string
  readonly profile: OperatorProfileName
  /** Milliseconds since 1970; infinite where it has no end. */
  readonly untilMs: number
}

/** The policy as one caller meets it at one ingress. */
export interface Authorizer {
  /** False: every request of this caller is refused here. */
  readonly open: boolean
  /** Which tokens it may send in addition to those that Okapi has sent to it. */
  readonly tokens: TokenSources
  /** For which tenants it may act. */
  readonly tenants: TenantGuard
  /**
   * May this call pass? Never throws, changes nothing that a caller can see, and for an allowed call
   * that was asked before allocates nothing.
   *
   * `method` is upper-case as in the request line. `bytes` from `start` to `end` is the raw path, up
   * to the first `?`, and has passed the strict target guard. `tenant` is what Okapi will take, or at a
   * module's ingress what the request names, '' for none (undefined: not checked; on
   * `/_/invoke/tenant/{t}/` it is read from the path instead).
   * `moduleId` is the value of X-Okapi-Module-Id. `preflight`: a browser asks for permission (CORS), which
   * matters where the method is OPTIONS and the caller `public`.
   */
  decide(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
    moduleId: string | undefined,
    preflight?: boolean,
  ): Decision
  /**
   * What the operator lets pass in this path although the strict target guard objects, such as
   * `['%2f', ';']`; lower-case. Asked only after the guard objected.
   */
  pathExceptions(bytes: Uint8Array, start: number, end: number): readonly string[]
}

/** A call of Okapi to a module, and its tenant. */
export interface BehalfRequest {
  /** From the decision that allowed Okapi to call the route. */
  readonly step: OkapiStep
  readonly method: string
  /** The path is `bytes` from `start` to `end`. */
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly tenant: string | undefined
  readonly preflight: boolean
}

/** Judges calls of Okapi to one module on behalf of one caller. */
export interface BehalfJudge {
  decide(request: BehalfRequest): Decision
}
