import http from 'node:http'
import type { Readable } from 'node:stream'
import { HeaderFields } from './headers.ts'

/** HttpClientOptions.DEFAULT_KEEP_ALIVE_TIMEOUT of Vert.x. */
export const POOL_IDLE_MS = 60_000

/** One pool per host:port, 1000 connections each: `http_max_size_proxy`. No timeout for an answer. */
let pool = poolOf(POOL_IDLE_MS)

/** How long an idle connection to a module is kept. */
export function keepIdleFor(ms: number): void {
  pool = poolOf(ms)
}

function poolOf(timeout: number): http.Agent {
  return new http.Agent({ keepAlive: true, maxSockets: 1000, timeout })
}

/** An answer whose body is still being received. */
export interface Received {
  readonly status: number
  readonly fields: HeaderFields
  readonly body: http.IncomingMessage
}

/**
 * ProxyService.proxyRequestResponse: the raw target is appended to the discovery URL as it is, and
 * the body is chunked even if it is empty (`setChunked(true)`, Content-Length and Host removed).
 * A filter of type `headers` gets no body, but the caller's own framing headers (proxyHeaders,
 * copyHeaders).
 */
export function callModule(
  url: string,
  method: string,
  target: string,
  fields: HeaderFields,
  body: Readable | null,
): Promise<Received> {
  const sent = fields.copy()
  sent.remove('Host', 'Content-Length')
  if (body !== null) sent.set('Transfer-Encoding', 'chunked')
  const { hostname, port, pathname } = new URL(url)
  sent.add('Host', `${hostname}:${port}`)
  const path = `${pathname === '/' ? '' : pathname}${target}`
  return exchange({ host: hostname, port, path, method, headers: sent.raw(), agent: pool }, body)
}

/** OkapiClient: a system call has a body with Content-Length and is not part of a pipeline. */
export function callSystem(url: string, path: string, fields: HeaderFields, json: unknown) {
  const body = JSON.stringify(json)
  const sent = fields.copy()
  const { host, hostname, port, pathname } = new URL(url)
  sent.add('Host', host)
  sent.add('Accept', '*/*')
  sent.add('Content-Type', 'application/json; charset=UTF-8')
  sent.add('Content-Length', String(Buffer.byteLength(body)))
  const options = {
    host: hostname,
    port,
    path: `${pathname === '/' ? '' : pathname}${path}`,
    method: 'POST',
    headers: sent.raw(),
    agent: pool,
  }
  return exchange(options, body)
}

function exchange(options: http.RequestOptions, body: Readable | string | null): Promise<Received> {
  const { promise, resolve, reject } = Promise.withResolvers<Received>()
  const request = http.request(options, (response) => {
    resolve({
      status: response.statusCode ?? 0,
      fields: HeaderFields.ofRaw(response.rawHeaders),
      body: response,
    })
  })
  request.on('error', reject)
  if (body === null || typeof body === 'string') request.end(body ?? undefined)
  else body.pipe(request)
  return promise
}
