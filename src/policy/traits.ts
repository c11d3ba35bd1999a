import {
  hasAuthFilter,
  type InterfaceDescriptor,
  type ModuleDescriptor,
} from '../folio/descriptor.ts'

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

/** The products of FOLIO that provide them, or have an auth filter: every other one is worth a question. */
export const LOGIN_PRODUCTS: readonly string[] = [
  ...['mod-authtoken', 'mod-login', 'mod-login-saml', 'mod-users-bl'],
  ...['mod-login-keycloak', 'mod-users-keycloak'],
]
