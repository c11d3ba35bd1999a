import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { nearest } from '../fault/nearest.ts'
import { fault } from '../fault.ts'
import { makeCrl, type RevocationReason } from '../x509/crl.ts'
import { toPem } from '../x509/pem.ts'
import type { CertificateAuthority } from './ca.ts'
import { PUBLIC_MODE, stageEach, type Unwritten } from './files.ts'
import {
  entryOfOurs,
  type ForgottenRevocations,
  forgottenRevocations,
  unknownToIndex,
} from './places.ts'
import { type Register, type RegisterEntry, registerFile } from './register.ts'
import {
  type AuthorityRoot,
  type AuthorityState,
  certificatesIn,
  leafDirectories,
  readStateText,
  record,
  trustFiles,
  withKey,
} from './state.ts'

const DAY_MS = 24 * 3600_000
/** When a CRL has expired, new connections are refused: long enough to renew it in time. */
export const CRL_VALID_MS = 30 * DAY_MS
/** Minimum number of hex digits when a serial number is given by its beginning. */
const SERIAL_PREFIX = /^[0-9a-f]{8,40}$/

export interface RevocationOptions {
  readonly reason?: RevocationReason
  /** How long the CRL may be used. */
  readonly crlValidForMs?: number
  /** Copy the CRL into every directory that the CA has written. */
  readonly distribute?: boolean
}

/** The result of a revocation. */
export interface Revocation {
  readonly revoked: readonly RegisterEntry[]
  readonly crl: string
  readonly number: number
  readonly nextUpdate: Date
  /** The directories that have the new CRL. */
  readonly distributed: readonly string[]
  /** The directories that could not be written: a module that can write in its own must not hold up the others. */
  readonly unwritten: readonly Unwritten[]
}

/**
 * Revokes every valid certificate of a name, the one with a serial number (or its first eight
 * digits), or the one in a file, and writes the CRL; with null it only rewrites the CRL. If it throws a Fault, nothing
 * has changed.
 */
export async function revoke(
  authority: CertificateAuthority,
  target: string | null,
  options: RevocationOptions = {},
): Promise<Revocation> {
  const { reason = 'unspecified', crlValidForMs = CRL_VALID_MS, distribute = false } = options
  return authority.change(async (state, now) => {
    // An index restored from a backup lacks the certificates issued since; one of those may be the stolen one.
    const shown = target === null ? undefined : await inFile(state, target)
    const lost = target === null ? [] : await unknownToIndex(state)
    const all = withoutTwins([...state.register.issued, ...lost, ...(shown ?? [])])
    const known = { ...state, register: { ...state.register, issued: all } }
    const chosen = target === null ? [] : choose(known, shown?.[0]?.serial ?? target, now)
    const forgotten = await forgottenRevocations(state)
    const at = now.toISOString()
    const remembered = all.map((entry) =>
      chosen.includes(entry) ? { ...entry, revoked: { at, reason } } : entry,
    )
    const issued = withForgotten(remembered, forgotten, at)
    const number = forgotten.crlNumber + 1
    const register: Register = { ...state.register, issued, crlNumber: number }
    const nextUpdate = new Date(now.getTime() + crlValidForMs)
    const crlPem = await listsOf(state, register, now, nextUpdate)
    const directories = distribute ? await leafDirectories(state) : []
    const files = trustFiles({ bundlePem: state.bundlePem, crlPem })
    const staged = await stageEach(directories.map((directory) => ({ directory, files })))
    const list = { name: 'ca.crl', content: crlPem, mode: PUBLIC_MODE }
    // The list first: if the process ends between the two, the revocation is in force and can be repeated.
    await record(state.directory, [list, registerFile(register, now)], staged)
    const crl = join(state.directory, 'ca.crl')
    const { unwritten } = staged
    const distributed = directories.filter((one) => !unwritten.some((bad) => bad.directory === one))
    return { revoked: chosen, crl, number, nextUpdate, distributed, unwritten }
  })
}

/** What was revoked stays revoked: a rewritten list must not make it valid again. */
function withForgotten(
  entries: readonly RegisterEntry[],
  { revoked }: ForgottenRevocations,
  at: string,
): readonly RegisterEntry[] {
  const again = { at, reason: 'unspecified' as const }
  const isListed = (entry: RegisterEntry) =>
    revoked.some(({ serial, root }) => serial === entry.serial && root.id === entry.issuer)
  const known = entries.map((entry) =>
    entry.revoked === undefined && isListed(entry) ? { ...entry, revoked: again } : entry,
  )
  const lost = revoked.filter(
    ({ serial, root }) => !known.some((one) => one.serial === serial && one.issuer === root.id),
  )
  return [...known, ...lost.map(({ serial, root }) => standIn(serial, root, again))]
}

/** A list has only the serial number of a certificate; a certificate expires with its root at the latest. */
function standIn(
  serial: string,
  { id, certificate }: AuthorityRoot,
  revoked: NonNullable<RegisterEntry['revoked']>,
): RegisterEntry {
  return {
    serial,
    name: 'revoked before a backup was restored',
    uri: '',
    issuer: id,
    notBefore: revoked.at,
    notAfter: certificate.validToDate.toISOString(),
    fingerprint: `of serial ${serial}`,
    directory: null,
    key: 'elsewhere',
    revoked,
  }
}

/** The first certificate of a file, as an index entry; undefined if the target is not a file. */
async function inFile(
  state: AuthorityState,
  target: string,
): Promise<readonly RegisterEntry[] | undefined> {
  const isFile = await stat(target).then(
    (found) => found.isFile(),
    () => false,
  )
  if (!isFile) return undefined
  const [leaf] = certificatesIn(await readStateText(target), target)
  const entry = leaf && entryOfOurs(state, leaf, null)
  if (entry !== undefined) return [entry]
  throw fault('no root of this CA has signed it', {
    where: { file: target },
    hint: 'only the CA that signed a certificate can revoke it',
  })
}

/** Each certificate once; its entry in the index takes precedence. */
function withoutTwins(entries: readonly RegisterEntry[]): readonly RegisterEntry[] {
  const seen = new Set<string>()
  return entries.filter(({ fingerprint: print }) => !seen.has(print) && seen.add(print))
}

/** The CRLs of all roots, one after the other: a peer that has one CRL needs one for each root. */
export async function listsOf(
  { directory, roots }: { readonly directory: string; readonly roots: readonly AuthorityRoot[] },
  register: Register,
  now: Date,
  nextUpdate: Date,
): Promise<string> {
  const lists: string[] = []
  for (const root of roots) {
    const revoked = register.issued.flatMap(({ issuer, serial, revoked: why }) =>
      why === undefined || issuer !== root.id
        ? []
        : [{ serial, at: new Date(why.at), reason: why.reason }],
    )
    const issuer = await withKey(directory, root)
    const spec = { number: register.crlNumber, thisUpdate: now, nextUpdate, revoked }
    lists.push(toPem('X509 CRL', makeCrl(issuer, spec)))
  }
  return lists.join('')
}

function choose(
  { register, roots }: AuthorityState,
  target: string,
  now: Date,
): readonly RegisterEntry[] {
  const wanted = target.toLowerCase().replaceAll(':', '')
  const named = register.issued.filter(({ name }) => name === target)
  const bySerial = SERIAL_PREFIX.test(wanted)
    ? register.issued.filter(({ serial }) => serial.startsWith(wanted))
    : []
  if (bySerial.length > 1) {
    throw fault(`several serial numbers begin with ${target}`, { hint: 'give more of its digits' })
  }
  const found = named.length > 0 ? named : bySerial
  if (found.length === 0) {
    const near = nearest(
      target,
      register.issued.map(({ name }) => name),
    )
    throw fault(`this CA has issued nothing to \`${target}\``, {
      hint:
        near === undefined
          ? 'okapi-sidecar certs status DIR lists the certificates of a CA'
          : `did you mean \`${near}\`?`,
    })
  }
  const valid = found.filter(
    ({ revoked, notAfter }) => revoked === undefined && new Date(notAfter) > now,
  )
  if (valid.length === 0) {
    throw fault(`every certificate of \`${target}\` is already revoked or expired`, {
      hint: 'to give the list to every directory again: okapi-sidecar certs revoke --refresh --distribute',
    })
  }
  const foreign = valid.find(({ issuer }) => !roots.some(({ id }) => id === issuer))
  if (foreign === undefined) return valid
  throw fault(`${foreign.serial} was signed by ${foreign.issuer}, which is no root of this CA`, {
    hint: 'only the CA that signed a certificate can revoke it',
  })
}
