import net, { type AddressInfo } from 'node:net'

/**
 * Free ports of loopback. They are held open together, so that no two are the same, and let go at
 * the end: sidecars name each other's ports in files that are written before any of them listens.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, hold))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(release))
  return ports
}

function hold(): Promise<net.Server> {
  const { promise, resolve, reject } = Promise.withResolvers<net.Server>()
  const server = net.createServer()
  server.on('error', reject)
  server.listen(0, '127.0.0.1', () => resolve(server))
  return promise
}

function release(server: net.Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  return promise
}
