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
