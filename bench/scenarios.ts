/** One kind of load. */
export interface Scenario {
  readonly name: string
  readonly connections: number
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** What every call in FOLIO says; without it Okapi takes the supertenant. */
const TENANT = { 'X-Okapi-Tenant': 'diku' }
const HEAD_BYTES = 575

/** Answers of 1 KB from `connections` callers, each waiting for its answer. */
export function small(connections: number): Scenario {
  const path = '/items'
  return { name: `small-${connections}`, connections, method: 'GET', path, headers: TENANT }
}

/** An answer of `bytes`, which must be one of SIZES. */
export function large(name: string, bytes: number, connections = 8): Scenario {
  return { name, connections, method: 'GET', path: `/items/${bytes}`, headers: TENANT }
}

/** The sizes of answer that the backend has. */
export const SIZES: readonly number[] = [1024, 4096, 16_384, 65_536, 262_144, 1_048_576]

/** The backend reads a whole body there before it answers. */
export const UPLOAD_PATH = '/items/upload'

/** What `npm run bench` measures unless told otherwise. */
export const SCENARIOS: readonly Scenario[] = [
  small(1),
  small(32),
  small(256),
  folio(),
  post('post-32', 32, 1024),
  large('large-1MiB', 1_048_576),
  { ...post('upload-1MiB', 8, 1_048_576), path: UPLOAD_PATH },
]

/** A body of `bytes`, and a small answer. */
function post(name: string, connections: number, bytes: number): Scenario {
  return {
    ...small(connections),
    name,
    method: 'POST',
    headers: { ...TENANT, 'Content-Type': 'application/json' },
    body: JSON.stringify({ text: 'x'.repeat(bytes - '{"text":""}'.length) }),
  }
}

/**
 * A call as a module makes it while it serves another: the headers that Okapi gave it, and a token
 * with the same user, 575 bytes in all.
 */
export function folio(): Scenario {
  const user = '4c5f2d9e-7a31-4f0b-9c56-3d0c2b7e8a10'
  const claims = { sub: 'diku_admin', user_id: user, tenant: 'diku', iat: 1_790_000_000 }
  const headers: Record<string, string> = {
    ...TENANT,
    'X-Okapi-Request-Id': '482913/users;771204/items',
    'X-Okapi-User-Id': user,
    'User-Agent': 'Java-http-client/21.0.4',
    Accept: 'application/json',
    'X-Okapi-Token': '',
  }
  const path = '/items?query=name%3D%3D%22shelf%22&limit=10'
  const without = headLength(path, headers)
  const token = [{ alg: 'HS256' }, claims].map((part) => base64url(JSON.stringify(part))).join('.')
  headers['X-Okapi-Token'] = `${token}.${'s'.repeat(HEAD_BYTES - without - token.length - 1)}`
  return { name: 'folio-32', connections: 32, method: 'GET', path, headers }
}

/** A path whose answer gives the token of `folio`, as a login does. */
export const TOKEN_PATH = '/items/token'

/** As wrk writes it, to a port of five digits. */
function headLength(path: string, headers: Readonly<Record<string, string>>): number {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n${lines.join('')}\r\n`.length
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
