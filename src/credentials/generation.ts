import { createHash, type KeyObject } from 'node:crypto'
import type { Problem } from '../fault.ts'
import type { Chain, TrustBundle } from '../trust/chain.ts'
import type { Identity } from '../trust/identity.ts'
import type { PeerFacts } from '../trust/judge.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { BoundCrl } from '../x509/crl.ts'
import type { RawMaterial } from './raw-material.ts'

/** Key, chain, trust bundle and revocation lists that were read and checked together. */
export interface Generation {
  /** From 1, in the order of activation. */
  readonly number: number
  readonly key: KeyObject
  /** The TLS material: written from the parsed values, so it contains nothing else. */
  readonly keyPem: string
  /** The chain that we present, leaf first. */
  readonly certPem: string
  /** One authority each; never empty. */
  readonly caPems: readonly string[]
  /** One list each: of several in one text Node reads only the first. Empty: no revocation. */
  readonly crlPems: readonly string[]
  /** What we present, leaf first. */
  readonly presented: readonly Certificate[]
  readonly leaf: Certificate
  /** The leaf and what is above it, up to the root. */
  readonly chain: Chain
  readonly identity: Identity
  readonly bundle: TrustBundle
  /** Does it come from an agent, which renews everything itself? */
  readonly byAgent: boolean
  readonly crls: readonly BoundCrl[]
  /** Is a list in use that is newer than the one that was read? */
  readonly crlsKept: boolean
  /** When the first certificate of our chain ends, milliseconds since the epoch. */
  readonly notAfter: number
  /** When the first revocation list runs out, milliseconds since the epoch; undefined: none is used. */
  readonly crlsEnd: number | undefined
  /** Milliseconds since the epoch. */
  readonly loadedAt: number
  /** SHA-256 over everything that was read, lower-case hex. */
  readonly contentHash: string
  /** Warnings. */
  readonly warnings: readonly Problem[]
}

/** Whose credentials they must be. */
export interface Expectation {
  /** The module id of the configuration; undefined for people's tools: any identity will do. */
  readonly module: string | undefined
  readonly trustDomain: string
  /** SPIFFE ids of other schemes and the module id each stands for. */
  readonly foreign?: ReadonlyMap<string, string>
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The number that the generation gets; 1 when not said. */
  readonly number?: number
  /** The newest revocation list of each authority that was in use so far. */
  readonly knownCrls?: readonly BoundCrl[]
  /** How handshakes are tried. */
  readonly lookWith: LookWith
}

/** What TLS is given: all PEM. */
export interface HandshakeMaterial {
  readonly key: string
  readonly cert: string
  readonly ca: readonly string[]
  readonly crl: readonly string[]
}

/** What one side of a handshake saw of its peer. */
export interface TrialOutcome {
  readonly facts: PeerFacts
  /** OpenSSL's own words for why a server is refused, where it is. */
  readonly why?: string
}

/**
 * Makes trial handshakes with peers, verified with this material and the options of every
 * connection. Rejects if one does not finish.
 */
export type LookWith = (
  material: HandshakeMaterial,
  version: 'TLSv1.3' | 'TLSv1.2',
) => (
  peer: Pick<HandshakeMaterial, 'key' | 'cert'>,
  role: PeerFacts['role'],
) => Promise<TrialOutcome>

/** SHA-256 over all files, their lengths and which is which, lower-case hex. */
export function contentHashOf({ key, cert, ca, crl }: RawMaterial): string {
  const hash = createHash('sha256')
  for (const [name, file] of Object.entries({ key, cert, ca, crl })) {
    hash.update(file === undefined ? `${name} absent\n` : `${name} ${file.bytes.length}\n`)
    if (file !== undefined) hash.update(file.bytes)
  }
  return hash.digest('hex')
}
