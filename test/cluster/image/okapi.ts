// Okapi's stand-in of the demo, in a pod: it has no parent, ends by SIGTERM, and as it keeps nothing it is told at
// every start which modules there are.
import { subscribe } from 'node:diagnostics_channel'
import http, {
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

interface OkapiSettings {
  readonly tenant: string
  /** Where each module is to be found: discovery's URL, by its id; those of which others require something first. */
  readonly modules: Readonly<Record<string, string>>
  /** It is ready when this one is enabled, and those before it. */
  readonly readyAfter: string
}

const PORT = 9130
const STAND_IN = '/app/src/demo/okapi-stand-in.js'
const { tenant, modules, readyAfter }: OkapiSettings = JSON.parse(process.argv[2] ?? '')

let server: Server | undefined
const open = new Set<ServerResponse>()
subscribe('http.server.request.start', (message) => {
  const started = message as { server: Server; response: ServerResponse }
  server = started.server
  open.add(started.response)
  started.response.on('close', () => open.delete(started.response))
})

// Only those are waited for that were sent to a module: a pod also ends before its first request.
process.on('SIGTERM', async () => {
  server?.close()
  while (open.size > 0) {
    server?.closeIdleConnections()
    await sleep(20)
  }
  process.exit(0)
})

// A pod that is ready is called. Okapi finds its modules in its database, but this one would answer 404 until it knows them.
let isReady = false
const { createServer } = http
http.createServer = ((options: ServerOptions, serve: RequestListener) => {
  return createServer(options, (request, response) => {
    if (isReady || request.url !== '/_/proxy/health') serve(request, response)
    else response.writeHead(503).end()
  })
}) as typeof createServer

// The end of standard input would be its end, and a container has none.
Object.defineProperty(process, 'stdin', { value: new PassThrough() })
process.argv[2] = JSON.stringify({ port: PORT, tenants: [tenant] })
await import(STAND_IN)

async function post(path: string, body: object): Promise<number> {
  const url = `http://127.0.0.1:${PORT}${path}`
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) }).catch(
    () => undefined,
  )
  await answer?.text()
  return answer?.status ?? 0
}

for (const [srvcId, url] of Object.entries(modules)) {
  const instId = `${srvcId}-in-a-pod`
  while ((await post('/_/discovery/modules', { srvcId, instId, url })) !== 201) await sleep(100)
}
// A module that is not up yet is asked again.
for (const id of Object.keys(modules)) {
  while ((await post(`/_/proxy/tenants/${tenant}/modules`, { id })) !== 201) await sleep(500)
  console.log(JSON.stringify({ at: Date.now(), msg: 'enabled', id }))
  if (id === readyAfter) isReady = true
}
