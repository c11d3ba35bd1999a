import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { contentSecurityPolicy } from '../../html/page.ts'
import { onceATurn, viewServer } from '../node-http.ts'
import type { StatusFacts } from './facts.ts'
import { STATUS_STYLE, statusPage } from './page.ts'

const POLICY = `${contentSecurityPolicy(STATUS_STYLE)}; frame-ancestors 'none'`

/**
 * The server of the status page (`/`) and its JSON (`/status.json`), not listening yet. Read-only. A
 * Host that is a name other than localhost is refused: otherwise another web page could read this one
 * through its own name that it points at loopback (DNS rebinding).
 */
export function statusServer(facts: () => StatusFacts | Promise<StatusFacts>): Server {
  const shared = onceATurn(facts)
  return viewServer(
    (request, response) => serve(shared, request, response),
    (_, response) => {
      response.setHeader('Connection', 'close')
      send(response, 417, 'text/plain; charset=utf-8', 'Expect is not supported here\n')
    },
  )
}

async function serve(
  facts: () => StatusFacts | Promise<StatusFacts>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, url, headers } = request
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') {
    response.setHeader('Connection', 'close')
    return send(response, 400, 'text/plain; charset=utf-8', 'no bodies here\n')
  }
  if (!isOurs(headers.host)) {
    return send(
      response,
      403,
      'text/plain; charset=utf-8',
      'use an IP address or localhost as the host\n',
    )
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    return send(response, 405, 'text/plain; charset=utf-8', 'GET and HEAD only\n')
  }
  const path = url?.split('?', 1)[0]
  if (path === '/')
    return send(response, 200, 'text/html; charset=utf-8', statusPage(await facts()))
  if (path === '/status.json') {
    return send(response, 200, 'application/json', `${JSON.stringify(await facts())}\n`)
  }
  send(response, 404, 'text/plain; charset=utf-8', 'not found\n')
}

/** Is this Host an address, or localhost? */
function isOurs(host: string | undefined): boolean {
  const name = /^(\[[^\]]+\]|[^:]+)(?::\d+)?$/.exec(host ?? '')?.[1] ?? ''
  return name.toLowerCase() === 'localhost' || isIP(name.replace(/^\[|\]$/g, '')) !== 0
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Content-Security-Policy': POLICY,
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  })
  response.end(body)
}
