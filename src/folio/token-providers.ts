/** Interfaces whose providers answer with tokens and session cookies; a `*` ends a prefix. */
export const TOKEN_GIVERS: readonly string[] = ['login', 'login-saml', 'users-bl', 'authtoken*']

/** Interfaces whose providers read the session cookies of the user. */
export const COOKIE_READERS: readonly string[] = ['login', 'authtoken*']

/** Is the interface one of the list? */
export function isListed(list: readonly string[], interfaceId: string): boolean {
  return list.some((name) =>
    name.endsWith('*') ? interfaceId.startsWith(name.slice(0, -1)) : interfaceId === name,
  )
}
