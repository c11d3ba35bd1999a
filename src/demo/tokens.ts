import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** What a token says (mod-authtoken, tokens/*). */
export interface IssuedClaims {
  readonly type: 'access' | 'module' | 'dummy'
  readonly tenant: string
  readonly sub: string
  readonly user_id?: string
  readonly module?: string
  readonly extra_permissions?: readonly string[]
  /** Seconds since 1970; module tokens have none and live for ever. */
  readonly exp?: number
}

/** As `jwt.signing.key` when it is not set: another one in every run. */
const secret = randomBytes(32)

/** Signs with HS256, as mod-authtoken does (TokenCreator). */
export function sign(claims: IssuedClaims): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'HS256' })}.${encode(claims)}`
  return `${signed}.${mac(signed).toString('base64url')}`
}

/** The claims of a token that we signed and that is valid now, or undefined. */
export function verified(token: string): IssuedClaims | undefined {
  const [head = '', payload = '', signature = ''] = token.split('.')
  const given = Buffer.from(signature, 'base64url')
  const wanted = mac(`${head}.${payload}`)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined
  const claims: IssuedClaims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  return claims.exp !== undefined && claims.exp < Date.now() / 1000 ? undefined : claims
}

function mac(text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest()
}
