import { type KeyObject, X509Certificate } from 'node:crypto'
import { join, relative } from 'node:path'
import { fault } from '../fault.ts'
import { LEAF_KEY_MODE, type NewFile, PUBLIC_MODE, stage } from './files.ts'
import { chainPem, type Issuer, makeLeaf, shortId } from './issuer.ts'
import { leafNames, type Subject } from './naming.ts'
import { type RegisterEntry, registerFile } from './register.ts'
import { type AuthorityState, exists, record, trustFiles } from './state.ts'

/** A leaf as it was written. */
export interface Issued {
  readonly subject: Subject
  readonly dir: string
  /** Leaf and intermediates, as `tls.crt` holds them. */
  readonly certPem: string
  /** Null when no key is written: for a signing request, or a key that was kept. */
  readonly keyPem: string | null
  readonly certificate: X509Certificate
  readonly dns: readonly string[]
  readonly ips: readonly string[]
  /** Whether it replaced another certificate. */
  readonly replaced: boolean
  /** The files in `dir` that were written, by name. */
  readonly files: readonly string[]
}

/** A leaf to be made. */
export interface LeafPlan {
  readonly subject: Subject
  readonly dns: readonly string[]
  readonly ips: readonly string[]
  readonly publicKey: KeyObject
  /** Null when the key is not ours to write. */
  readonly keyPem: string | null
  readonly validForMs: number
  readonly now: Date
  /** Its directory, as a complete path. */
  readonly dir: string
  /** An intermediate that signs instead of the root. */
  readonly under?: Issuer
  /** Write the directory the way Kubernetes mounts a secret: one symlink swapped for all files. */
  readonly mounted?: boolean
}

/**
 * Signs a leaf, adds it to the index and writes its directory, including trust bundle and CRL.
 * The caller holds the CA's lock. If it throws a Fault, nothing has changed.
 */
export async function writeLeaf(state: AuthorityState, plan: LeafPlan): Promise<Issued> {
  const { subject, dir, now, validForMs, publicKey, dns, ips } = plan
  const parent = plan.under ?? state.signing
  mustOutlive(parent, now, validForMs)
  const names = leafNames(subject.uri, dns, ips)
  // Brokers and databases read the common name: `client/mod-a-1.0.0` must not have that of the module.
  const der = makeLeaf(parent, { commonName: subject.title, names, publicKey, now, validForMs })
  const certificate = new X509Certificate(der)
  const certPem = chainPem(der, parent)
  const replaced = await exists(join(dir, 'tls.crt'))
  const key: NewFile[] =
    plan.keyPem === null ? [] : [{ name: 'tls.key', content: plan.keyPem, mode: LEAF_KEY_MODE }]
  const files = [
    ...key,
    { name: 'tls.crt', content: certPem, mode: PUBLIC_MODE },
    ...trustFiles(state),
  ]
  const entry = await entryOf(state, plan, parent, certificate)
  const issued = [...state.register.issued, entry]
  const staged = await stage(dir, files, plan.mounted)
  await record(state.directory, [registerFile({ ...state.register, issued }, now)], staged)
  const { keyPem } = plan
  const written = files.map(({ name }) => name)
  return { subject, dir, certPem, keyPem, certificate, dns, ips, replaced, files: written }
}

async function entryOf(
  state: AuthorityState,
  { subject, dir, keyPem }: LeafPlan,
  parent: Issuer,
  certificate: X509Certificate,
): Promise<RegisterEntry> {
  const here = keyPem !== null || (await exists(join(dir, 'tls.key')))
  return {
    serial: certificate.serialNumber.toLowerCase(),
    name: subject.title,
    uri: subject.uri,
    issuer: shortId(parent.certificate),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    fingerprint: fingerprint(certificate),
    directory: relative(state.directory, dir),
    key: here ? 'here' : 'elsewhere',
  }
}

/** SHA-256 of the whole certificate, lower-case hex without colons. */
export function fingerprint(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}

function mustOutlive(parent: Issuer, now: Date, validForMs: number): void {
  const end = parent.certificate.validToDate
  if (now.getTime() + validForMs <= end.getTime()) return
  throw fault(`the CA certificate expires on ${end.toISOString()}, before this certificate would`, {
    hint: 'use a shorter --valid-for, or start a new root: okapi-sidecar certs rollover start',
  })
}
