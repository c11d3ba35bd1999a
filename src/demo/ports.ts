import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'

/** Below the range from which Linux and macOS take the ports of connections that go out. */
const FIRST = 12_000
const LAST = 32_000
const MOST_TRIES = 1000

/**
 * Free ports of 127.0.0.1, for processes that must know each other's before they start.
 * Another process could take one in between; drawn at random from where the system takes none by itself,
 * that is rare.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = []
  for (let i = 0; held.length < count && i < MOST_TRIES; i++) {
    const server = createServer()
    server.listen(FIRST + Math.floor(Math.random() * (LAST - FIRST)), '127.0.0.1')
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (free) held.push(server)
  }
  if (held.length < count) throw new Error('there is no free port on 127.0.0.1')
  const ports = held.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
