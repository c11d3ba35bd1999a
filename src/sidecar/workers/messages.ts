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

/** A policy on its way to another thread, with the hash that it must have there. */
export interface HandedPolicy {
  readonly material: PolicyMaterial
  readonly hash: string
}

/** All that a thread needs to begin; none of it is kept in files, and keys go nowhere else. */
export interface Start {
  /** With its share of the limits; where the system chooses a port, the port that the first got. */
  readonly config: Config
  readonly sharing: Sharing
  /** Where it counts. */
  readonly cells: SharedArrayBuffer
  /** Where all threads remember the path of X-Okapi-Url. */
  readonly okapiPath: SharedArrayBuffer
  /** Where all threads remember tokens; undefined with `policy.tokens: off`. */
  readonly tokenMemory: SharedArrayBuffer | undefined
  /** Beside Okapi: where all threads note the exchanges that are open. */
  readonly exchanges: ExchangeSlots | undefined
  /** Where all threads remember for which tenants Okapi has called. */
  readonly brought: SharedArrayBuffer
  readonly credentials: Handed
  readonly policy: HandedPolicy
  readonly publicPair: PublicKeyPair | undefined
}

/** What a thread has opened. */
export interface Opened {
  readonly listening: BoundAddresses
  readonly otherLoopback: boolean
}

/** What a thread says of itself when it is looked at. */
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

/** What a thread is asked, each with what goes there and what comes back. */
export interface Asks {
  open: [Start, Opened]
  serve: [null, null]
  credentials: [Handed, null]
  policy: [HandedPolicy, null]
  showPublic: [PublicKeyPair, null]
  /** The time, in milliseconds since 1970. */
  look: [number, Look]
  /** What became of entries of the audit trail that it announced. */
  audited: [readonly AnnouncedEntry[], null]
  leave: [null, null]
  /** True where nothing had to be cut. */
  drain: [null, boolean]
}

/** An entry for the audit trail. */
export interface SaidEntry {
  readonly kind: EntryKind
  /** Its fields as they stand in its line. */
  readonly text: string
  /** The thread waits until it is written, and is told under this number; undefined: it does not wait. */
  readonly waits: number | undefined
}

/** One of those that the thread waits for: its number there, its number in the trail, and whether it is written. */
export type AnnouncedEntry = readonly [waits: number, seq: number, written: boolean]

/** A question on its way. */
export interface WorkerQuestion<K extends keyof Asks = keyof Asks> {
  readonly id: number
  readonly ask: K
  readonly what: Asks[K][0]
}

/** What comes from a thread: lines for the log, an answer, or what a person must mend. */
export type Said =
  | { readonly lines: string | Uint8Array }
  | { readonly entry: SaidEntry }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly problems: readonly Problem[] }
