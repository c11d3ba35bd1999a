import type { ModuleDescriptor } from '../folio/descriptor.ts'

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
