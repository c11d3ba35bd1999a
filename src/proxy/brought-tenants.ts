import { createHmac, randomFillSync } from 'node:crypto'
import { isTenantName } from '../folio/tenant.ts'
import type { BroughtTenants } from '../policy/tenant-guard.ts'

const KEY_BYTES = 32
const HEAD_BYTES = KEY_BYTES + 2 * Int32Array.BYTES_PER_ELEMENT
/** How many places are tried for one entry; beyond that there is no room. */
const MOST_STEPS = 64

/**
 * The number of entries of a module's own sidecar, and of Okapi's, which has those of all modules.
 */
const PLACES_OF_MODULE = 4096
const PLACES_OF_OKAPI = 131_072

/** Memory for tenants that Okapi called for, shared by all threads: 32 KiB, beside Okapi 1 MiB. */
export function broughtMemory(besideOkapi: boolean): SharedArrayBuffer {
  const places = besideOkapi ? PLACES_OF_OKAPI : PLACES_OF_MODULE
  const memory = new SharedArrayBuffer(HEAD_BYTES + places * BigUint64Array.BYTES_PER_ELEMENT)
  randomFillSync(new Uint8Array(memory, 0, KEY_BYTES))
  return memory
}

/**
 * For which tenants Okapi has called which modules since the start, and with tokens of which
 * tenants. Only its calls add entries. An entry is a keyed hash in a table of fixed size that the
 * threads share; none is ever removed, and without room a tenant counts as not called for.
 */
export class TenantsBrought implements BroughtTenants {
  readonly #key: Uint8Array
  readonly #count: Int32Array
  readonly #cells: BigUint64Array
  readonly #full: () => void
  /**
   * What this thread has found in the table, by module and tenant: the tenants of the tokens used.
   */
  readonly #known = new Map<string, Map<string, Set<string>>>()

  /** `full` is called for each entry that found no room. */
  constructor(memory: SharedArrayBuffer, full: () => void = () => {}) {
    this.#key = new Uint8Array(memory, 0, KEY_BYTES)
    this.#count = new Int32Array(memory, KEY_BYTES, 2)
    this.#cells = new BigUint64Array(memory, HEAD_BYTES)
    this.#full = full
  }

  /** How many entries there are. */
  get size(): number {
    return Atomics.load(this.#count, 0)
  }

  has(moduleId: string, tenant: string): boolean {
    if (this.#known.get(moduleId)?.has(tenant) === true) return true
    if (!this.#find(moduleId, tenant, undefined, false)) return false
    this.#remember(moduleId, tenant)
    return true
  }

  crossed(moduleId: string, from: string, to: string): boolean {
    if (this.#known.get(moduleId)?.get(to)?.has(from) === true) return true
    if (!this.has(moduleId, to) || !this.#find(moduleId, to, from, false)) return false
    this.#remember(moduleId, to).add(from)
    return true
  }

  /** Okapi calls the module for a tenant. */
  bring(moduleId: string, tenant: string): void {
    if (this.#known.get(moduleId)?.has(tenant) === true || !isTenantName(tenant)) return
    if (this.#find(moduleId, tenant, undefined, true)) this.#remember(moduleId, tenant)
  }

  /** It does so with a token of another tenant. */
  bringAcross(moduleId: string, from: string, to: string): void {
    if (this.#known.get(moduleId)?.get(to)?.has(from) === true) return
    if (!isTenantName(from) || !this.has(moduleId, to)) return
    if (this.#find(moduleId, to, from, true)) this.#remember(moduleId, to).add(from)
  }

  #remember(moduleId: string, tenant: string): Set<string> {
    let tenants = this.#known.get(moduleId)
    if (tenants === undefined) {
      tenants = new Map()
      this.#known.set(moduleId, tenants)
    }
    let from = tenants.get(tenant)
    if (from === undefined) {
      from = new Set()
      tenants.set(tenant, from)
    }
    return from
  }

  /** Does it exist? With `put` it is added, if there is room. */
  #find(moduleId: string, tenant: string, from: string | undefined, put: boolean): boolean {
    const across = from === undefined ? '' : `\n${from}`
    const text = `${moduleId}\n${tenant}${across}`
    const digest = createHmac('sha256', this.#key).update(text).digest()
    // 0 is an empty place.
    const entry = digest.readBigUInt64LE(0) | 1n
    let at = digest.readUInt32LE(8) % this.#cells.length
    for (let step = 0; step < MOST_STEPS; step++) {
      let found = Atomics.load(this.#cells, at)
      if (found === 0n) {
        if (!put) return false
        found = Atomics.compareExchange(this.#cells, at, 0n, entry)
        if (found === 0n) {
          Atomics.add(this.#count, 0, 1)
          return true
        }
      }
      if (found === entry) return true
      at = (at + 1) % this.#cells.length
    }
    if (put) this.#full()
    return false
  }
}
