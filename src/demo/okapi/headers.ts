import { randomInt } from 'node:crypto'

/** ProxyService.sanitizeAuthHeaders removes exactly these; X-Okapi-Permissions is not one of them. */
const SANITIZED = [
  'X-Okapi-Permissions-Required',
  'X-Okapi-Permissions-Desired',
  'X-Okapi-Module-Permissions',
  'X-Okapi-Extra-Permissions',
  'X-Okapi-Module-Tokens',
  'X-Okapi-Filter',
]

/** Removes the headers that only Okapi and the auth filter may send to each other. */
export function sanitize(fields: HeaderFields): void {
  fields.remove(...SANITIZED)
}

/**
 * TokenHeader.check: Authorization and the cookie are alternatives to X-Okapi-Token. Returns what is
 * wrong, or undefined.
 */
export function unifyToken(fields: HeaderFields): string | undefined {
  const authorization = fields.get('Authorization')
  const token = fields.get('X-Okapi-Token')
  const cookies = fields.get('Cookie')?.matchAll(/(?:^|;\s*)folioAccessToken=([^;]*)/g) ?? []
  const [cookie, another] = [...cookies].map(([, value]) => value)
  const bearer = authorization?.replace(/^Bearer /, '')
  if (bearer !== undefined && token !== undefined && bearer !== token) {
    return 'X-Okapi-Token is not equal to Authorization token'
  }
  fields.remove('Authorization')
  if (another !== undefined) return 'Multiple folioAccessToken cookie names'
  const given = token ?? bearer
  if (cookie !== undefined && given !== undefined && cookie !== given) {
    return 'X-Okapi-Token conflicts with Cookie'
  }
  const found = given ?? cookie
  if (found !== undefined) fields.set('X-Okapi-Token', found)
  return undefined
}

/** ProxyService.parseTokenAndPopulateContext: the header, else the unverified claim, else supertenant. */
export function tenantOf(fields: HeaderFields): string {
  return fields.get('X-Okapi-Tenant') ?? claim(fields.get('X-Okapi-Token')) ?? 'supertenant'
}

function claim(token: string | undefined): string | undefined {
  const payload = token?.split('.')[1]
  if (payload === undefined) return undefined
  try {
    const { tenant }: { tenant?: string } = JSON.parse(
      Buffer.from(payload, 'base64url').toString('utf8'),
    )
    return tenant
  } catch {
    return undefined
  }
}

/** ProxyContext: `old;NNNNNN/segment`, the segment being the first of the path. */
export function appendRequestId(fields: HeaderFields, path: string): void {
  const part = `${String(randomInt(1_000_000)).padStart(6, '0')}/${path.split('/')[1] ?? ''}`
  const old = fields.get('X-Okapi-Request-Id')
  fields.set('X-Okapi-Request-Id', old === undefined ? part : `${old};${part}`)
}

/** ProxyService.relayToRequest: every X- header of one step's answer is copied to the next request. */
export function relayToRequest(answer: HeaderFields, request: HeaderFields): void {
  sanitize(answer)
  for (const [name, value] of answer.entries()) {
    if (name.startsWith('X-') || name.startsWith('x-')) request.set(name, value)
  }
}

/**
 * Header lines as in Vert.x's MultiMap: names are case-insensitive, `get` returns the FIRST of several
 * values, and all of them are sent on.
 */
export class HeaderFields {
  readonly #lines: [string, string][] = []

  static ofRaw(raw: readonly string[]): HeaderFields {
    const fields = new HeaderFields()
    for (let i = 0; i + 1 < raw.length; i += 2) fields.add(raw[i]!, raw[i + 1]!)
    return fields
  }

  copy(): HeaderFields {
    return HeaderFields.ofRaw(this.raw())
  }

  get(name: string): string | undefined {
    const wanted = name.toLowerCase()
    return this.#lines.find(([key]) => key.toLowerCase() === wanted)?.[1]
  }

  add(name: string, value: string): void {
    this.#lines.push([name, value])
  }

  set(name: string, value: string): void {
    this.remove(name)
    this.add(name, value)
  }

  remove(...names: readonly string[]): void {
    const gone = new Set(names.map((name) => name.toLowerCase()))
    const kept = this.#lines.filter(([key]) => !gone.has(key.toLowerCase()))
    this.#lines.splice(0, this.#lines.length, ...kept)
  }

  entries(): readonly (readonly [string, string])[] {
    return this.#lines
  }

  /** Names and values alternately, as Node expects them. */
  raw(): string[] {
    return this.#lines.flat()
  }
}
