import http from 'node:http'
import { DESCRIPTORS } from './child.ts'
import { readAll } from './module.ts'
import { keepIdleFor, POOL_IDLE_MS } from './okapi/call.ts'
import { type OkapiState, readDescriptors } from './okapi/descriptor.ts'
import { HeaderFields } from './okapi/headers.ts'
import { internal, permissionsOf } from './okapi/internal.ts'
import { askFilter, invoked, proxy, Rejected, relay, type StepSeen } from './okapi/pipeline.ts'
import { listenAndAnswer, processSettings, type ReceivedRequest } from './process.ts'

/**
 * Stands in for Okapi 7.2: module lookup, pipeline and header rules as in its ProxyService. It lacks
 * what no attack of the demo needs: storage, deployment, timers, the token cache.
 */
const { port, descriptors, tenants, okapiUrl, poolIdleMs } = processSettings({
  port: 0,
  /** Like Okapi's `okapiurl`; by default the address where it listens. */
  okapiUrl: '',
  /** Empty: none, until they are posted. */
  descriptors: DESCRIPTORS,
  tenants: [] as string[],
  /** How long an idle connection to a module is kept. */
  poolIdleMs: POOL_IDLE_MS,
})
keepIdleFor(poolIdleMs)
const state: OkapiState = {
  okapiUrl,
  modules: descriptors === '' ? [] : readDescriptors(descriptors),
  deployments: [],
  tenants: new Map(['supertenant', ...tenants].map((id) => [id, new Set<string>()])),
}
const seen: ReceivedRequest[] = []
const steps: StepSeen[] = []

async function serve(request: http.IncomingMessage, response: http.ServerResponse) {
  const { method = '', url = '' } = request
  if (url !== '/_/proxy/health') seen.push({ method, target: url, headers: request.rawHeaders })
  const fields = HeaderFields.ofRaw(request.rawHeaders)
  const target = invoked(url, fields)
  if (target.startsWith('/_/')) {
    const asked = fields.copy()
    const permissions = permissionsOf(method, target)
    const refused = await askFilter(state, method, target, asked, permissions)
    if (refused !== undefined) return relay(refused, asked, response)
    const reply = await internal(state, method, target, await readAll(request))
    if (reply === undefined) throw new Rejected(404, `no internal route for ${method} ${target}`)
    const isText = typeof reply.json === 'string'
    const type = isText ? 'text/plain' : 'application/json'
    response.writeHead(reply.status, { 'Content-Type': type })
    response.end(isText ? reply.json : JSON.stringify(reply.json, null, 2))
    return
  }
  await proxy(state, request, response, target, fields, (step) => steps.push(step))
}

function failed(response: http.ServerResponse, error: Error): void {
  if (response.headersSent) return void response.destroy()
  const status = error instanceof Rejected ? error.status : 500
  response.writeHead(status, { 'Content-Type': 'text/plain' })
  response.end(`${error.message}\n`)
}

// In Netty, which Okapi uses, Transfer-Encoding overrides Content-Length; here too.
const server = http.createServer({ insecureHTTPParser: true }, (request, response) => {
  serve(request, response).catch((error: Error) => failed(response, error))
})
// Okapi does not close idle connections either.
server.keepAliveTimeout = 0
server.on('listening', () => {
  const address = server.address()
  if (okapiUrl === '' && typeof address === 'object')
    state.okapiUrl = `http://127.0.0.1:${address?.port}`
})
server.on('clientError', (_error, socket) => {
  seen.push({ method: '?', target: '?', headers: [] })
  socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
})
listenAndAnswer(server, port, { seen: () => seen.splice(0), steps: () => steps.splice(0) })
