import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { freePorts } from '../../../src/demo/child.ts'
import { answer, type Message, readMessage } from './messages.ts'

/** A player's answer to a request: the whole answer, or null if it writes to the socket itself. */
export type Reply = (request: Message, socket: Socket) => string | null | Promise<string | null>

export const OK: Reply = () => answer('200 OK', ['Content-Type: text/plain'], 'ok')

/** A plain server on loopback that plays a module, or Okapi, and records every byte. */
export class Player {
  /** Every byte that arrived, from all connections, in the order of arrival. */
  bytes = ''
  /** Every whole request, in the order in which they were whole. */
  readonly requests: Message[] = []
  /** How many connections were made. */
  connections = 0
  reply: Reply = OK
  /** Called with what has come of a request that is not whole yet. */
  partly: (text: string, socket: Socket) => void = () => {}
  readonly #sockets = new Set<Socket>()
  readonly #server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    this.#serve(socket),
  )

  /** Listens on a port of loopback, or on a Unix socket. */
  static async start(path?: string): Promise<Player> {
    const player = new Player()
    // Not just any free port: no other process must get it after it was released.
    if (path === undefined) player.#server.listen(...(await freePorts(1)), '127.0.0.1')
    else player.#server.listen(path)
    await once(player.#server, 'listening')
    return player
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The request that came last. */
  get last(): Message {
    const last = this.requests.at(-1)
    if (last === undefined) throw new Error('nothing has arrived')
    return last
  }

  /** Forgets what arrived. */
  forget(): void {
    this.bytes = ''
    this.requests.length = 0
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    let text = ''
    let turn = Promise.resolve()
    this.connections++
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('end', () => turn.then(() => socket.end()))
    socket.on('data', (part) => {
      const bytes = part.toString('latin1')
      this.bytes += bytes
      text += bytes
      for (let message = readMessage(text); message; message = readMessage(text)) {
        const whole = message
        text = text.slice(whole.length)
        this.requests.push(whole)
        turn = turn.then(() => this.#answer(whole, socket))
      }
      if (text !== '') this.partly(text, socket)
    })
  }

  async #answer(request: Message, socket: Socket): Promise<void> {
    const text = await this.reply(request, socket)
    if (text !== null) socket.write(text, 'latin1')
  }
}
