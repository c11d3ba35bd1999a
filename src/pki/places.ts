import type { X509Certificate } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { certificateNames } from '../x509/certificate.ts'
import { shortId } from './issuer.ts'
import { fingerprint } from './leaf.ts'
import { subjectOfUri } from './naming.ts'
import type { Register, RegisterEntry } from './register.ts'
import { type AuthorityState, currentLeaf, exists, leafDirectories } from './state.ts'

/**
 * Whose place a folder is by the index: every folder that a CA writes ends in the name of its certificate.
 * Undefined where the index knows no such folder.
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

/** Has a root of this CA signed it, whatever the index says? Its entry as the index would have it. */
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

/** What is in the CA's folders and signed by it, and not in its index: that was restored from an older backup. */
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
