import {
  hasAuthFilter,
  type InterfaceDescriptor,
  type ModuleDescriptor,
} from '../folio/descriptor.ts'
import { COOKIE_READERS, isInterfaceListed, TOKEN_GIVERS } from '../folio/token-providers.ts'

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
  const provides = (list: readonly string[]) => providersOf(descriptor, list).length > 0
  return {
    id: descriptor.id.id,
    product: descriptor.id.product,
    authFilter: hasAuthFilter(descriptor),
    keepsTokens: provides(TOKEN_GIVERS),
    seesCookies: provides(COOKIE_READERS),
  }
}

/**
 * The interfaces of the list that the module provides for all. Of a `multiple` one Okapi takes any number
 * of providers beside each other: it makes no module one of the login.
 */
export function providersOf(
  { provides }: ModuleDescriptor,
  list: readonly string[],
): readonly InterfaceDescriptor[] {
  return provides.filter(({ id, type }) => type === 'proxy' && isInterfaceListed(list, id))
}
