import type { X509Certificate } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Fault } from '../fault.ts'
import { certificateNames } from '../x509/certificate.ts'
import { type Crl, isSignedBy } from '../x509/crl.ts'
import { shortId } from './issuer.ts'
import { fingerprint } from './leaf.ts'
import { subjectOfUri } from './naming.ts'
import type { Register, RegisterEntry } from './register.ts'
import {
  type AuthorityRoot,
  type AuthorityState,
  crlsIn,
  currentLeaf,
  exists,
  leafDirectories,
  readStateText,
} from './state.ts'

/**
 * The name that a folder belongs to, by the index: every folder that a CA writes ends in the name of its
 * certificate. Undefined if the index has no such folder.
 */
export function placeOf(
  { issued }: Register,
  authority: string,
  directory: string,
): string | undefined {
  const place = relative(authority, directory)
  return issued.find((entry) => entry.directory === place && endsIn(place, entry.name))?.name
}

function endsIn(place: string, name: string): boolean {
  return `/${place}`.endsWith(`/${name}`)
}

/** The index entry for a certificate if a root of this CA signed it, whether or not the index has it. */
export function entryOfOurs(
  { directory: authority, register, roots }: AuthorityState,
  leaf: X509Certificate,
  directory: string | null,
): RegisterEntry | undefined {
  const root = roots.find(({ certificate }) => {
    return leaf.checkIssued(certificate) && leaf.verify(certificate.publicKey)
  })
  const [uri = ''] = certificateNames(leaf.raw).uris
  const name = subjectOfUri(uri, register.trustDomain)?.title
  if (root === undefined || name === undefined) return undefined
  return {
    serial: leaf.serialNumber.toLowerCase(),
    name,
    uri,
    issuer: shortId(root.certificate),
    notBefore: leaf.validFromDate.toISOString(),
    notAfter: leaf.validToDate.toISOString(),
    fingerprint: fingerprint(leaf),
    directory: directory === null ? null : relative(authority, directory),
    key: directory !== null ? 'here' : 'elsewhere',
  }
}

/** Certificates in the CA's folders that it signed but its index lacks: the index was restored from an older backup. */
export async function unknownToIndex(state: AuthorityState): Promise<readonly RegisterEntry[]> {
  const known = new Set(state.register.issued.map((entry) => entry.fingerprint))
  const places = new Set([...(await leafDirectories(state)), ...(await below(state.directory, 2))])
  const found: RegisterEntry[] = []
  for (const place of places) {
    const leaf = await currentLeaf(place).catch(() => undefined)
    if (leaf === undefined || known.has(fingerprint(leaf))) continue
    const entry = entryOfOurs(state, leaf, place)
    if (entry !== undefined) found.push(entry)
  }
  return found
}

/** Revocations in newer lists in the CA's folders, which an index restored from a backup lacks. */
export interface ForgottenRevocations {
  /** The highest number of a list; the index's number if none is higher. */
  readonly crlNumber: number
  readonly revoked: readonly { readonly serial: string; readonly root: AuthorityRoot }[]
}

/** Reads the lists with a higher number than the index has. */
export async function forgottenRevocations(state: AuthorityState): Promise<ForgottenRevocations> {
  const { directory, register, roots } = state
  let { crlNumber } = register
  const revoked = new Map<string, { serial: string; root: AuthorityRoot }>()
  const places = [directory, ...(await leafDirectories(state)), ...(await below(directory, 2))]
  for (const place of new Set(places)) {
    for (const list of await listsOfPlace(place)) {
      const number = Number(list.number ?? 0n)
      const root = roots.find(({ certificate }) => isSignedBy(list, certificate.publicKey))
      if (root === undefined || number <= register.crlNumber) continue
      crlNumber = Math.max(crlNumber, number)
      for (const serial of list.revoked) revoked.set(`${root.id} ${serial}`, { serial, root })
    }
  }
  return { crlNumber, revoked: [...revoked.values()] }
}

/** Empty if there is no list, or none that can be read. */
async function listsOfPlace(place: string): Promise<readonly Crl[]> {
  const file = join(place, 'ca.crl')
  if (!(await exists(file))) return []
  try {
    return crlsIn(await readStateText(file), file)
  } catch (error) {
    if (error instanceof Fault) return []
    throw error
  }
}

/**
 * The names that a CA has issued to, as far as their folders are still there, without those revoked last. What
 * is not in the index is named too, so that it is reported. The folders themselves are not asked for names: a
 * module that may write in its own could put the certificate of another there, and would get a key for it.
 */
export async function namesIssued(state: AuthorityState): Promise<readonly string[]> {
  const { directory, register } = state
  const last = new Map(register.issued.map((entry) => [entry.name, entry]))
  const lost = await unknownToIndex(state)
  for (const entry of lost) if (!last.has(entry.name)) last.set(entry.name, entry)
  const names: string[] = []
  for (const { name, directory: place, revoked } of last.values()) {
    if (place !== name || revoked !== undefined) continue
    if (await exists(join(directory, place))) names.push(name)
  }
  return names.toSorted()
}

/** The names of all folders in a CA's folder that have a certificate; none if it cannot be read. */
export async function namesBelow(directory: string): Promise<readonly string[]> {
  const places = await below(directory, 2).catch(() => [])
  return places.map((place) => relative(directory, place))
}

/** `DIR/mod-users-19.7.0`, `DIR/operator/anna`. */
async function below(directory: string, depth: number): Promise<readonly string[]> {
  const found: string[] = []
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue
    const path = join(directory, entry.name)
    if (await exists(join(path, 'tls.crt'))) found.push(path)
    else if (depth > 1) found.push(...(await below(path, depth - 1)))
  }
  return found
}
