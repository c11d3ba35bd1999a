import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, fault, type Problem } from '../fault.ts'
import { unreadable } from './unreadable.ts'
import { watchDirectory } from './watch-directory.ts'

/** Key and chain that browsers trust; nothing of them proves anything to a module. */
export interface PublicMaterial {
  readonly key: string
  /** Leaf first. */
  readonly cert: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
}

/** Told once for each change that was taken up, and for each that was not. */
export interface PublicReport {
  readonly result: 'ok' | 'failed'
  readonly problems: readonly Problem[]
}

/** Reads `tls.crt` and `tls.key` of a directory. Throws a Fault with everything that is wrong. */
export function readPublicCertificate(directory: string, now: number): PublicMaterial {
  const problems: Problem[] = []
  const wrong = (file: string, message: string) =>
    problems.push({ severity: 'error', message, where: { file: join(directory, file) } })
  const read = <T>(file: string, parse: (pem: Buffer) => T): [string, T] | undefined => {
    let pem: Buffer
    try {
      pem = readFileSync(join(directory, file))
    } catch (error) {
      problems.push(...unreadable(join(directory, file), error).problems)
      return undefined
    }
    try {
      return [pem.toString(), parse(pem)]
    } catch {
      const kind = file === 'tls.key' ? 'private key' : 'certificate'
      wrong(file, `there is no ${kind} in it that can be read`)
      return undefined
    }
  }
  if (!existsSync(directory)) {
    throw fault(`there is no directory ${directory}`, { hint: 'it must hold tls.crt and tls.key' })
  }
  const key = read('tls.key', (pem): KeyObject => createPrivateKey(pem))
  const certificate = read('tls.crt', (pem) => new X509Certificate(pem))
  if (certificate !== undefined && certificate[1].validToDate.getTime() < now) {
    wrong('tls.crt', `has ended on ${certificate[1].validToDate.toISOString()}`)
  }
  if (certificate !== undefined && key !== undefined && !fits(certificate[1], key[1])) {
    wrong('tls.key', 'does not belong to tls.crt')
  }
  if (certificate === undefined || key === undefined || problems.length > 0)
    throw new Fault(problems)
  return { key: key[0], cert: certificate[0], notAfter: certificate[1].validToDate.getTime() }
}

function fits(certificate: X509Certificate, key: KeyObject): boolean {
  return createPublicKey(key).equals(certificate.publicKey)
}

/** The live cell of the public door's certificate; the last good one stays. */
export class PublicCertificate {
  readonly #directory: string
  #current: PublicMaterial
  #stop: (() => void) | undefined

  /** Throws a Fault where it is not good. */
  constructor(directory: string) {
    this.#directory = directory
    this.#current = readPublicCertificate(directory, Date.now())
  }

  get current(): PublicMaterial {
    return this.#current
  }

  /** Takes up what changes from now on. */
  watch(changed: (material: PublicMaterial) => void, told: (report: PublicReport) => void): void {
    this.#stop = watchDirectory(this.#directory, () => {
      try {
        const next = readPublicCertificate(this.#directory, Date.now())
        if (next.cert === this.#current.cert && next.key === this.#current.key) return
        this.#current = next
        changed(next)
        told({ result: 'ok', problems: [] })
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        told({ result: 'failed', problems: error.problems })
      }
    })
  }

  stop(): void {
    this.#stop?.()
  }
}
