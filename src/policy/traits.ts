import { hasAuthFilter, type ModuleDescriptor } from '../folio/descriptor.ts'
import { COOKIE_READERS, isListed, TOKEN_GIVERS } from '../folio/token-providers.ts'

/** What the header rules need to know about a module. */
export interface ModuleTraits {
  readonly id: string
  readonly product: string
  /** Has a filter of phase `auth`: it sees every request and its X-Okapi-* answers are meant. */
  readonly authFilter: boolean
  /** Answers with tokens by trade: provides `login`, `login-saml`, `users-bl` or `authtoken*`. */
  readonly keepsTokens: boolean
  /** Reads folioAccessToken and folioRefreshToken cookies: provides `login` or `authtoken*`. */
  readonly seesCookies: boolean
}

/** Reads the traits off a descriptor. */
export function traitsOf(descriptor: ModuleDescriptor): ModuleTraits {
  const provides = (list: readonly string[]) =>
    descriptor.provides.some(({ id }) => isListed(list, id))
  return {
    id: descriptor.id.id,
    product: descriptor.id.product,
    authFilter: hasAuthFilter(descriptor),
    keepsTokens: provides(TOKEN_GIVERS),
    seesCookies: provides(COOKIE_READERS),
  }
}
