import { createPrivateKey, X509Certificate } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { checkGeneration } from '../../credentials/check-generation.ts'
import { directorySource } from '../../credentials/directory.ts'
import { errorCode, Fault } from '../../fault.ts'
import { readRegular } from '../../pki/disk.ts'
import { shortId } from '../../pki/issuer.ts'
import { keyTitle } from '../../pki/keys.ts'
import { fingerprint } from '../../pki/leaf.ts'
import { lifeMs } from '../../pki/renewal.ts'
import { exists } from '../../pki/state.ts'
import { lookWith } from '../../transport/handshake-check.ts'
import { type Crl, parseCrl } from '../../x509/crl.ts'
import { PemError, pemBlocks, splitPem } from '../../x509/pem.ts'
import { type ChainFound, judge, listProblems, namingOf, openSslProblems } from './judgement.ts'

/** The report on one certificate from any source. */
export interface Inspection {
  /** Where it was found: a directory, a file, an address. */
  readonly place: string
  /** `mod-users-19.7.0`, `operator/anna`; the place if the certificate has no URI. */
  readonly name: string
  readonly uri: string | null
  /** Lower-case hex. */
  readonly serial: string | null
  readonly key: string | null
  readonly notBefore: Date | null
  readonly notAfter: Date | null
  /** The short id of the CA that signed it, if known. */
  readonly issuer: string | null
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string | null
  readonly dns: readonly string[]
  readonly ips: readonly string[]
  /** Phrases; empty if it is fine. */
  readonly problems: readonly string[]
  /** Whether it has expired or expires soon. */
  readonly ending: boolean
}

/** The limit for "soon": a length of time, or (undefined) a third of the certificate's lifetime. */
export interface Horizon {
  readonly now: Date
  readonly withinMs: number | undefined
}

/** What is known about a directory of credentials before it is read. */
export interface DirectoryPlace {
  readonly place: string
  /** Its name if its certificate has no URI. */
  readonly name: string
  /** The CA's trust domain; undefined: that of the certificate is used. */
  readonly trustDomain: string | undefined
  /** Is the key with the sender of a signing request? */
  readonly keyElsewhere: boolean
}

/**
 * Inspects a credentials directory (`tls.crt tls.key ca.crt ca.crl`) without changing or trusting
 * anything. If it seems fine, it gets all checks of `check` and of a starting sidecar, including trial
 * handshakes. Never throws: an unreadable file is a problem like any other.
 */
export async function inspectDirectory(
  { place, name, trustDomain, keyElsewhere }: DirectoryPlace,
  horizon: Horizon,
): Promise<Inspection> {
  const problems: string[] = []
  const chain = await certificates(join(place, 'tls.crt'), problems)
  const roots = await certificates(join(place, 'ca.crt'), problems)
  if (roots.length > 0 && !roots.some(({ ca }) => ca)) problems.push('no CA in ca.crt')
  const crls = await lists(join(place, 'ca.crl'), problems)
  const [leaf] = chain
  if (leaf !== undefined && !keyElsewhere) await keyProblems(join(place, 'tls.key'), leaf, problems)
  problems.push(...listProblems(crls, roots, horizon.now))
  const found = { chain, roots, crls, trustDomain }
  const seen = inspect(place, name, found, horizon, problems)
  if (seen.problems.some((problem) => !isWarning(problem))) return seen
  const refused = keyElsewhere
    ? await openSslProblems(found)
    : await refusedByCheck(place, seen.uri, trustDomain, horizon.now)
  return { ...seen, problems: [...seen.problems, ...refused] }
}

/** Problems of the near future. */
export function isWarning(problem: string): boolean {
  return problem.endsWith(' soon')
}

/** Every error that `check` would report of this directory. */
async function refusedByCheck(
  place: string,
  uri: string | null,
  trustDomain: string | undefined,
  now: Date,
): Promise<readonly string[]> {
  try {
    const raw = await directorySource(place).read()
    const naming = namingOf(uri ?? '', trustDomain)
    await checkGeneration(raw, { ...naming, module: undefined, now: now.getTime(), lookWith })
    return []
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.problems
      .filter(({ severity }) => severity === 'error')
      .map(({ message, where }) =>
        where?.file === undefined ? message : `${fileName(where.file)}: ${message}`,
      )
  }
}

/** Inspects a chain, leaf first, with the roots and CRLs to judge it by. */
export function inspect(
  place: string,
  name: string,
  found: ChainFound,
  horizon: Horizon,
  before: readonly string[] = [],
): Inspection {
  const [leaf] = found.chain
  if (leaf === undefined) return { ...NOTHING, place, name, problems: before }
  const { names, issuer, problems } = judge(found, horizon.now)
  const ending = endsSoon(leaf, horizon)
  const [uri] = names.uris
  return {
    place,
    name: uri === undefined ? name : titleOf(uri),
    uri: uri ?? null,
    serial: leaf.serialNumber.toLowerCase(),
    key: keyTitle(leaf.publicKey),
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
    issuer: issuer === undefined ? null : shortId({ publicKey: issuer.key }),
    fingerprint: fingerprint(leaf),
    dns: names.dns,
    ips: names.ips,
    problems: [...before, ...problems, ...dateProblems(leaf, horizon, ending)],
    ending,
  }
}

const NOTHING = {
  uri: null,
  serial: null,
  key: null,
  notBefore: null,
  notAfter: null,
  issuer: null,
  fingerprint: null,
  dns: [],
  ips: [],
  ending: false,
} as const

/** `mod-users-19.7.0` for a module's URI, `operator/anna` for a person's, else the whole URI. */
export function titleOf(uri: string): string {
  const [, kind, name] = /^spiffe:\/\/[^/]+\/(module|operator|client)\/([^/]+)$/.exec(uri) ?? []
  if (kind === undefined || name === undefined) return uri
  return kind === 'module' ? name : `${kind}/${name}`
}

/** Whether a certificate has expired or expires within the horizon. */
export function endsSoon(certificate: X509Certificate, { now, withinMs }: Horizon): boolean {
  const left = certificate.validToDate.getTime() - now.getTime()
  return left < (withinMs ?? lifeMs(certificate) / 3)
}

function dateProblems(leaf: X509Certificate, { now }: Horizon, ending: boolean): string[] {
  if (leaf.validFromDate > now) return ['not valid yet']
  if (leaf.validToDate < now) return ['expired']
  return ending ? ['ends soon'] : []
}

async function keyProblems(path: string, leaf: X509Certificate, problems: string[]): Promise<void> {
  const pem = await read(path, problems)
  if (pem === undefined) return
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(pem))) problems.push('tls.key is not its key')
  } catch {
    problems.push('tls.key holds no private key')
  }
  const { mode } = await stat(path)
  if ((mode & 0o022) !== 0) problems.push('others may write tls.key')
  else if ((mode & 0o004) !== 0) problems.push('every user may read tls.key')
}

async function certificates(path: string, problems: string[]): Promise<X509Certificate[]> {
  const pem = await read(path, problems)
  if (pem === undefined) return []
  const name = fileName(path)
  try {
    const found = pemBlocks('CERTIFICATE', pem).map((der) => new X509Certificate(der))
    if (found.length === 0) problems.push(`no certificate in ${name}`)
    else problems.push(...strangeText(pem, 'CERTIFICATE', name))
    return found
  } catch {
    problems.push(`a broken certificate in ${name}`)
    return []
  }
}

async function lists(path: string, problems: string[]): Promise<Crl[]> {
  const pem = (await exists(path)) ? await read(path, problems) : undefined
  if (pem === undefined) return []
  try {
    const found = pemBlocks('X509 CRL', pem).map(parseCrl)
    if (found.length === 0) problems.push('no CRL in ca.crl')
    else problems.push(...strangeText(pem, 'X509 CRL', 'ca.crl'))
    return found
  } catch {
    problems.push('a broken CRL in ca.crl')
    return []
  }
}

/** Sidecars only accept files with PEM blocks of one kind and nothing else. */
function strangeText(pem: string, label: string, name: string): readonly string[] {
  try {
    splitPem(Buffer.from(pem), [label])
    return []
  } catch (error) {
    if (error instanceof PemError) return [`${name}: ${error.message}`]
    throw error
  }
}

async function read(path: string, problems: string[]): Promise<string | undefined> {
  try {
    return (await readRegular(path)).content.toString()
  } catch (error) {
    const code = errorCode(error) ?? 'not a regular file'
    const name = fileName(path)
    problems.push(code === 'ENOENT' ? `no ${name}` : `cannot read ${name} (${code})`)
    return undefined
  }
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
