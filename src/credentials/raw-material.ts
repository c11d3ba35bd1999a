import type { Problem } from '../fault.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { DerError } from '../x509/der.ts'
import { PemError, splitPem } from '../x509/pem.ts'

/** One piece of trust material as it was found. */
export interface RawFile {
  readonly bytes: Buffer
  /** Where it was read, for messages. */
  readonly path: string
  /** `st_mode`, where it is a file. */
  readonly mode?: number
}

/** Everything of one generation, read together and not yet verified. */
export interface RawMaterial {
  /** PEM, one private key. */
  readonly key: RawFile
  /** PEM, leaf first, then the intermediates that we present. */
  readonly cert: RawFile
  /** PEM, the trust bundle. */
  readonly ca: RawFile
  /** PEM, any number of revocation lists; absent: revocation is not checked. */
  readonly crl?: RawFile
  /** It came from an agent, which renews it all and takes out what has ended: no person replaces a part. */
  readonly byAgent?: true
}

/** Where trust material comes from: a directory now, the SPIFFE Workload API later. */
export interface CredentialSource {
  /** For logs: `/certs`. */
  readonly description: string
  /** Reads everything once. Throws a Fault that names what could not be read. */
  read(): Promise<RawMaterial>
  /** Calls back whenever something may have changed; false alarms are fine. Returns the stop. */
  watch(onChange: () => void): () => void
}

/** Collects all errors of a generation, so that an operator can fix them at once. */
export class Problems {
  readonly #list: Problem[] = []

  get all(): readonly Problem[] {
    return this.#list
  }

  /** Is there an error among them? */
  get any(): boolean {
    return this.#list.some(({ severity }) => severity === 'error')
  }

  error(file: string, message: string, hint?: string): void {
    this.#add('error', file, message, hint)
  }

  warning(file: string, message: string, hint?: string): void {
    this.#add('warning', file, message, hint)
  }

  #add(severity: Problem['severity'], file: string, message: string, hint?: string): void {
    this.#list.push({ severity, message, where: { file }, ...(hint !== undefined && { hint }) })
  }
}

/** A user who can change these files can become this module, or choose what it trusts. */
export function checkMode({ path, mode }: RawFile, isKey: boolean, problems: Problems): void {
  if (mode === undefined) return
  const octal = (mode & 0o7777).toString(8).padStart(4, '0')
  if ((mode & 0o022) !== 0) {
    problems.error(path, `others may write it (mode ${octal})`, `chmod go-w ${path}`)
  } else if (isKey && (mode & 0o004) !== 0) {
    // Kubernetes mounts secrets as 0644 unless told otherwise.
    problems.warning(
      path,
      `every user may read the private key (mode ${octal})`,
      `chmod o-r ${path}`,
    )
  }
}

/** The certificates of a PEM file, in order; undefined where anything in it cannot be read. */
export function readCertificates(
  file: RawFile,
  problems: Problems,
): readonly Certificate[] | undefined {
  return readBlocks(file, 'CERTIFICATE', parseCertificate, problems)
}

/** The command that converts a file to PEM. */
export function remedyIn({ remedy }: PemError, { path }: RawFile): string | undefined {
  return remedy?.replaceAll('FILE', path)
}

/** Every block of a PEM file, parsed; undefined, and a problem, where one of them cannot be. */
export function readBlocks<T>(
  file: RawFile,
  label: string,
  parse: (der: Uint8Array) => T,
  problems: Problems,
): readonly T[] | undefined {
  if (file.bytes.length === 0) {
    const hint = 'write it again; without revocation there must be no file'
    problems.error(file.path, 'the file is empty', label === 'X509 CRL' ? hint : undefined)
    return undefined
  }
  try {
    const blocks = splitPem(file.bytes, [label])
    if (blocks.length === 0) problems.error(file.path, `there is no ${label} in it`)
    return blocks.length === 0 ? undefined : blocks.map(({ der }) => parse(der))
  } catch (error) {
    if (error instanceof PemError) problems.error(file.path, error.message, remedyIn(error, file))
    else if (error instanceof DerError) {
      const what = label === 'X509 CRL' ? 'revocation list' : 'certificate'
      problems.error(file.path, `a ${what} in it is broken: ${error.message}`, error.remedy)
    } else throw error
    return undefined
  }
}
