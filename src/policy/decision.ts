import type { Refusal } from '../refusal/refusal.ts'

/**
 * Why a call is allowed. `requires`, `optional`, `own`: the caller's descriptor, or the callee's own
 * one at a module's ingress. `grant`: the operator's word. `system`: Okapi calls a system interface.
 * `default`: what needs no rule (browsers at Okapi, Okapi's health question).
 */
export interface Rule {
  readonly kind: 'requires' | 'optional' | 'own' | 'grant' | 'system' | 'default'
  /** Name of the file the rule stands in; null where it is built in. */
  readonly file: string | null
  /** RFC 6901 pointer into that file; null where it is built in. */
  readonly pointer: string | null
}

/** How much an operator wants to know about the use of an interface. */
export type Sensitivity = 'regular' | 'low' | 'high'

interface Facts {
  readonly caller: string
  readonly at: string
  /** Full id of the module that answers; null where none is known (Okapi itself, nothing declared). */
  readonly provider: string | null
  readonly interface: { readonly id: string; readonly version: string } | null
  readonly route: { readonly methods: readonly string[]; readonly pathPattern: string } | null
  /** `route.pathPattern`, or '' : a label from a closed set, never what a caller chose. */
  readonly routePattern: string
  /** One full sentence with names: `policy explain`, the log and the problem document say the same. */
  readonly because: string
}

/** Yes. The object is shared by all calls that it fits: it must not be changed. */
export interface Allow extends Facts {
  readonly allow: true
  readonly rule: Rule
  /** `low` and `high` are flagged in the access line; `high` also asks for `Cache-Control: no-store`. */
  readonly sensitivity: Sensitivity
  /** A system interface: Okapi retries such a call only when its connection breaks. */
  readonly system: boolean
  /** Okapi's discovery asks `GET /`: the sidecar answers itself, the module never sees it. */
  readonly health: boolean
  /** Report mode: what would have been answered otherwise. Count it, log it, let the call pass. */
  readonly wouldRefuse?: Refusal
}

/** No. */
export interface Deny extends Facts {
  readonly allow: false
  readonly refusal: Refusal
  readonly rule: null
  /** The name, route or grant that comes nearest, for a person to see a slip; may cost a search. */
  readonly nearest: string | null
}

export type Decision = Allow | Deny
