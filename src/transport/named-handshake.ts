import type { Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import { errorCode, saidBy, withoutTls } from '../fault.ts'
import type { Limit } from '../refusal/limits.ts'
import type { Reason } from '../refusal/reasons.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { formatAddress } from './address.ts'
import type { CoarseClock, Ticking } from './clock.ts'
import type { Dialling } from './dial-options.ts'
import { beginNamedTls } from './named-server.ts'
import { dispose } from './turn-away.ts'

/** A server's address, and the name that its certificate must have. */
export interface NamedPlace {
  readonly host: string
  readonly port: number
  readonly name: string
}

/** What is sent in plain text before TLS begins, if the protocol requires that. */
export interface PlainQuestion {
  readonly bytes: Uint8Array
  /** The only byte that may come back. */
  readonly yes: number
  /** The sentence if the server answers anything else: it does not speak TLS. */
  readonly otherwise: string
}

/** How servers of one kind are verified. */
export interface NamedHandshakeOptions {
  /** The name of such a server in a sentence: `the broker`. */
  readonly called: string
  /** Called for each connection. Throws if there is no usable trust or key. */
  readonly context: () => SecureContext
  /** For a certificate in DER: the URI that makes it a caller's certificate, not a server's. */
  readonly callerIn: (der: Uint8Array) => string | undefined
  readonly question?: PlainQuestion
  /** What the server must agree to speak inside. */
  readonly alpn?: string
  readonly clock: CoarseClock
  readonly handshakeMs: number
  readonly limitHit?: (limit: Limit) => void
}

/** A connection whose server is proven. */
export interface OpenedNamed {
  readonly socket: TLSSocket
  readonly place: NamedPlace
  /** The material that it was opened with: there may be a newer one by now. */
  readonly context: SecureContext
}

/** Called once, never before `connect` has returned. The socket is verified and has no listeners. */
export type NamedConnected = (refusal: Refusal | null, opened: OpenedNamed | null) => void

/** From a TCP connection to a verified one. */
export class NamedHandshake implements Ticking, Dialling {
  readonly #options: NamedHandshakeOptions
  readonly #done: NamedConnected
  readonly #deadline: number
  /** The address that was reached, with the name. */
  readonly #place: NamedPlace
  #socket: Socket | TLSSocket
  #over = false

  constructor(
    socket: Socket,
    { name }: NamedPlace,
    options: NamedHandshakeOptions,
    done: NamedConnected,
  ) {
    this.#options = options
    this.#done = done
    this.#socket = socket
    this.#deadline = options.clock.now + options.handshakeMs
    const { remoteAddress: host = '', remotePort: port = 0 } = socket
    this.#place = { host, port, name }
    options.clock.watch(this)
    // TLS takes over the connection; late errors on this socket must not become exceptions.
    socket.on('error', () => socket.destroy())
    const { question } = options
    if (question === undefined) this.#secure(socket)
    else this.#ask(socket, question)
  }

  cancel(): void {
    this.#end()
    dispose(this.#socket)
  }

  tick(now: number): void {
    if (now < this.#deadline) return
    this.#options.limitHit?.('handshakeMs')
    this.#fail('timeout-upstream', 'did not finish the TLS handshake in time')
  }

  #ask(socket: Socket, { bytes, yes, otherwise }: PlainQuestion): void {
    const leave = this.#listen(socket)
    socket.once('data', (answer: Buffer) => {
      leave()
      if (answer[0] !== yes) return this.#fail('upstream-untrusted', otherwise)
      // Bytes before the handshake come from someone in between (CVE-2021-23214).
      if (answer.length > 1 || socket.readableLength > 0) {
        return this.#fail('upstream-malformed', 'sent bytes before the TLS handshake')
      }
      this.#secure(socket)
    })
    socket.write(bytes)
  }

  #secure(plain: Socket): void {
    const { alpn, callerIn } = this.#options
    const { name } = this.#place
    try {
      const context = this.#options.context()
      const socket = beginNamedTls(plain, {
        ...{ context, name, callerIn },
        ...(alpn && { alpn: [alpn] }),
      })
      this.#socket = socket
      const leave = this.#listen(socket)
      socket.once('secureConnect', () => {
        leave()
        if (alpn !== undefined && socket.alpnProtocol !== alpn) {
          return this.#fail('upstream-untrusted', `does not answer to ALPN ${alpn}`)
        }
        this.#end()
        this.#done(null, { socket, place: this.#place, context })
      })
    } catch (error) {
      this.#fail('upstream-untrusted', `cannot be verified: ${error}`)
    }
  }

  /** Handles failures of a socket; returns a function that removes the listeners. */
  #listen(socket: Socket): () => void {
    const onError = (error: Error) => {
      // System errors name a call; ECONNRESET in a handshake is Node's own code for an early end.
      const lost = 'syscall' in error || errorCode(error) === 'ECONNRESET'
      const what = lost ? 'closed the connection' : 'was not verified'
      this.#fail(lost ? 'upstream-unreachable' : 'upstream-untrusted', `${what}: ${wordsOf(error)}`)
    }
    const onClose = () => this.#fail('upstream-unreachable', 'closed the connection')
    socket.on('error', onError)
    socket.on('end', onClose)
    socket.on('close', onClose)
    return () => {
      socket.off('error', onError)
      socket.off('end', onClose)
      socket.off('close', onClose)
    }
  }

  #fail(reason: Reason, what: string): void {
    if (this.#over) return
    this.#end()
    dispose(this.#socket)
    const { called } = this.#options
    const { name } = this.#place
    const at = `${name} (${formatAddress(this.#place)})`
    this.#done(refuse(reason, `${called} ${at} ${what}`), null)
  }

  #end(): void {
    this.#over = true
    this.#options.clock.unwatch(this)
  }
}

/**
 * A name that does not match is reported with the names that would, because the code alone is no
 * help.
 */
function wordsOf(error: Error): string {
  const code = saidBy(error)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${code}, ${error.message}`
  return withoutTls(code) ?? code
}
