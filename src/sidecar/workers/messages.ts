import type { EntryKind } from '../../audit/entry.ts'
import type { Config } from '../../config/config.ts'
import type { Handed } from '../../credentials/handed.ts'
import type { Problem } from '../../fault.ts'
import type { Direction } from '../../observe/labels.ts'
import type { OverShare } from '../../observe/over-share.ts'
import type { ConcurrencySeen, WorkerSeen } from '../../observe/status/facts.ts'
import type { PeerActivity, Slice } from '../../observe/status/history.ts'
import type { Refused } from '../../observe/status/last-refusals.ts'
import type { ExchangeSlots } from '../../proxy/open-exchanges.ts'
import type { PublicKeyPair } from '../../transport/listen.ts'
import type { BoundAddresses, Sharing } from '../listeners.ts'
import type { PolicyMaterial } from '../policy-material.ts'

/** A policy for another thread, with the hash that it must have there. */
export interface HandedPolicy {
  readonly material: PolicyMaterial
  readonly hash: string
}

/** Everything that a thread needs to start; nothing of it is stored in files, and keys go nowhere else. */
export interface Start {
  /** With its share of the limits; for ports chosen by the system, those of the first thread. */
  readonly config: Config
  readonly sharing: Sharing
  /** Its shared memory for counters. */
  readonly cells: SharedArrayBuffer
  /** Shared memory of all threads for the path of X-Okapi-Url. */
  readonly okapiPath: SharedArrayBuffer
  /** Shared memory of all threads for tokens; undefined with `policy.tokens: off`. */
  readonly tokenMemory: SharedArrayBuffer | undefined
  /** In Okapi's sidecar: shared memory of all threads for the open exchanges. */
  readonly exchanges: ExchangeSlots | undefined
  /** Shared memory of all threads for the tenants for which Okapi has called. */
  readonly brought: SharedArrayBuffer
  readonly credentials: Handed
  readonly policy: HandedPolicy
  readonly publicPair: PublicKeyPair | undefined
}

/** The listeners of a thread. */
export interface Opened {
  readonly listening: BoundAddresses
  readonly otherLoopback: boolean
}

/** A thread's report about itself. */
export interface Look extends WorkerSeen {
  readonly open: Readonly<Partial<Record<Direction, number>>>
  readonly stale: number
  readonly bufferedBytes: number
  readonly running: number
  readonly concurrency: ConcurrencySeen | null
  readonly refusals: readonly Refused[]
  readonly peers: readonly PeerActivity[]
  readonly overShare: readonly OverShare[]
  readonly slices: readonly Slice[]
}

/** The requests to a thread, each with its argument and result. */
export interface Asks {
  open: [Start, Opened]
  serve: [null, null]
  credentials: [Handed, null]
  policy: [HandedPolicy, null]
  showPublic: [PublicKeyPair, null]
  /** The time, in milliseconds since 1970. */
  look: [number, Look]
  /** The results for entries of the audit trail that it had sent. */
  audited: [readonly AnnouncedEntry[], null]
  leave: [null, null]
  /** True if nothing had to be cut. */
  drain: [null, boolean]
}

/** An entry for the audit trail. */
export interface SaidEntry {
  readonly kind: EntryKind
  /** Its fields as in its line. */
  readonly text: string
  /** The thread waits until it is written; the result has this number. Undefined: it does not wait. */
  readonly waits: number | undefined
}

/** The result for an entry that the thread waits for: its number there, its number in the trail, and whether it is written. */
export type AnnouncedEntry = readonly [waits: number, seq: number, written: boolean]

/** A request to a thread. */
export interface WorkerQuestion<K extends keyof Asks = keyof Asks> {
  readonly id: number
  readonly ask: K
  readonly what: Asks[K][0]
}

/** A message from a thread: lines for the log, an answer, or a fault for the operator. */
export type Said =
  | { readonly lines: string | Uint8Array }
  | { readonly entry: SaidEntry }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly problems: readonly Problem[] }
