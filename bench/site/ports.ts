import { type AddressInfo, createServer } from 'node:net'

/** A free port of 127.0.0.1; five digits, so that every request is equally long. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await ephemeral()
    if (port >= 10_000) return port
  }
}

function ephemeral(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
