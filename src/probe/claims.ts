/** What a FOLIO token says of itself (mod-authtoken, tokens/*), as far as a proof needs it. */
export interface Claims {
  readonly type?: unknown
  readonly tenant?: unknown
  readonly module?: unknown
  readonly user_id?: unknown
  readonly extra_permissions?: unknown
}

/** The claims of a JSON Web Token, unverified, or undefined where it is none. */
export function claimsOf(token: string): Claims | undefined {
  const payload = token.split('.')[1]
  if (payload === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    return typeof claims === 'object' && claims !== null ? claims : undefined
  } catch {
    return undefined
  }
}
