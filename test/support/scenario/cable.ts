import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'

/** Which way bytes go: to the end that was dialled, or back to the one that dialled. */
export type Way = 'there' | 'back'

/**
 * A cable between two sidecars, of which one must know the other's port before it is bound. It hands
 * on every byte and keeps a copy: what is on the network.
 */
export class Cable {
  bytes = ''
  /** Off where more crosses than a text can hold. */
  records = true
  /** The next bytes that go this way lose one bit, once. */
  flips: Way | null = null
  #to = 0
  #isCut = false
  readonly #sockets = new Set<Socket>()
  readonly #server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    this.#carry(socket),
  )

  static async start(to = 0): Promise<Cable> {
    const cable = new Cable()
    cable.#to = to
    cable.#server.listen(0, '127.0.0.1')
    await once(cable.#server, 'listening')
    return cable
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Sockets of both ends that are still open. */
  get open(): number {
    return this.#sockets.size
  }

  plugInto(port: number): void {
    this.#to = port
  }

  /** From now on nothing passes, and neither end notices, as when the machine there has lost its power. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.pause()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #carry(near: Socket): void {
    if (this.#isCut) {
      this.#sockets.add(near.pause())
      return
    }
    const far = net.connect({ host: '127.0.0.1', port: this.#to, allowHalfOpen: true })
    for (const [from, to, way] of [
      [near, far, 'there'],
      [far, near, 'back'],
    ] as const) {
      this.#sockets.add(from)
      from.on('data', (bytes) => {
        if (this.records) this.bytes += bytes.toString('latin1')
        if (this.flips === way) {
          this.flips = null
          bytes[bytes.length - 1]! ^= 1
        }
        // A closed one takes nothing.
        if (!to.destroyed && !to.write(bytes)) from.pause()
      })
      to.on('drain', () => this.#isCut || from.resume())
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
      from.on('close', () => this.#sockets.delete(from))
    }
  }
}
