import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AppHealth } from './app-health.ts'
import type { Metrics } from './metrics.ts'
import { onceATurn, viewServer } from './node-http.ts'
import type { Readiness } from './readiness.ts'

/** What the admin listener shows: health and counts, nothing useful for an attacker. */
export interface HealthSources {
  /** Told when it is shutting down, to a successor that wants its addresses. */
  readonly module?: string
  readonly readiness: Readiness
  readonly metrics: Pick<Metrics, 'contentType' | 'text'>
  /** Asks the module itself; absent where no module is behind this sidecar. */
  readonly app?: () => Promise<AppHealth>
  /** Resolves when every serving thread has answered: one that hangs is not alive. */
  readonly look?: () => Promise<void>
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

type Page = (sources: HealthSources) => Answer | Promise<Answer>

const APP_PATH = '/app/health'

const PAGES: ReadonlyMap<string, Page> = new Map<string, Page>([
  ['/live', live],
  ['/ready', ready],
  ['/metrics', metricsPage],
  [APP_PATH, appPage],
])

/** The server of `/live`, `/ready`, `/metrics` and `/app/health`, not listening yet. */
export function adminServer(sources: HealthSources): Server {
  const { metrics, look } = sources
  // Expensive answers are made once, however many ask at the same time.
  const shared: HealthSources = {
    ...sources,
    ...(look && { look: onceATurn(look) }),
    metrics: { contentType: metrics.contentType, text: onceATurn(() => metrics.text()) },
  }
  return viewServer(
    (request, response) => serve(shared, request, response),
    (_, response) => send(response, text(417, 'Expect is not supported here'), true),
  )
}

async function serve(
  sources: HealthSources,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, headers, url } = request
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') {
    return send(response, text(400, 'no bodies here'), true)
  }
  const page = PAGES.get(pathOf(url ?? ''))
  if (page === undefined) return send(response, text(404, 'not found'))
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return send(response, text(405, 'GET and HEAD only'))
  }
  send(response, await page(sources))
}

/**
 * With Prometheus' `params` or kubelet's `?verbose` the page is the same. Not for the module's own
 * page: its query is not passed on, and an answer would suggest that it was.
 */
function pathOf(target: string): string {
  const [path = ''] = target.split('?', 1)
  return path === APP_PATH ? target : path
}

async function live({ look }: HealthSources): Promise<Answer> {
  await look?.()
  return json(200, { live: true })
}

function ready({ readiness, module }: HealthSources): Answer {
  const { ready, draining, awaiting, remarks } = readiness
  const told = Object.keys(remarks).length === 0 ? {} : { remarks }
  return ready
    ? json(200, { ready, ...told })
    : json(503, { ready, draining, ...(draining && { module }), waitsFor: awaiting, ...told })
}

async function metricsPage({ metrics, look }: HealthSources): Promise<Answer> {
  await look?.()
  return { status: 200, type: metrics.contentType, body: await metrics.text() }
}

/** The module's body, but never its headers; as text, whatever type it declares. */
async function appPage({ app }: HealthSources): Promise<Answer> {
  if (app === undefined) return text(404, 'not found')
  const { status, body } = await app()
  return { status, type: 'text/plain; charset=utf-8', body }
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` }
}

function text(status: number, words: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${words}\n` }
}

function send(response: ServerResponse, { status, type, body }: Answer, last = false): void {
  response.setHeader('content-type', type)
  response.setHeader('content-length', Buffer.byteLength(body))
  response.setHeader('cache-control', 'no-store')
  response.setHeader('x-content-type-options', 'nosniff')
  // What follows on this connection may be a body: it must never be read as another request.
  if (last) response.setHeader('connection', 'close')
  response.writeHead(status)
  response.end(body)
}
