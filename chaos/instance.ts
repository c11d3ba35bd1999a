// An instance of the module that is called, as a process: it writes down what it receives, then answers.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { answerOf, digestOf, readTarget } from './call.ts'
import { type Entry, Ledger, type Step } from './ledger.ts'
import type { Lie } from './options.ts'

interface Settings {
  readonly port: number
  readonly ledger: string
  readonly lie?: Lie
}

/** It lies about one call in so many. */
const LIES_EVERY = 10

const { port, ledger: path, lie }: Settings = JSON.parse(process.argv[2] ?? '{}')
const ledger = new Ledger(path)
let asked = 0
let last: { id: string; tenant: string } | undefined

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '', headers } = request
  const tenant = String(headers['x-okapi-tenant'] ?? '')
  const { id, wanted } = readTarget(url)
  const lies = ++asked % LIES_EVERY === 0 ? lie : undefined
  const note = (step: Step, digest: string) => {
    const entry: Entry = { step, at: Date.now(), id, tenant, method, target: url, digest }
    if (lies !== 'lose') ledger.write(entry)
    if (lies === 'twice') ledger.write(entry)
  }
  note('begun', '')
  const hash = createHash('sha256')
  for await (const part of request) hash.update(part)
  const digest = hash.digest('hex').slice(0, 20)
  note('whole', digest)
  // Most are quick, some take their time.
  await pause(asked % 50 === 0 ? 400 : asked % 20)
  const of = lies === 'swap' && last !== undefined ? last : { id, tenant }
  last = { id, tenant }
  const answer = answerOf(of.id, of.tenant, digest, wanted)
  note('answers', digestOf(answer))
  response.setHeader('Content-Type', 'application/octet-stream')
  if (asked % 2 === 0) response.setHeader('Content-Length', answer.length)
  // In pieces, so that there is a middle to be cut in.
  for (let at = 0; at < answer.length; at += 32_768) {
    response.write(answer.subarray(at, at + 32_768))
    if (answer.length > 32_768) await pause(1)
  }
  response.end()
}

const server = createServer((request, response) => {
  response.on('error', () => response.destroy())
  serve(request, response).catch(() => response.destroy())
})
// As RMB's Vert.x: it closes no connection by itself.
server.keepAliveTimeout = 0
server.requestTimeout = 0
server.listen(port, '127.0.0.1')
// As at the end of a pod: what has begun is finished.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
  setInterval(() => server.closeIdleConnections(), 50)
})
// The end of standard input is the end of the process, so that none outlives the run.
process.stdin.on('end', () => process.exit(0)).resume()
