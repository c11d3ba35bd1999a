import net from 'node:net'
import tls from 'node:tls'
import { errorCode } from '../fault.ts'
import type { Context } from './context.ts'
import type { DialTarget } from './dial.ts'
import { type Evidence, masked } from './evidence.ts'

/** More is not read: a server of the expected kind does not answer with so much. */
export const RECEIVED_BYTES_AT_MOST = 256 * 1024

/** A connection for hand-made bytes; it records both directions. */
export class RawConnection {
  #socket: net.Socket
  #bytes: Buffer = Buffer.alloc(0)
  #wake = () => {}
  #closed = false
  #how: 'refused' | 'closed' | 'silent' = 'closed'
  #sent = ''
  readonly #received: Buffer[] = []
  #count = 0
  readonly #context: Context

  constructor(context: Context, { host, port }: DialTarget = context.target) {
    this.#context = context
    this.#socket = net.connect({ host, port, noDelay: true })
    this.#socket.on('error', (error) => {
      if (
        /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/.test(
          errorCode(error) ?? '',
        )
      )
        this.#how = 'refused'
    })
    const late = AbortSignal.any([context.signal, AbortSignal.timeout(context.timeoutMs)])
    const cut = () => {
      this.#how = 'silent'
      this.#socket.destroy()
      this.#end()
    }
    if (late.aborted) cut()
    late.addEventListener('abort', cut)
    this.#socket.once('close', () => late.removeEventListener('abort', cut))
    this.#listen(this.#socket)
  }

  #listen(socket: net.Socket): void {
    socket.on('data', (bytes: Buffer) => {
      this.#received.push(bytes)
      this.#count += bytes.length
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      if (this.#count > RECEIVED_BYTES_AT_MOST) socket.destroy()
      this.#wake()
    })
    socket.on('end', () => this.#end())
    socket.on('close', () => this.#end())
  }

  #end(): void {
    this.#closed = true
    this.#wake()
  }

  /** Received bytes that are not consumed yet. */
  protected get bytes(): Buffer {
    return this.#bytes
  }

  get how(): 'refused' | 'closed' | 'silent' {
    return this.#how
  }

  /** `shown` replaces bytes with a password in the report. */
  write(bytes: Buffer, shown?: string): void {
    this.#sent += shown ?? bytes.toString('latin1')
    this.#socket.write(bytes)
  }

  /** Waits for this many bytes; false if the connection ended before. */
  protected async has(count: number): Promise<boolean> {
    while (this.#bytes.length < count && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#bytes.length >= count
  }

  /** Consumes received bytes. */
  protected take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    return taken
  }

  /** Starts TLS, with the stolen certificate if there is one. The server's certificate is not checked. */
  encrypt(): void {
    const { credentials } = this.#context
    const plain = this.#socket
    plain.removeAllListeners('data')
    const pair = credentials === undefined ? {} : { cert: credentials.cert, key: credentials.key }
    const socket = tls.connect({ socket: plain, rejectUnauthorized: false, ...pair })
    socket.on('error', () => socket.destroy())
    this.#socket = socket
    this.#listen(socket)
  }

  close(): void {
    this.#socket.destroy()
    this.#end()
  }

  evidence(): Evidence {
    const received = Buffer.concat(this.#received)
    return {
      sent: this.#sent === '' ? '[nothing]' : masked(this.#sent),
      received: received.length === 0 ? `[no bytes: ${this.#how}]` : masked(received),
    }
  }
}
