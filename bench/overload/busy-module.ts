import { createServer, type ServerResponse } from 'node:http'

// A module with so many workers, each busy with one call for so long; what is beyond them waits, and it
// takes all that comes: `node busy-module.ts PORT WORKERS MS`.

const [port = 0, workers = 1, ms = 1] = process.argv.slice(2).map(Number)
const body = JSON.stringify({ items: [] })
const waiting: ServerResponse[] = []
let busy = 0

function work(): void {
  const response = busy < workers ? waiting.shift() : undefined
  if (response === undefined) return
  busy++
  setTimeout(() => {
    busy--
    response.setHeader('Content-Type', 'application/json')
    response.setHeader('Content-Length', body.length)
    response.end(body)
    work()
  }, ms)
}

const server = createServer((request, response) => {
  request.resume()
  waiting.push(response)
  work()
})
server.keepAliveTimeout = 600_000
server.listen(port, '127.0.0.1', 4096)
