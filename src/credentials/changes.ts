import type { Authority } from '../trust/bundle.ts'
import type { Generation } from './generation.ts'

/** What a new generation brings, for one line of the log. */
export interface Changes {
  /** Of the leaf, lower-case hex. */
  readonly serial: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
  /** `CN=root2 (SHA-256 ...)`, for each root that is new or gone. */
  readonly rootsAdded: readonly string[]
  readonly rootsRemoved: readonly string[]
  /** Serial numbers that are revoked now and were not before. */
  readonly newlyRevoked: number
}

/** Compares two generations; without a previous one everything is new. */
export function changesBetween(previous: Generation | undefined, next: Generation): Changes {
  const before = previous?.bundle.roots ?? []
  const after = next.bundle.roots
  const revokedBefore = new Set(previous?.crls.flatMap(revokedIn))
  return {
    serial: next.leaf.serial.hex,
    notAfter: next.notAfter,
    rootsAdded: without(after, before),
    rootsRemoved: without(before, after),
    newlyRevoked: next.crls.flatMap(revokedIn).filter((each) => !revokedBefore.has(each)).length,
  }
}

function without(roots: readonly Authority[], others: readonly Authority[]): readonly string[] {
  const known = new Set(others.map(({ fingerprint256 }) => fingerprint256))
  return roots
    .filter(({ fingerprint256 }) => !known.has(fingerprint256))
    .map(({ subject, fingerprint256 }) => `${subject.text} (SHA-256 ${fingerprint256})`)
}

function revokedIn({ signedBy, revoked }: Generation['crls'][number]): readonly string[] {
  return [...revoked].map((serial) => `${signedBy}/${serial}`)
}
