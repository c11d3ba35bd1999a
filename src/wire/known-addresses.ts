import type { Socket } from 'node:net'

/** The addresses of an upstream, so that exchanges are spread over all of them. */
export interface KnownAddresses {
  /** How many there are; 0 as long as none is known. */
  readonly size: number
  /** Looks them up again, where the last answer is old. */
  refresh(): void
  /** Where this socket leads. */
  keyOf(socket: Socket): string
  /** Is this one of them? As long as none is known, all are. */
  includes(key: string): boolean
  /** Those that `have` does not know and that may be asked for a connection now, `most` of them. */
  others(have: ReadonlySet<string>, most: number): readonly string[]
  /** Where exchanges with this number belong. */
  of(affinity: number): string | undefined
}

/**
 * How many addresses of an upstream each thread keeps connections to, for each kind of exchange.
 */
const MOST_ADDRESSES = 8
/** How often changes of the addresses are checked. */
const LOOK_MS = 1000

interface Addressed {
  /** `10.1.2.3:8443`: where it leads. */
  readonly address: string
}

/** Keeps connections to several addresses of one upstream, as long as there are several. */
export class Spread {
  readonly #addresses: KnownAddresses | undefined
  #lookAt = 0

  constructor(addresses: KnownAddresses | undefined) {
    this.#addresses = addresses
  }

  /**
   * What to do now: `gone` are connections to addresses that no longer belong to the upstream,
   * `wanted` are addresses without one. Called by the coarse clock, as long as the upstream is in
   * use.
   * @param dialled those that are being connected to
   */
  look<C extends Addressed>(
    now: number,
    connections: () => readonly C[],
    dialled: () => Iterable<string>,
  ): AddressChanges<C> {
    if (this.#addresses === undefined || now < this.#lookAt) return NOTHING
    this.#lookAt = now + LOOK_MS
    const addresses = this.#addresses
    addresses.refresh()
    const have = new Set(dialled())
    const gone: C[] = []
    for (const connection of connections()) {
      if (addresses.includes(connection.address)) have.add(connection.address)
      else gone.push(connection)
    }
    return { gone, wanted: addresses.others(have, MOST_ADDRESSES - have.size) }
  }

  /** Where this socket leads; '' where addresses do not matter. */
  keyOf(socket: Socket): string {
    return this.#addresses?.keyOf(socket) ?? ''
  }

  /** Where exchanges with this number belong; undefined: anywhere, or it is not known yet. */
  of(affinity: number): string | undefined {
    return this.isOne ? undefined : this.#addresses?.of(affinity)
  }

  /** Is there no choice? */
  get isOne(): boolean {
    return this.#addresses === undefined || this.#addresses.size === 1
  }
}

/** What `look` found. */
export interface AddressChanges<C> {
  readonly gone: readonly C[]
  readonly wanted: readonly string[]
}

const NOTHING: AddressChanges<never> = { gone: [], wanted: [] }

/**
 * Picks two at random and takes the one with less to do: nearly as even as comparing all, and an
 * address that answers fast because it fails does not attract everything (Mitzenmacher 2001, the
 * power of two choices).
 */
export function lighterOfTwo<C>(
  all: readonly C[],
  fits: (one: C) => boolean,
  load: (one: C) => number,
): C | undefined {
  const { length } = all
  if (length < 2) return all.find(fits)
  const i = Math.floor(Math.random() * length)
  const other = Math.floor(Math.random() * (length - 1))
  const first = all[i]!
  const second = all[other >= i ? other + 1 : other]!
  if (!fits(first)) return fits(second) ? second : all.find(fits)
  return fits(second) && load(second) < load(first) ? second : first
}
