import {
  hasAuthFilter,
  type InterfaceDescriptor,
  type ModuleDescriptor,
} from '../folio/descriptor.ts'

/** What the header rules need to know about a module. */
export interface ModuleTraits {
  readonly id: string
  readonly product: string
  /**
   * Has a filter of phase `auth`: it gets every request, and its X-Okapi-* answers are intended.
   */
  readonly authFilter: boolean
  /** Normally answers with tokens: provides `login`, `login-saml`, `users-bl` or `authtoken*`. */
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
 * The interfaces of the list that the module provides for all. A `multiple` interface may have any
 * number of providers, so it does not make a module part of the login.
 */
export function providersOf(
  { provides }: ModuleDescriptor,
  list: readonly string[],
): readonly InterfaceDescriptor[] {
  return provides.filter(({ id, type }) => type === 'proxy' && isInterfaceListed(list, id))
}

/** Interfaces whose providers answer with tokens and session cookies; a `*` ends a prefix. */
export const TOKEN_GIVERS: readonly string[] = ['login', 'login-saml', 'users-bl', 'authtoken*']

/** Interfaces whose providers read the session cookies of the user. */
export const COOKIE_READERS: readonly string[] = ['login', 'authtoken*']

/** Is the interface one of the list? */
export function isInterfaceListed(list: readonly string[], interfaceId: string): boolean {
  return list.some((name) =>
    name.endsWith('*') ? interfaceId.startsWith(name.slice(0, -1)) : interfaceId === name,
  )
}

/**
 * The products of FOLIO that provide them, or have an auth filter; any other product is suspicious.
 */
export const LOGIN_PRODUCTS: readonly string[] = [
  ...['mod-authtoken', 'mod-login', 'mod-login-saml', 'mod-users-bl'],
  ...['mod-login-keycloak', 'mod-users-keycloak'],
]
