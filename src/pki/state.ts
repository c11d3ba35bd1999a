import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, Fault, fault } from '../fault.ts'
import { type Crl, parseCrl } from '../x509/crl.ts'
import { DerError } from '../x509/der.ts'
import { pemBlocks } from '../x509/pem.ts'
import { readRegular } from './disk.ts'
import { type NewFile, PUBLIC_MODE, type Staged, stage } from './files.ts'
import { type Issuer, issuer, shortId } from './issuer.ts'
import { type Register, type RootEntry, readRegister } from './register.ts'

/** A root of the CA with its certificate. Its key stays in its file until something is signed. */
export interface AuthorityRoot extends RootEntry {
  readonly certificate: X509Certificate
}

/** The content of a CA's directory, read at one moment. */
export interface AuthorityState {
  readonly directory: string
  readonly register: Register
  /** Every trusted root; during a rollover there are two. */
  readonly roots: readonly AuthorityRoot[]
  /** The root that signs now, with its key. */
  readonly signing: Issuer
  /** All roots, as `ca.crt` holds them. */
  readonly bundlePem: string
  /** The CRL of every root, as `ca.crl` holds them; null while the CA has none. */
  readonly crlPem: string | null
}

/** Reads a CA's directory. Throws a Fault that names the file at fault. */
export async function readState(directory: string): Promise<AuthorityState> {
  const register = await readRegister(directory)
  const bundle = join(directory, 'ca.crt')
  const bundlePem = await readStateText(bundle)
  const certificates = certificatesIn(bundlePem, bundle)
  const roots = register.roots.map((entry) => {
    const certificate = certificates.find((one) => shortId(one) === entry.id)
    if (certificate !== undefined) return { ...entry, certificate }
    throw fault(`the root ${entry.id} is not in it`, {
      where: { file: bundle },
      hint: 'restore it from a backup',
    })
  })
  const signing = roots.find(({ state }) => state === 'signing')
  if (signing === undefined) throw fault(`the CA in ${directory} has no root that signs`)
  const crl = join(directory, 'ca.crl')
  return {
    directory,
    register,
    roots,
    signing: await withKey(directory, signing),
    bundlePem,
    crlPem: (await exists(crl)) ? await readStateText(crl) : null,
  }
}

/** A root with its key, ready to sign. Throws a Fault when the key is missing or of another certificate. */
export async function withKey(directory: string, root: AuthorityRoot): Promise<Issuer> {
  const file = join(directory, root.key)
  const key = privateKey(await readStateText(file), file)
  if (!root.certificate.checkPrivateKey(key)) {
    throw fault(`this is not the key of the root ${root.id}`, { where: { file } })
  }
  try {
    return { ...issuer(root.certificate.raw, key), chain: [] }
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    throw fault(`no sidecar can read the certificate of the root ${root.id}: ${error.message}`)
  }
}

/** The other files in a leaf's directory: trust bundle and CRLs. */
export function trustFiles({ bundlePem, crlPem }: Pick<AuthorityState, 'bundlePem' | 'crlPem'>) {
  const files: NewFile[] = [{ name: 'ca.crt', content: bundlePem, mode: PUBLIC_MODE }]
  if (crlPem !== null) files.push({ name: 'ca.crl', content: crlPem, mode: PUBLIC_MODE })
  return files
}

/**
 * Commits the CA's own files in their order, including the index, and only then what was staged
 * elsewhere: no certificate may be in use that the CA does not know and could not revoke.
 */
export async function record(
  directory: string,
  own: readonly NewFile[],
  elsewhere?: Staged,
): Promise<void> {
  try {
    const staged = await stage(directory, own)
    await staged.commit()
    await elsewhere?.commit()
  } catch (error) {
    await elsewhere?.abandon()
    throw error
  }
}

/** The directories with leaves that still exist, each once. */
export async function leafDirectories({
  directory,
  register,
}: AuthorityState): Promise<readonly string[]> {
  const known = new Set(register.issued.flatMap((entry) => entry.directory ?? []))
  const found: string[] = []
  for (const relative of known) {
    const path = join(directory, relative)
    if (await exists(join(path, 'tls.crt'))) found.push(path)
  }
  return found
}

/** The leaf in a directory; throws a Fault if there is no readable one. */
export async function currentLeaf(dir: string): Promise<X509Certificate> {
  const file = join(dir, 'tls.crt')
  const [leaf] = certificatesIn(await readStateText(file), file)
  if (leaf === undefined) throw fault('there is no certificate in it', { where: { file } })
  return leaf
}

/** The certificates of a PEM file; throws a Fault when there is none or one is broken. */
export function certificatesIn(pem: string, file: string): readonly X509Certificate[] {
  const found = pemBlocks('CERTIFICATE', pem)
  if (found.length === 0) throw fault('there is no certificate in it', { where: { file } })
  return found.map((der) => {
    try {
      return new X509Certificate(der)
    } catch {
      throw fault('this is not a certificate', { where: { file } })
    }
  })
}

/** The revocation lists of a PEM file; throws a Fault when one is broken. */
export function crlsIn(pem: string, file: string): readonly Crl[] {
  return pemBlocks('X509 CRL', pem).map((der) => {
    try {
      return parseCrl(der)
    } catch (error) {
      if (!(error instanceof DerError)) throw error
      throw fault(`this is not a revocation list: ${error.message}`, { where: { file } })
    }
  })
}

/** A private key from PEM text; throws a Fault that names the file. */
export function privateKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw fault('this is not a private key without passphrase', { where: { file } })
  }
}

/** A file's text; throws a Fault that names it. */
export async function readStateText(path: string): Promise<string> {
  const { content } = await readRegular(path).catch((error) => {
    if (error instanceof Fault) throw error
    throw fault(`cannot read ${path} (${errorCode(error) ?? String(error)})`)
  })
  return content.toString()
}

/** Whether something is there under that name. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
