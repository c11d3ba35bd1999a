import { createHash, type KeyObject } from 'node:crypto'
import { Fault, type Problem } from '../fault.ts'
import type { TrustBundle } from '../trust/bundle.ts'
import type { Chain } from '../trust/chain.ts'
import type { Identity } from '../trust/identity.ts'
import { issuedRecords, revokedOf } from '../trust/revocation.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { BoundCrl } from '../x509/crl.ts'
import { toPem } from '../x509/pem.ts'
import { checkMode } from './check-mode.ts'
import { checkHandshakes, type LookWith } from './handshake-problems.ts'
import { Problems } from './problems.ts'
import { readBundle } from './read-bundle.ts'
import { readCrls } from './read-crls.ts'
import { type OwnChain, readOwnChain } from './read-own-chain.ts'
import type { RawFile, RawMaterial } from './source.ts'

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
  /** One list each: of several in one text Node reads only the first. Empty: no revocation. */
  readonly crlPems: readonly string[]
  /** What we present, leaf first. */
  readonly presented: readonly Certificate[]
  readonly leaf: Certificate
  /** The leaf and what is above it, up to the root. */
  readonly chain: Chain
  readonly identity: Identity
  readonly bundle: TrustBundle
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
  /** What a person should know although it is no obstacle. */
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

/**
 * Checks everything together, trial handshakes included: what start, reload and `check` go by. Throws
 * a Fault that names every problem found.
 */
export async function checkGeneration(
  raw: RawMaterial,
  expected: Expectation,
): Promise<Generation> {
  const problems = new Problems()
  const generation = read(raw, expected, problems)
  await checkHandshakes(generation, raw, expected, problems)
  if (problems.any) throw new Fault(problems.all)
  return { ...generation, warnings: problems.all }
}

/** The same without handshakes, for what has been checked elsewhere. Throws a Fault. */
export function readGeneration(
  raw: RawMaterial,
  expected: Omit<Expectation, 'lookWith'>,
): Generation {
  return read(raw, expected, new Problems())
}

function read(
  raw: RawMaterial,
  expected: Omit<Expectation, 'lookWith'>,
  problems: Problems,
): Generation {
  for (const file of [raw.key, raw.cert, raw.ca, raw.crl]) {
    if (file !== undefined) checkMode(file, file === raw.key, problems)
  }
  const bundle = readBundle(raw.ca, expected.now, problems)
  const { now, knownCrls: known = [] } = expected
  const lists = bundle && readCrls(raw.crl, { bundle, now, known }, problems)
  const own = readOwnChain(raw, bundle, expected, problems)
  if (problems.any || bundle === undefined || lists === undefined || own === undefined) {
    throw new Fault(problems.all)
  }
  const { crls } = lists
  warnOfOwnRevocation(own, crls, raw.cert, problems)
  const material = {
    keyPem: own.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certPem: own.presented.map(({ der }) => toPem('CERTIFICATE', der)).join(''),
    caPems: bundle.authorities.map(({ der }) => toPem('CERTIFICATE', der)),
    crlPems: crls.map(({ der }) => toPem('X509 CRL', der)),
  }
  return {
    number: expected.number ?? 1,
    ...material,
    ...own,
    bundle,
    crls,
    crlsKept: lists.kept,
    crlsEnd: crls.length === 0 ? undefined : Math.min(...crls.map((crl) => crl.nextUpdate)),
    loadedAt: expected.now,
    contentHash: contentHashOf(raw),
    warnings: problems.all,
  }
}

/** SHA-256 over all files, their lengths and which is which, lower-case hex. */
export function contentHashOf({ key, cert, ca, crl }: RawMaterial): string {
  const hash = createHash('sha256')
  for (const [name, file] of Object.entries({ key, cert, ca, crl })) {
    hash.update(file === undefined ? `${name} absent\n` : `${name} ${file.bytes.length}\n`)
    if (file !== undefined) hash.update(file.bytes)
  }
  return hash.digest('hex')
}

/** New lists must take effect even where we stand on one ourselves: so this is no error. */
function warnOfOwnRevocation(
  { chain }: OwnChain,
  crls: readonly BoundCrl[],
  file: RawFile,
  problems: Problems,
): void {
  const revoked = revokedOf(issuedRecords(chain), crls)
  if (revoked === undefined) return
  const message = `our own certificate is revoked: ${revoked.because}; peers will refuse us`
  problems.warning(file.path, message, 'issue a new key and certificate')
}
