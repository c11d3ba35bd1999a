import { readGeneration } from './check-generation.ts'
import type { CredentialsInForce, Subscriber } from './credentials.ts'
import { contentHashOf, type Expectation, type Generation } from './generation.ts'
import type { RawFile, RawMaterial } from './raw-material.ts'

/** A generation for another thread: plain data, and only in memory. */
export interface Handed {
  readonly raw: RawMaterial
  readonly number: number
  /** When it was found good, milliseconds since the epoch: it is judged as of then. */
  readonly loadedAt: number
  readonly contentHash: string
}

/** What another thread is given: copies, of these bytes and nothing that lies beside them. */
export function handOver(raw: RawMaterial, generation: Generation): Handed {
  // Copied by itself: a message takes the whole memory along that a small Buffer lies in.
  const copy = (file: RawFile) => ({
    ...file,
    bytes: Buffer.from(Uint8Array.from(file.bytes).buffer),
  })
  const { number, loadedAt } = generation
  const { key, cert, ca, crl: read, ...rest } = raw
  const crl = crlsInUse(read, generation)
  const copies = { ...rest, key: copy(key), cert: copy(cert), ca: copy(ca) }
  const handed = crl ? { ...copies, crl: copy(crl) } : copies
  return { raw: handed, number, loadedAt, contentHash: contentHashOf(handed) }
}

/** A thread does not know the lists that were in use before: it is given those that are now. */
function crlsInUse(
  crl: RawFile | undefined,
  { crlsKept, crlPems }: Generation,
): RawFile | undefined {
  return crl && crlsKept ? { ...crl, bytes: Buffer.from(crlPems.join('')) } : crl
}

/**
 * Credentials that another thread has read and accepted, including trial handshakes. They are
 * parsed here again; a different result is an Error, a bug.
 */
export class HandedCredentials implements CredentialsInForce {
  readonly #expected: Omit<Expectation, 'now' | 'number' | 'knownCrls' | 'lookWith'>
  readonly #subscribers = new Set<Subscriber>()
  #current: Generation

  /** Throws where the generation does not hold. */
  constructor(
    expected: Omit<Expectation, 'now' | 'number' | 'knownCrls' | 'lookWith'>,
    first: Handed,
  ) {
    this.#expected = expected
    this.#current = this.#check(first)
  }

  get current(): Generation {
    return this.#current
  }

  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber)
    return () => this.#subscribers.delete(subscriber)
  }

  /** Takes up the next generation. Throws where it does not hold. */
  take(handed: Handed): void {
    const previous = this.#current
    const next = this.#check(handed)
    this.#current = next
    for (const subscriber of [...this.#subscribers]) subscriber(next, previous)
  }

  #check({ raw, number, loadedAt, contentHash }: Handed): Generation {
    const { key, cert, ca, crl, ...rest } = raw
    const files = { ...rest, key: asBuffer(key), cert: asBuffer(cert), ca: asBuffer(ca) }
    const whole = crl ? { ...files, crl: asBuffer(crl) } : files
    const next = readGeneration(whole, { ...this.#expected, now: loadedAt, number })
    if (next.contentHash !== contentHash)
      throw new Error(`generation ${number} is another one here`)
    return next
  }
}

/** A Buffer that went to another thread arrives as the array that it is made of. */
function asBuffer(file: RawFile): RawFile {
  const { buffer, byteOffset, byteLength } = file.bytes
  return { ...file, bytes: Buffer.from(buffer, byteOffset, byteLength) }
}
