import type { Measured } from '../measure/process.ts'

/** Two proxies in a row: plain in, mutual TLS between them, plain out to the backend. */
export interface Chain {
  readonly candidate: string
  /** Where the load goes in. */
  readonly port: number
  /** Where mutual TLS is accepted. */
  readonly mutualPort: number
  readonly egress: Measured
  readonly ingress: Measured
}

/** Starts a chain; the ingress first, because the egress may look for it. */
export type Candidate = (name: string) => Promise<Chain>
