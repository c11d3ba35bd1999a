import type { StatusFacts } from '../src/observe/status/facts.ts'
import { type Issued, makeCa, moduleNames, sha256, type TestCa } from '../test/support/pki.ts'
import { filesOf, mountSecret } from '../test/support/rotation.ts'

const DAY_MS = 86_400_000
const SECOND_MS = 1000
/** Clocks may step by less than this, and every certificate and every list stays valid. */
const VALID_MS = 2 * DAY_MS

/** The folder of one sidecar. */
interface Folder {
  readonly directory: string
  readonly id: string
  leaf: Issued
  /** What was written last. */
  written: Written
}

interface Written {
  readonly serial: string
  readonly roots: readonly string[]
  readonly listsEndMs: number | null
}

/**
 * The roots, certificates and revocation lists of all sidecars, as an operator changes them (docs/rotate.md).
 * Each step writes folders; whether a sidecar has taken it over `isIn` tells.
 */
export class Certificates {
  /** In the order in which they came. */
  #roots: TestCa[]
  #made = 1
  /** Serial numbers by root. */
  readonly #revoked = new Map<TestCa, Issued[]>()
  #lists: readonly string[] = []
  #listsEndMs: number | null = null
  #listNumber = 0
  readonly #folders = new Map<string, Folder>()

  private constructor(root: TestCa) {
    this.#roots = [root]
  }

  static async make(): Promise<Certificates> {
    return new Certificates(await newRoot(1))
  }

  /** A folder for the sidecar of this name, with a certificate. */
  async add(name: string, id: string, directory: string): Promise<void> {
    const leaf = await this.#issue(id)
    const folder = { directory, id, leaf, written: { serial: '', roots: [], listsEndMs: null } }
    this.#folders.set(name, folder)
    this.#write(folder)
  }

  /** New certificates from the newest root, of all or of one. */
  async renew(only?: string): Promise<void> {
    for (const [name, folder] of this.#folders) {
      if (only !== undefined && name !== only) continue
      folder.leaf = await this.#issue(folder.id)
      this.#write(folder)
    }
  }

  /** A new root, which all trust beside the old one. Certificates stay. */
  async trustNewRoot(): Promise<void> {
    this.#roots.push(await newRoot(++this.#made))
    // Where lists are in force every root needs one.
    if (this.#lists.length > 0) await this.#makeLists()
    this.#writeAll()
  }

  /** The newest root alone. */
  async forgetOldRoots(): Promise<void> {
    this.#roots = this.#roots.slice(-1)
    if (this.#lists.length > 0) await this.#makeLists()
    this.#writeAll()
  }

  /** New lists that say what those before said: from now on they are in force. */
  async renewLists(): Promise<void> {
    await this.#makeLists()
    this.#writeAll()
  }

  /** The certificate of this sidecar is revoked; all others are told. */
  async revoke(name: string): Promise<void> {
    const { leaf } = this.#folder(name)
    const root = this.#roots.at(-1)!
    this.#revoked.set(root, [...(this.#revoked.get(root) ?? []), leaf])
    await this.#makeLists()
    for (const [other, folder] of this.#folders) if (other !== name) this.#write(folder)
  }

  /** Does the sidecar use what was written for it last? */
  isIn(name: string, { certificate, roots, revocationListsEndMs }: StatusFacts): boolean {
    const { written } = this.#folder(name)
    return (
      plainHex(certificate.serial) === written.serial &&
      revocationListsEndMs === written.listsEndMs &&
      roots.length === written.roots.length &&
      roots.every(({ fingerprint }) => written.roots.includes(plainHex(fingerprint)))
    )
  }

  #folder(name: string): Folder {
    return this.#folders.get(name)!
  }

  #issue(id: string): Promise<Issued> {
    const [notBefore, notAfter] = [-1, 1].map((way) => new Date(Date.now() + way * VALID_MS))
    return this.#roots
      .at(-1)!
      .issue({ ...moduleNames(id), notBefore: notBefore!, notAfter: notAfter! })
  }

  async #makeLists(): Promise<void> {
    const number = ++this.#listNumber
    // Dates have whole seconds, and each list ends at another one: so it is seen which is in use.
    const end = Math.floor((Date.now() + VALID_MS) / SECOND_MS) * SECOND_MS + number * SECOND_MS
    const dates = { thisUpdate: new Date(end - 2 * VALID_MS), nextUpdate: new Date(end) }
    this.#lists = await Promise.all(
      this.#roots.map((root) => root.crl(this.#revoked.get(root), { ...dates, number })),
    )
    this.#listsEndMs = end
  }

  #writeAll(): void {
    for (const folder of this.#folders.values()) this.#write(folder)
  }

  #write(folder: Folder): void {
    const { directory, leaf } = folder
    mountSecret(directory, filesOf(leaf, this.#roots, this.#lists))
    folder.written = {
      serial: plainHex(Buffer.from(leaf.serial).toString('hex')),
      roots: this.#roots.map(({ certDer }) => sha256(certDer)),
      listsEndMs: this.#listsEndMs,
    }
  }
}

function newRoot(number: number): Promise<TestCa> {
  return makeCa(undefined, `chaos ${number}`, { notBefore: new Date(Date.now() - 30 * DAY_MS) })
}

function plainHex(text: string): string {
  return text.replaceAll(':', '').toLowerCase()
}
