import http from 'node:http'
import { listenAndAnswer, processSettings, type ReceivedRequest } from './process.ts'

/** One call of a module, as its routes see it. */
export interface ModuleCall {
  readonly method: string
  /** The path without the query, as received. */
  readonly path: string
  readonly tenant: string
  readonly request: http.IncomingMessage
  readonly body: string
}

/** The answer of a route; `json` is serialized. */
export interface Reply {
  readonly status: number
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Never answers, as some modules after an internal error. */
export const NO_ANSWER: Reply = { status: 0 }

/** Answers a call; undefined if the module has no such route. */
export type ModuleRoute = (call: ModuleCall) => Promise<Reply | undefined> | Reply | undefined

/** The parts of a module of the demo. */
export interface Module {
  readonly route: ModuleRoute
  /** `POST /_/tenant` with purge: all data of the tenant is gone. */
  purge?(tenant: string): void
  /** Further questions that the demo may ask on standard input. */
  readonly asks?: Record<string, (argument: unknown) => unknown>
}

/** Runs a module as RMB does: one port for everything, and every caller that reaches it is trusted. */
export function runModule(module: Module): void {
  const { port } = processSettings({ port: 0 })
  const seen: ReceivedRequest[] = []
  const server = http.createServer((request, response) => {
    const { method = '', url = '' } = request
    if (url !== '/admin/health') seen.push({ method, target: url, headers: request.rawHeaders })
    serve(module, request).then(
      (reply) => send(response, reply),
      (error: Error) => send(response, { status: 500, json: { error: error.message } }),
    )
  })
  server.on('clientError', (_error, socket) => {
    seen.push({ method: '?', target: '?', headers: [] })
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
  })
  listenAndAnswer(server, port, { seen: () => seen.splice(0), ...module.asks })
}

async function serve(module: Module, request: http.IncomingMessage): Promise<Reply> {
  const body = await readAll(request)
  const { method = '', url = '' } = request
  const path = url.split('?', 1)[0] ?? ''
  const tenant = String(request.headers['x-okapi-tenant'] ?? '')
  const call = { method, path, tenant, request, body }
  return (
    administration(module, call) ??
    (await module.route(call)) ?? { status: 404, json: { error: `no route for ${method} ${path}` } }
  )
}

/** What RMB serves besides a module's own API (admin.raml, TenantAPI), without authentication. */
function administration(
  module: Module,
  { method, path, tenant, body }: ModuleCall,
): Reply | undefined {
  if (method === 'GET' && path === '/admin/health') return { status: 200, json: 'OK' }
  if (method === 'POST' && path === '/admin/importSQL') return { status: 200, json: { ran: body } }
  // Without a body it is Okapi's question to its auth filter about the call (ProxyService.authForSystemInterface).
  if (method !== 'POST' || path !== '/_/tenant' || body === '') return undefined
  if (tenant === '') return { status: 400, json: { error: 'Tenant must be set' } }
  const { purge = false }: { purge?: boolean } = JSON.parse(body)
  if (!purge) return { status: 201, json: { id: 'done', tenant, complete: true } }
  module.purge?.(tenant)
  return { status: 204 }
}

function send(response: http.ServerResponse, { status, json, headers = {} }: Reply): void {
  if (status === NO_ANSWER.status) return
  response.writeHead(status, {
    ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...headers,
  })
  response.end(json === undefined ? undefined : `${JSON.stringify(json)}\n`)
}

/** A whole small body as text. */
export async function readAll(stream: AsyncIterable<unknown>): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(Buffer.from(part as Uint8Array))
  return Buffer.concat(parts).toString('utf8')
}
