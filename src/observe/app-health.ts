import type { RequestOptions } from 'node:http'
import type { LookupFunction } from 'node:net'
import { errorCode } from '../fault.ts'
import { request } from './node-http.ts'

/** What a module said about itself, or the substitute. */
export interface AppHealth {
  readonly status: number
  readonly body: string
}

/** Where the module listens, and the one path that it is asked. */
export interface AppPlace {
  readonly forward: { readonly authority: string } & (
    | { readonly host: string; readonly port: number }
    | { readonly path: string }
  )
  readonly healthPath: string
  /** Looks up the host if it is a name. */
  readonly lookup?: LookupFunction
  /** For the whole answer. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 5_000
const BODY_BYTES = 64 * 1024

/**
 * Asks the module's one health path: no query, no header of the client, at most 64 KiB of the
 * answer. Requests that arrive while a question is open get its answer, so that no client can reach
 * a module through the admin listener more often than it answers. Never rejects.
 */
export function appHealth(place: AppPlace): () => Promise<AppHealth> {
  let underWay: Promise<AppHealth> | undefined
  return () => {
    underWay ??= ask(place).finally(() => {
      underWay = undefined
    })
    return underWay
  }
}

function ask({
  forward,
  healthPath,
  lookup,
  timeoutMs = TIMEOUT_MS,
}: AppPlace): Promise<AppHealth> {
  const { promise, resolve } = Promise.withResolvers<AppHealth>()
  const asking = request({ ...optionsFor(forward, healthPath), lookup }, (response) => {
    const { statusCode = 0 } = response
    const parts: Buffer[] = []
    let left = BODY_BYTES
    const end = () => {
      const body = Buffer.concat(parts).toString('utf8')
      // 1xx never arrives here, and there is no status above 599.
      resolve(
        statusCode > 599 ? instead(502, `it answered ${statusCode}`) : { status: statusCode, body },
      )
    }
    response.on('data', (part: Buffer) => {
      parts.push(part.subarray(0, left))
      left -= part.length
      if (left > 0) return
      end()
      asking.destroy()
    })
    response.on('end', end)
    response.on('error', (error) => resolve(instead(502, words(error))))
  })
  const late = setTimeout(() => {
    resolve(instead(504, `no answer within ${timeoutMs} ms`))
    asking.destroy()
  }, timeoutMs)
  asking.on('error', (error) => resolve(instead(unreachable(error) ? 503 : 502, words(error))))
  // There is no protocol switch here.
  asking.on('upgrade', (_, socket) => {
    resolve(instead(502, 'it answered 101'))
    socket.destroy()
  })
  asking.on('close', () => clearTimeout(late))
  asking.end()
  return promise
}

function optionsFor(forward: AppPlace['forward'], path: string): RequestOptions {
  const to =
    'port' in forward ? { host: forward.host, port: forward.port } : { socketPath: forward.path }
  const headers = { Host: forward.authority, Accept: '*/*', Connection: 'close' }
  return { ...to, path, method: 'GET', agent: false, headers, setHost: false }
}

/** The module is not there; perhaps it is still starting. */
function unreachable(error: Error): boolean {
  return ['ECONNREFUSED', 'ENOENT', 'EHOSTUNREACH'].includes(errorCode(error) ?? '')
}

function words(error: Error): string {
  return errorCode(error) ?? error.message
}

function instead(status: number, because: string): AppHealth {
  return { status, body: `${JSON.stringify({ module: 'no health', because })}\n` }
}
