import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { Fault, type Problem, sentence } from '../fault.ts'
import { withoutClock } from '../trust/profile.ts'
import { PemError, pemBlocks, splitPem } from '../x509/pem.ts'
import { CERTIFICATE_FILE, KEY_FILE, watchDirectory } from './directory.ts'
import { checkMode, Problems, type RawFile, remedyIn } from './raw-material.ts'
import { readFolder } from './read-folder.ts'

/** Key and chain that browsers trust; they prove no identity to a module. */
export interface PublicMaterial {
  readonly key: string
  /** Leaf first. */
  readonly cert: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
  /** Milliseconds since the epoch, as `notAfter`. */
  readonly notBefore: number
}

/** Reported once for each loaded change, and for each new reason why one was refused. */
export interface PublicReport {
  readonly result: 'ok' | 'failed'
  readonly problems: readonly Problem[]
}

const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const

/** Serves a client with this pair in memory; rejects with the reason where that fails. */
export type PublicHandshake = (
  pair: Pick<PublicMaterial, 'key' | 'cert'>,
  version: (typeof VERSIONS)[number],
) => Promise<void>

/** The requirements for the certificate of `public`. */
export interface PublicExpectation {
  readonly directory: string
  readonly handshake: PublicHandshake
}

/**
 * Reads `tls.crt` and `tls.key` of a directory and checks them, a trial handshake included: what
 * start, reload and `check` go by. Throws a Fault with everything that is wrong.
 */
export async function readPublicCertificate(
  { directory, handshake }: PublicExpectation,
  now: number,
): Promise<PublicMaterial> {
  const files = await readFolder(directory, { key: KEY_FILE, cert: CERTIFICATE_FILE })
  const [keyFile, certFile] = [files.get('key')!, files.get('cert')!]
  const problems = new Problems()
  checkMode(keyFile, true, problems)
  checkMode(certFile, false, problems)
  const key = parsed(keyFile, 'PRIVATE KEY', problems, (pem) => createPrivateKey(pem))
  const leaf = parsed(certFile, 'CERTIFICATE', problems, (pem) => new X509Certificate(pem))
  if (leaf !== undefined) checkDates(leaf, now, certFile, problems)
  if (leaf !== undefined && key !== undefined && !fits(leaf, key)) {
    const others = pemBlocks('CERTIFICATE', certFile.bytes.toString('latin1')).slice(1)
    const hint = others.some((der) => isOf(der, key))
      ? 'the certificate of this key must come first in tls.crt'
      : 'key and certificate are of different pairs: put both there anew'
    problems.error(keyFile.path, 'does not belong to tls.crt', hint)
  }
  if (leaf === undefined || problems.any) throw new Fault(problems.all)
  const pair = { key: keyFile.bytes.toString(), cert: certFile.bytes.toString() }
  for (const version of VERSIONS) {
    await handshake(pair, version).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      problems.error(certFile.path, `a trial handshake fails in ${version}: ${why}`)
    })
  }
  if (problems.any) throw new Fault(problems.all)
  return { ...pair, notBefore: leaf.validFromDate.getTime(), notAfter: leaf.validToDate.getTime() }
}

function parsed<T>(
  file: RawFile,
  label: 'PRIVATE KEY' | 'CERTIFICATE',
  problems: Problems,
  parse: (pem: Buffer) => T,
): T | undefined {
  try {
    // Node reads a certificate in DER too, and could not serve with it.
    if (file.bytes.includes('-----BEGIN ')) return parse(file.bytes)
    throw new Error('no PEM')
  } catch {
    const error = pemFlaw(file, label)
    const what = label === 'CERTIFICATE' ? 'certificate' : 'private key'
    const message = `there is no ${what} in it that can be read`
    if (file.bytes.length === 0) problems.error(file.path, `${message}: the file is empty`)
    else if (error === undefined) problems.error(file.path, message)
    else problems.error(file.path, `${message}: ${error.message}`, remedyIn(error, file))
    return undefined
  }
}

function pemFlaw(file: RawFile, label: string): PemError | undefined {
  try {
    splitPem(file.bytes, [label])
    return undefined
  } catch (error) {
    return error instanceof PemError ? error : undefined
  }
}

function checkDates(
  { validFromDate, validToDate }: X509Certificate,
  now: number,
  file: RawFile,
  problems: Problems,
): void {
  if (validToDate.getTime() < now) {
    problems.error(
      file.path,
      `expired on ${validToDate.toISOString()}`,
      'put the renewed one there',
    )
  } else if (validFromDate.getTime() > now) {
    const hint = `is a clock wrong? Here it is ${new Date(now).toISOString()}`
    problems.error(file.path, `is not valid before ${validFromDate.toISOString()}`, hint)
  }
}

function fits(certificate: X509Certificate, key: KeyObject): boolean {
  return createPublicKey(key).equals(certificate.publicKey)
}

/** The same of what may be no certificate at all. */
function isOf(der: Uint8Array, key: KeyObject): boolean {
  try {
    return fits(new X509Certificate(der), key)
  } catch {
    return false
  }
}

/** The live cell of the certificate of `public`; the last good one stays. */
export class PublicCertificate {
  readonly #expected: PublicExpectation
  #current: PublicMaterial
  #stop: (() => void) | undefined
  #failure = ''
  /** The read that runs now, and whether another was asked for meanwhile. */
  #reading = false
  #again = false

  private constructor(expected: PublicExpectation, first: PublicMaterial) {
    this.#expected = expected
    this.#current = first
  }

  /** Throws a Fault if the first one is not good. */
  static async start(expected: PublicExpectation): Promise<PublicCertificate> {
    return new PublicCertificate(expected, await readPublicCertificate(expected, Date.now()))
  }

  get current(): PublicMaterial {
    return this.#current
  }

  /** Takes up what changes from now on, and what has changed since the start. */
  watch(changed: (material: PublicMaterial) => void, told: (report: PublicReport) => void): void {
    const look = () => void this.#look(changed, told)
    this.#stop = watchDirectory(this.#expected.directory, look)
    look()
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  async #look(
    changed: (material: PublicMaterial) => void,
    told: (report: PublicReport) => void,
  ): Promise<void> {
    this.#again = true
    if (this.#reading) return
    this.#reading = true
    while (this.#again && this.#stop !== undefined) {
      this.#again = false
      try {
        const next = await readPublicCertificate(this.#expected, Date.now())
        if (this.#stop === undefined) break
        const same = next.cert === this.#current.cert && next.key === this.#current.key
        if (same && this.#failure === '') continue
        this.#failure = ''
        this.#current = next
        if (!same) changed(next)
        told({ result: 'ok', problems: [] })
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        const failure = withoutClock(error.problems.map(sentence).join('\n'))
        if (failure !== this.#failure) told({ result: 'failed', problems: error.problems })
        this.#failure = failure
      }
    }
    this.#reading = false
  }
}
