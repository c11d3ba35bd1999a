/** What Okapi and mod-authtoken read from a token before anybody has verified it. */
export interface Claims {
  readonly tenant: string | undefined
  readonly userId: string | undefined
}

const NONE: Claims = { tenant: undefined, userId: undefined }

/**
 * The claims of a JWT, read and not verified: the signing key is symmetric and belongs to
 * mod-authtoken alone. Okapi does the same (ProxyService.parseTokenAndPopulateContext).
 */
export function claimsOf(token: string): Claims {
  const payload = token.split('.', 3)[1]
  if (payload === undefined) return NONE
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
    return { tenant: text(claims, 'tenant'), userId: text(claims, 'user_id') }
  } catch {
    return NONE
  }
}

/** `Bearer x`, or the whole value where it is not Bearer, as Okapi's TokenHeader takes it. */
export function bearer(authorization: string): string {
  const match = /^\s*Bearer\s+(\S+)\s*$/i.exec(authorization)
  return match?.[1] ?? authorization
}

function text(claims: unknown, name: string): string | undefined {
  if (typeof claims !== 'object' || claims === null || !Object.hasOwn(claims, name)) {
    return undefined
  }
  const value: unknown = Reflect.get(claims, name)
  return typeof value === 'string' ? value : undefined
}
