/** What Okapi and mod-authtoken read from a token before it is verified. */
export interface Claims {
  /** `absent`: there is no token; `unreadable`: different readers could read it differently. */
  readonly form: 'absent' | 'unreadable' | 'jwt'
  readonly tenant: string | undefined
  readonly userId: string | undefined
  /** Issued for the calls of a module, not for a person. */
  readonly ofModule: boolean
}

/** Of a request without a token. */
export const NO_CLAIMS: Claims = {
  form: 'absent',
  tenant: undefined,
  userId: undefined,
  ofModule: false,
}
const UNREADABLE: Claims = { ...NO_CLAIMS, form: 'unreadable' }

/**
 * The claims of a JWT, read and not verified: the signing key is symmetric and belongs to
 * mod-authtoken alone. Okapi does the same (okapi-common OkapiToken). A token that another reader
 * may read differently counts as unreadable: characters outside base64url (Java's decoder refuses
 * them), a `tenant` that is not text (Vert.x converts it), a claim that occurs twice.
 */
export function claimsOf(token: string): Claims {
  const [, payload, signature] = token.split('.', 4)
  if (payload === undefined || signature === undefined) return UNREADABLE
  if (!/^[A-Za-z0-9_-]+={0,2}$/.test(payload)) return UNREADABLE
  try {
    const json = Buffer.from(payload, 'base64url').toString()
    const claims: unknown = JSON.parse(json)
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return UNREADABLE
    const tenant: unknown = own(claims, 'tenant')
    if (tenant !== undefined && tenant !== null && typeof tenant !== 'string') return UNREADABLE
    if (namedTwice(json, 'tenant') || namedTwice(json, 'user_id')) return UNREADABLE
    const userId = text(own(claims, 'user_id'))
    return { form: 'jwt', tenant: text(tenant), userId, ofModule: isOfModule(claims) }
  } catch {
    return UNREADABLE
  }
}

/**
 * The claims of recently read tokens. A module sends the same token in every call, and one with
 * many permissions takes 13 us to parse; a lookup here takes only a comparison of bytes.
 */
export class RecentClaims {
  static readonly #SLOTS = 128
  readonly #tokens: (Buffer | undefined)[] = new Array(RecentClaims.#SLOTS).fill(undefined)
  readonly #claims: Claims[] = new Array(RecentClaims.#SLOTS).fill(UNREADABLE)

  /** Of the token from `start` to `end`. */
  of(bytes: Buffer, start: number, end: number): Claims {
    const length = end - start
    if (length < 4) return UNREADABLE
    // The last characters are from the signature and differ between tokens. The very last one has
    // few values.
    const slot = (bytes.readUInt16LE(end - 4) ^ (bytes[end - 2]! * 31)) % RecentClaims.#SLOTS
    const known = this.#tokens[slot]
    if (known?.length === length && bytes.compare(known, 0, length, start, end) === 0) {
      return this.#claims[slot]!
    }
    const claims = claimsOf(bytes.toString('latin1', start, end))
    this.#tokens[slot] = Buffer.from(bytes.subarray(start, end))
    this.#claims[slot] = claims
    return claims
  }
}

/** `Bearer x`, or the whole value where it is not Bearer, as Okapi's TokenHeader takes it. */
export function bearer(authorization: string): string {
  const match = /^\s*Bearer\s+(\S+)\s*$/i.exec(authorization)
  return match?.[1] ?? authorization
}

/** As mod-authtoken makes them (ModuleToken; DummyToken for its own calls). */
function isOfModule(claims: object): boolean {
  return (
    own(claims, 'type') === 'module' ||
    own(claims, 'module') !== undefined ||
    own(claims, 'sub') === '_AUTHZ_MODULE_'
  )
}

function own(claims: object, name: string): unknown {
  return Object.hasOwn(claims, name) ? Reflect.get(claims, name) : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/**
 * Does an object in this JSON have the field twice? Readers differ in which one counts. For a real
 * token a text search is enough: the name occurs once, and no character is escaped.
 */
function namedTwice(json: string, name: string): boolean {
  const quoted = `"${name}"`
  const first = json.indexOf(quoted)
  if (json.indexOf(quoted, first + 1) === -1 && !json.includes('\\u')) return false
  let seen = 0
  let depth = 0
  for (const [piece = '', string, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (piece === '{' || piece === '[') depth++
    else if (piece === '}' || piece === ']') depth--
    else if (depth === 1 && colon !== undefined && JSON.parse(string!) === name) seen++
  }
  return seen > 1
}
