import { createHash, type KeyObject } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { Fault, type Problem } from '../fault.ts'
import type { TrustBundle } from '../trust/bundle.ts'
import type { Certificate } from '../trust/certificate.ts'
import type { BoundCrl } from '../trust/crl.ts'
import type { Identity } from '../trust/identity.ts'
import { toPem } from '../trust/pem.ts'
import { Problems } from './problems.ts'
import { readBundle } from './read-bundle.ts'
import { readCrls } from './read-crls.ts'
import { readOwnChain } from './read-own-chain.ts'
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
}

/** Checks everything together. Throws a Fault that names every problem found. */
export function checkGeneration(raw: RawMaterial, expected: Expectation): Generation {
  const problems = new Problems()
  for (const file of [raw.key, raw.cert, raw.ca, raw.crl]) {
    if (file !== undefined) checkMode(file, file === raw.key, problems)
  }
  const bundle = readBundle(raw.ca, expected.now, problems)
  const crls = bundle && readCrls(raw.crl, bundle, expected.now, problems)
  const own = readOwnChain(raw, bundle, expected, problems)
  if (problems.any || bundle === undefined || crls === undefined || own === undefined) {
    throw new Fault(problems.all)
  }
  warnOfOwnRevocation(own.leaf, crls, raw.cert, problems)
  const material = {
    keyPem: own.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certPem: own.presented.map(({ der }) => toPem('CERTIFICATE', der)).join(''),
    caPems: bundle.authorities.map(({ der }) => toPem('CERTIFICATE', der)),
    crlPems: crls.map(({ der }) => toPem('X509 CRL', der)),
  }
  checkWithOpenssl(material, raw, problems)
  if (problems.any) throw new Fault(problems.all)
  return {
    number: expected.number ?? 1,
    ...material,
    ...own,
    bundle,
    crls,
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

/** Who can change a file can become this module, or choose whom it trusts. */
function checkMode({ path, mode }: RawFile, isKey: boolean, problems: Problems): void {
  if (mode === undefined) return
  const octal = (mode & 0o7777).toString(8).padStart(4, '0')
  if ((mode & 0o022) !== 0) {
    problems.error(path, `others may write it (mode ${octal})`, `chmod go-w ${path}`)
  } else if (isKey && (mode & 0o004) !== 0) {
    // Kubernetes mounts secrets as 0644 unless told otherwise.
    problems.warning(
      path,
      `everybody may read the private key (mode ${octal})`,
      `chmod o-r ${path}`,
    )
  }
}

/** New lists must take effect even where we stand on one ourselves: so this is no error. */
function warnOfOwnRevocation(
  leaf: Certificate,
  crls: readonly BoundCrl[],
  file: RawFile,
  problems: Problems,
): void {
  const listed = crls.some(
    (crl) => crl.issuer.key === leaf.issuer.key && crl.revoked.has(leaf.serial.hex),
  )
  if (!listed) return
  const message = `our own certificate (serial ${leaf.serial.hex}) is revoked: peers will refuse us`
  problems.warning(file.path, message, 'issue a new key and certificate')
}

/** OpenSSL has the last word: what it does not load would fail when a listener switches over. */
function checkWithOpenssl(
  material: Pick<Generation, 'keyPem' | 'certPem' | 'caPems' | 'crlPems'>,
  raw: RawMaterial,
  problems: Problems,
): void {
  const { keyPem, certPem, caPems, crlPems } = material
  try {
    createSecureContext({
      key: keyPem,
      cert: certPem,
      ca: [...caPems],
      ...(crlPems.length > 0 && { crl: [...crlPems] }),
    })
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    problems.error(raw.cert.path, `OpenSSL does not take these credentials: ${said}`)
  }
}
