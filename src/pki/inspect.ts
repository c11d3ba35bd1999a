import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../fault.ts'
import { chainOf } from './chain.ts'
import { type Crl, readCrl } from './crl.ts'
import { encode } from './der.ts'
import { shortId, subjectDer } from './issuer.ts'
import { isStrong, keyTitle } from './keys.ts'
import { fingerprint } from './leaf.ts'
import { blocks } from './pem.ts'
import { certificateNames, type Names } from './read.ts'
import { lifeMs } from './renewal.ts'

/** What is to be said of one certificate, wherever it was found. */
export interface Inspection {
  /** Its place: a directory, a file, an address. */
  readonly place: string
  /** `mod-users-19.7.0`, `operator/anna`; the place where the certificate names nobody. */
  readonly name: string
  readonly uri: string | null
  /** Lower-case hex. */
  readonly serial: string | null
  readonly key: string | null
  readonly notBefore: Date | null
  readonly notAfter: Date | null
  /** The short id of the CA that signed it, where that is known. */
  readonly issuer: string | null
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string | null
  readonly dns: readonly string[]
  readonly ips: readonly string[]
  /** Each a phrase; none when all is well. */
  readonly problems: readonly string[]
  /** Whether it ends soon, or has. */
  readonly ending: boolean
}

/** How soon is soon: a length of time, or (undefined) a third of the certificate's own life. */
export interface Horizon {
  readonly now: Date
  readonly withinMs: number | undefined
}

interface Found {
  readonly chain: readonly X509Certificate[]
  readonly roots: readonly X509Certificate[]
  readonly crls: readonly Crl[]
}

/**
 * Looks at a credentials directory (`tls.crt tls.key ca.crt ca.crl`) without changing or believing
 * anything. Never throws: what cannot be read is a problem like any other.
 */
export async function inspectDirectory(
  place: string,
  name: string,
  horizon: Horizon,
  keyElsewhere = false,
): Promise<Inspection> {
  const problems: string[] = []
  const chain = await certificates(join(place, 'tls.crt'), problems)
  const roots = await certificates(join(place, 'ca.crt'), problems)
  if (roots.length > 0 && !roots.some(({ ca }) => ca)) problems.push('no CA in ca.crt')
  const crls = await lists(join(place, 'ca.crl'), problems)
  const [leaf] = chain
  if (leaf !== undefined && !keyElsewhere) await keyProblems(join(place, 'tls.key'), leaf, problems)
  problems.push(...listProblems(crls, roots, horizon.now))
  return inspect(place, name, { chain, roots, crls }, horizon, problems)
}

/** Looks at a chain, leaf first, by the roots and CRLs that are to judge it. */
export function inspect(
  place: string,
  name: string,
  { chain, roots, crls }: Found,
  horizon: Horizon,
  before: readonly string[] = [],
): Inspection {
  const [leaf, ...intermediates] = chain
  if (leaf === undefined) return { ...NOTHING, place, name, problems: before }
  const problems = [...before]
  const names = namesOf(leaf)
  const { path, root } = chainOf(leaf, intermediates, roots)
  if (roots.length > 0 && root === undefined) problems.push('no root in ca.crt certifies it')
  problems.push(...leafProblems(leaf, names))
  for (const one of path.slice(1)) {
    if (isOver(one, horizon.now)) problems.push(`its issuer ${shortId(one)} has expired`)
  }
  if (isListed(leaf, path[1], crls)) problems.push('revoked')
  const ending = endsSoon(leaf, horizon)
  problems.push(...dateProblems(leaf, horizon, ending))
  const [uri] = names.uris
  return {
    place,
    name: uri === undefined ? name : titleOf(uri),
    uri: uri ?? null,
    serial: leaf.serialNumber.toLowerCase(),
    key: keyTitle(leaf.publicKey),
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
    issuer: path[1] === undefined ? null : shortId(path[1]),
    fingerprint: fingerprint(leaf),
    dns: names.dns,
    ips: names.ips,
    problems,
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

/** `mod-users-19.7.0` of a module's URI, `operator/anna` of a person's, else the whole URI. */
export function titleOf(uri: string): string {
  const [, kind, name] = /^spiffe:\/\/[^/]+\/(module|operator|client)\/([^/]+)$/.exec(uri) ?? []
  if (kind === undefined || name === undefined) return uri
  return kind === 'module' ? name : `${kind}/${name}`
}

/** Whether a certificate ends within the horizon, or has ended. */
export function endsSoon(certificate: X509Certificate, { now, withinMs }: Horizon): boolean {
  const left = certificate.validToDate.getTime() - now.getTime()
  return left < (withinMs ?? lifeMs(certificate) / 3)
}

function dateProblems(leaf: X509Certificate, { now }: Horizon, ending: boolean): string[] {
  if (leaf.validFromDate > now) return ['not valid yet']
  if (isOver(leaf, now)) return ['expired']
  return ending ? ['ends soon'] : []
}

function leafProblems(leaf: X509Certificate, { uris }: Names): string[] {
  const problems: string[] = []
  if (uris.length === 0) problems.push('no URI SAN: it proves no identity')
  if (uris.length > 1) problems.push(`${uris.length} URI SANs: one is an identity`)
  if (leaf.ca) problems.push('CA:TRUE in a leaf')
  if (!isStrong(leaf.publicKey)) problems.push(`weak key ${keyTitle(leaf.publicKey)}`)
  const purposes = leaf.keyUsage ?? []
  for (const [purpose, title] of PURPOSES) {
    if (!purposes.includes(purpose)) problems.push(`not for ${title}`)
  }
  return problems
}

const PURPOSES = [
  ['1.3.6.1.5.5.7.3.1', 'serverAuth'],
  ['1.3.6.1.5.5.7.3.2', 'clientAuth'],
] as const

function isOver({ validToDate }: X509Certificate, now: Date): boolean {
  return validToDate < now
}

function isListed(
  leaf: X509Certificate,
  issuer: X509Certificate | undefined,
  crls: readonly Crl[],
): boolean {
  if (issuer === undefined) return false
  const serial = leaf.serialNumber.toLowerCase()
  return crls.some((crl) => crl.isSignedBy(issuer.publicKey) && crl.serials.has(serial))
}

/** Once there is any CRL, OpenSSL refuses whoever hangs on a CA that has no current one. */
export function listProblems(
  crls: readonly Crl[],
  roots: readonly X509Certificate[],
  now: Date,
): readonly string[] {
  if (crls.length === 0) return []
  const problems: string[] = []
  for (const root of roots) {
    const name = encode(subjectDer(root.raw))
    const own = crls.filter((crl) => crl.issuer.equals(name) && crl.isSignedBy(root.publicKey))
    if (own.length === 0) problems.push(`ca.crl says nothing of ${shortId(root)}`)
    const lefts = own.map((crl) => lifeLeft(crl, now))
    const left = Math.max(...lefts)
    if (own.length > 0 && left < 0) problems.push(`ca.crl of ${shortId(root)} has run out`)
    else if (left >= 0 && left < 1 / 3) problems.push(`ca.crl of ${shortId(root)} runs out soon`)
  }
  return problems
}

/** How much of a CRL's life is left, from 1 to below 0; one without end has all of it. */
function lifeLeft({ thisUpdate, nextUpdate }: Crl, now: Date): number {
  if (nextUpdate === null) return 1
  const end = nextUpdate.getTime()
  return (end - now.getTime()) / (end - thisUpdate.getTime())
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
  else if ((mode & 0o004) !== 0) problems.push('everybody may read tls.key')
}

async function certificates(path: string, problems: string[]): Promise<X509Certificate[]> {
  const pem = await read(path, problems)
  if (pem === undefined) return []
  const name = fileName(path)
  try {
    const found = blocks('CERTIFICATE', pem).map((der) => new X509Certificate(der))
    if (found.length === 0) problems.push(`no certificate in ${name}`)
    return found
  } catch {
    problems.push(`a broken certificate in ${name}`)
    return []
  }
}

async function lists(path: string, problems: string[]): Promise<Crl[]> {
  const pem = await readFile(path, 'utf8').catch((error) => {
    if (errorCode(error) !== 'ENOENT') problems.push(`cannot read ca.crl (${errorCode(error)})`)
    return undefined
  })
  if (pem === undefined) return []
  try {
    const found = blocks('X509 CRL', pem).map(readCrl)
    if (found.length === 0) problems.push('no CRL in ca.crl')
    return found
  } catch {
    problems.push('a broken CRL in ca.crl')
    return []
  }
}

async function read(path: string, problems: string[]): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error) => {
    const code = errorCode(error)
    const name = fileName(path)
    problems.push(code === 'ENOENT' ? `no ${name}` : `cannot read ${name} (${code})`)
    return undefined
  })
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function namesOf(leaf: X509Certificate): Names {
  try {
    return certificateNames(leaf.raw)
  } catch {
    return { uris: [], dns: [], ips: [], others: 0 }
  }
}
