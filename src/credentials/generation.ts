import type { KeyObject } from 'node:crypto'
import type { Problem } from '../fault.ts'
import type { TrustBundle } from '../trust/bundle.ts'
import type { Certificate } from '../trust/certificate.ts'
import type { BoundCrl } from '../trust/crl.ts'
import type { Identity } from '../trust/identity.ts'

/** Key, chain, trust bundle and revocation lists that were read and checked together. */
export interface Generation {
  /** From 1, in the order of activation. */
  readonly number: number
  readonly key: KeyObject
  /** What TLS is given: written anew from what was checked, so it is that and nothing else. */
  readonly keyPem: string
  /** The chain that we present, leaf first. */
  readonly certPem: string
  /** One authority each; never empty. */
  readonly caPems: readonly string[]
  /** One list each: of several in one text Node reads only the first. */
  readonly crlPems: readonly string[]
  readonly leaf: Certificate
  readonly identity: Identity
  readonly bundle: TrustBundle
  readonly crls: readonly BoundCrl[]
  /** When the first certificate of our chain ends, milliseconds since the epoch. */
  readonly notAfter: number
  /** When the first revocation list runs out, milliseconds since the epoch; undefined: none is used. */
  readonly crlsEnd: number | undefined
  /** Milliseconds since the epoch. */
  readonly loadedAt: number
  /** SHA-256 over everything that was read, lower-case hex. */
  readonly contentHash: string
  /** What a person should know although it is no obstacle. */
  readonly warnings: readonly Problem[]
}
