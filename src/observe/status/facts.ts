import type { AuditState } from '../audit-series.ts'
import type { OverShare } from '../over-share.ts'
import type { ProcessSeen } from '../process-use.ts'
import type { TokenMemory } from '../token-memory.ts'
import type { PeerActivity, Slice } from './history.ts'
import type { Refused } from './last-refusals.ts'

/** Everything that the status page, its JSON and `okapi-sidecar status` show. */
export interface StatusFacts {
  readonly module: string
  /** The name of the machine or container. */
  readonly host: string
  readonly version: string
  readonly trustDomain: string
  /** Milliseconds since 1970. */
  readonly nowMs: number
  readonly startedMs: number
  readonly ready: boolean
  readonly draining: boolean
  readonly awaiting: readonly string[]
  readonly remarks: Readonly<Record<string, string>>
  /** Bound addresses, by name. */
  readonly listening: Readonly<Record<string, string>>
  /** Lines dropped since the start, and why lines cannot be written now. */
  readonly log: { readonly lost: number; readonly trouble: string | null }
  readonly certificate: {
    readonly uri: string
    readonly serial: string
    readonly notBeforeMs: number
    readonly notAfterMs: number
    readonly generation: number
  }
  readonly roots: readonly Root[]
  readonly revocationListsEndMs: number | null
  readonly policy: {
    readonly mode: 'enforce' | 'report'
    readonly hash: string
    readonly descriptors: number
    /** Who may call here, and what this module may call, one line each. */
    readonly callers: readonly Access[]
    readonly callees: readonly Access[]
    readonly quarantine: readonly string[]
    /** For which tenants callers may act, one line for each setting. */
    readonly tenants: readonly string[]
    readonly expiring: readonly string[]
  }
  readonly peers: readonly PeerActivity[]
  readonly refusals: readonly Refused[]
  /** Callers that were refused with `too-many`, the last one first. */
  readonly overShare: readonly OverShare[]
  readonly slices: readonly Slice[]
  readonly openConnections: number
  /** Exchanges under way: a slow module has many. */
  readonly openExchanges: number
  readonly process: ProcessSeen
  /** Calls that wait in the module, and their limit; null with `limits.adaptive` off. */
  readonly concurrency: ConcurrencySeen | null
  /** If `workers` is more than 1: what each thread serves and has served; else empty. */
  readonly workers: readonly WorkerSeen[]
  readonly plainBeyondLoopback: string | null
  /** The migration listener; null if there is none. */
  readonly migration: MigrationFacts | null
  /** Null with `policy.tokens: off`. */
  readonly tokens: TokenMemory | null
  /** Null without an audit trail. */
  readonly audit: AuditState | null
}

/** The state of `limits.adaptive`. */
export interface ConcurrencySeen {
  /** The present limit for calls that wait in the module. */
  readonly limit: number
  /** Calls that the module has not begun to answer. */
  readonly open: number
}

/** One of several serving threads. */
export interface WorkerSeen {
  readonly connections: number
  readonly exchanges: number
}

/** The migration listener, for peers without a sidecar: the one exception to trust rule 1. */
export interface MigrationFacts {
  /** False after `untilMs`. */
  readonly open: boolean
  /** Milliseconds since 1970. */
  readonly untilMs: number
  /** Addresses and networks as written. */
  readonly from: readonly string[]
  readonly why: string
}

/** An authority of the trust bundle. */
export interface Root {
  readonly subject: string
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** A caller or callee, and the rule that allows it. */
export interface Access {
  readonly name: string
  readonly what: string
  readonly rule: string
}
