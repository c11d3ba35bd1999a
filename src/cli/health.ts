import { type RequestOptions, request } from 'node:http'
import { parseArgs } from 'node:util'
import { formatListen, type Listen, parseListen } from '../config/addresses.ts'
import { errorCode, fault } from '../fault.ts'

export const usage = `okapi-sidecar health: is a sidecar ready?

Usage:
    okapi-sidecar health [URL] [--timeout SECONDS] [--json]

Asks the admin listener and prints its answer: for images without a shell, for
HEALTHCHECK and exec probes. URL is http://HOST:PORT[/PATH] or unix:/SOCKET; the
default path is /ready. Other paths are /live, and /app/health, which asks the
module itself. Without URL it asks this host, at the port that
SIDECAR_ADMIN_LISTEN names, or 9901.

Options:
    --timeout SECONDS   for the whole answer; default 3
    --json              {healthy, url, status, body, problem}

Exit codes: 0 healthy, 1 not healthy or no answer, 2 wrong usage

Example:
    okapi-sidecar health http://127.0.0.1:9901/ready
`

const ADMIN_PORT = 9901
const READY = '/ready'

/** Sends one request. Throws a Fault for an unusable URL. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      timeout: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const [given, second] = positionals
  if (second !== undefined) throw fault(`one URL, not \`${second}\` as well`)
  const { SIDECAR_ADMIN_LISTEN = '' } = process.env
  const place = given === undefined ? usual(SIDECAR_ADMIN_LISTEN.trim()) : placeOf(given)
  const answer = await ask(place, timeoutMs(values.timeout))
  const { healthy } = answer
  if (values.json) process.stdout.write(`${JSON.stringify({ url: place.url, ...answer })}\n`)
  else (healthy ? process.stdout : process.stderr).write(`${sentence(answer, place)}\n`)
  return healthy ? 0 : 1
}

type Place = Parameters<typeof ask>[0]

/** The expected address of this host's sidecar. */
function usual(listen: string): Place {
  if (listen === '') return at({ host: '127.0.0.1', port: ADMIN_PORT }, READY)
  const parsed = parseListen(listen)
  if ('wrong' in parsed) throw fault(`SIDECAR_ADMIN_LISTEN ${parsed.wrong}`)
  return at(parsed.value, READY)
}

function placeOf(text: string): Place {
  if (text.startsWith('unix:')) {
    const parsed = parseListen(text)
    if ('wrong' in parsed) throw fault(`${text} ${parsed.wrong}`)
    return at(parsed.value, READY)
  }
  const match = /^http:\/\/([^/?#@]+)(\/[!-"$-~]*)?$/.exec(text)
  const [, authority = '', path = '/'] = match ?? []
  const parsed = parseListen(/:\d+$/.test(authority) ? authority : `${authority}:80`)
  if (match === null || 'wrong' in parsed) {
    const hint = 'http://127.0.0.1:9901/ready, or unix:/run/sidecar/admin.sock'
    throw fault(`\`${text}\` is not the URL of an admin listener`, { hint })
  }
  return at(parsed.value, path === '/' ? READY : path)
}

/** A listener on all addresses is asked on loopback. */
function at(listen: Listen, path: string): Place {
  if ('path' in listen) {
    return { connect: { socketPath: listen.path }, path, url: formatListen(listen) }
  }
  const { host: bound, port } = listen
  const host = bound === '0.0.0.0' ? '127.0.0.1' : bound === '::' ? '::1' : bound
  return { connect: { host, port }, path, url: `http://${formatListen({ host, port })}${path}` }
}

function timeoutMs(seconds: string): number {
  const ms = Number(seconds) * 1000
  if (/^\d+(?:\.\d+)?$/.test(seconds) && ms >= 1 && ms <= 3_600_000) return ms
  throw fault(`--timeout ${seconds}: must be a number of seconds, at most 3600`)
}

function sentence({ healthy, status, body, problem }: Asked, { url }: Place): string {
  if (problem !== null) return `${url}: ${problem}`
  return `${url}: ${healthy ? 'healthy' : 'not healthy'} (${status}) ${printable(body).trim()}`
}

/** A module may answer anything, and terminals execute control characters. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\n]/g, '?').slice(0, 1000)
}

/** The answer; `problem` says why there is none. */
export interface Asked {
  /** True for 200 to 299. */
  readonly healthy: boolean
  readonly status: number | null
  readonly body: string
  readonly problem: string | null
}

const MAX_BODY_BYTES = 64 * 1024

/**
 * One GET on a new connection; redirects are not followed. It uses Node's client instead of undici,
 * because a program that a HEALTHCHECK starts every few seconds should load little.
 */
export function ask(
  {
    connect,
    path,
  }: { readonly connect: RequestOptions; readonly path: string; readonly url: string },
  withinMs: number,
): Promise<Asked> {
  const { promise, resolve } = Promise.withResolvers<Asked>()
  const failed = (problem: string) => resolve({ healthy: false, status: null, body: '', problem })
  const asking = request({ ...connect, path, agent: false }, (response) => {
    const { statusCode: status = 0 } = response
    const parts: Buffer[] = []
    let bytes = 0
    response.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes > MAX_BODY_BYTES)
        asking.destroy(new Error(`answers more than ${MAX_BODY_BYTES} bytes`))
      else parts.push(part)
    })
    response.on('error', (error) => failed(error.message))
    response.on('end', () => {
      const body = Buffer.concat(parts).toString('utf8')
      resolve({ healthy: status >= 200 && status < 300, status, body, problem: null })
    })
  })
  const late = setTimeout(() => {
    asking.destroy(new Error(`no answer within ${withinMs / 1000} s`))
  }, withinMs)
  asking.on('error', (error) => failed(problemText(error)))
  asking.on('close', () => clearTimeout(late))
  asking.end()
  return promise
}

function problemText(error: Error): string {
  const code = errorCode(error)
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return 'nothing listens there'
  return code === undefined ? error.message : `${error.message || code}`
}
