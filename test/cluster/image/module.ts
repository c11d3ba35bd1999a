// A module in a pod: it may start late and answer late, finishes what it has begun when it is told to end, and says
// which pod answered. What it asks of Okapi it asks as RMB does: at X-Okapi-Url, with the headers it was sent.
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

interface ModuleSettings {
  readonly port?: number
  readonly startMs?: number
  readonly answerMs?: number
  /** A path that it asks for before it answers. */
  readonly asks?: string
  /** Where it listens: loopback, as it should. */
  readonly host?: string
}

const settings: ModuleSettings = JSON.parse(process.argv[2] ?? '{}')
const { port = 8081, startMs = 0, answerMs = 0, asks = '', host = '127.0.0.1' } = settings

function ask(received: IncomingMessage): Promise<number> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(received.headers)) {
    if (name.startsWith('x-okapi-')) headers[name] = String(value)
  }
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const url = `${headers['x-okapi-url']}${asks}`
  const request = get(url, { headers, agent: false }, (response) => {
    response.resume().on('end', () => resolve(response.statusCode ?? 0))
  })
  request.on('error', reject)
  return promise
}

async function answer(request: IncomingMessage): Promise<[number, object]> {
  if (request.url === '/admin/health') return [200, { health: 'OK' }]
  if (request.url?.startsWith('/_/tenant')) return [201, { id: 'done', complete: true }]
  await sleep(answerMs)
  const asked = asks === '' ? 200 : await ask(request)
  return [asked === 200 ? 200 : 502, { pod: hostname(), asked }]
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume()
  const said = await answer(request).catch((error: Error): [number, object] => {
    return [502, { error: String(error) }]
  })
  response.writeHead(said[0], { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(said[1]))
}

const server = createServer((request, response) => void serve(request, response))

process.on('SIGTERM', () => {
  console.log(JSON.stringify({ at: Date.now(), msg: 'SIGTERM' }))
  server.close(() => {
    console.log(JSON.stringify({ at: Date.now(), msg: 'ended' }))
    process.exit(0)
  })
  // A connection that is kept would hold it; one in use is closed when it has been answered.
  setInterval(() => server.closeIdleConnections(), 20)
})

console.log(JSON.stringify({ at: Date.now(), msg: 'starting' }))
await sleep(startMs)
server.listen(port, host, () => console.log(JSON.stringify({ at: Date.now(), msg: 'listening' })))
