import type { Problem } from '../fault.ts'
import type { DescriptorSet, InstalledModule } from './descriptors.ts'
import { COOKIE_READERS, LOGIN_PRODUCTS, providersOf, TOKEN_GIVERS } from './traits.ts'

/**
 * Trust that a module gets from its descriptor alone, without a grant: `cookies`: it gets the
 * tokens of every user; `tokens`: it may issue tokens and set sessions; `auth-filter`: Okapi asks
 * it about every request and believes its answer.
 */
export type TrustKind = 'cookies' | 'tokens' | 'auth-filter'

/** One such trust, and its reason in the descriptor. */
export interface Trusted {
  /** Full id. */
  readonly module: string
  readonly product: string
  readonly trust: TrustKind
  /** Null for a filter. */
  readonly interface: { readonly id: string; readonly version: string } | null
  readonly file: string
  readonly pointer: string
  /** Is the product one of those of FOLIO that log users in? */
  readonly usual: boolean
}

/** Everything of that kind in an installed set, in the order of ids. */
export function trustedIn({ modules }: DescriptorSet): readonly Trusted[] {
  return [...modules.values()].flatMap(trustedOf)
}

/** What such a thing means, for a person. */
export function trustText({ trust, interface: provided }: Trusted): string {
  const because = provided === null ? '' : `, because it provides \`${provided.id}\``
  switch (trust) {
    case 'cookies':
      return `is handed the access and refresh tokens of every user, in cookies${because}`
    case 'tokens':
      return `may hand out tokens and set the sessions of users${because}`
    case 'auth-filter':
      return 'is asked about every request and believed: it has an auth filter'
  }
}

/**
 * A warning for each product that is not known to need it: an error in a descriptor, or an attack.
 *
 * @param pathOf the path of a file of the set as a person gave it
 */
export function unusualTrust(
  set: DescriptorSet,
  pathOf: (file: string) => string,
): readonly Problem[] {
  return trustedIn(set)
    .filter(({ usual }) => !usual)
    .map((trusted) => ({
      severity: 'warning',
      message: `${trusted.module} ${trustText(trusted)}`,
      where: { file: pathOf(trusted.file), pointer: trusted.pointer },
      hint: `of FOLIO only ${LOGIN_PRODUCTS.join(', ')} need that: is it meant?`,
    }))
}

function trustedOf({ descriptor, file }: InstalledModule): Trusted[] {
  const { id: module, product } = descriptor.id
  const usual = LOGIN_PRODUCTS.includes(product)
  const facts = { module, product, file, usual }
  const provided = (trust: TrustKind, list: readonly string[]) =>
    providersOf(descriptor, list).map(({ id, version, pointer }) => ({
      ...facts,
      trust,
      interface: { id, version },
      pointer,
    }))
  const filters = descriptor.filters.filter(({ phase }) => phase === 'auth')
  return [
    ...filters.map(({ pointer }) => ({
      ...facts,
      trust: 'auth-filter' as const,
      interface: null,
      pointer,
    })),
    ...provided('cookies', COOKIE_READERS),
    ...provided('tokens', TOKEN_GIVERS),
  ]
}
