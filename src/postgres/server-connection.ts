import type { Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import { errorCode, saidBy } from '../fault.ts'
import type { Limit } from '../refusal/limits.ts'
import type { Reason } from '../refusal/reasons.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { formatAddress } from '../transport/address.ts'
import type { CoarseClock, Ticking } from '../transport/clock.ts'
import type { Descriptors } from '../transport/descriptors.ts'
import { Dialer } from '../transport/dial.ts'
import type { Dialling } from '../transport/dial-options.ts'
import type { NameResolver } from '../transport/name-resolver.ts'
import { beginNamedTls } from '../transport/named-server.ts'
import { dispose } from '../transport/turn-away.ts'

/** Length 8, code 80877103. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const YES = 0x53
/** Registered for PostgreSQL (IANA), asked for by the server where TLS begins at once. */
const ALPN = 'postgresql'

/** One place of a server: what is dialled, and the name that its certificate must have. */
export interface ServerPlace {
  readonly host: string
  readonly port: number
  readonly name: string
}

/** What the connections of one listener are opened with. */
export interface ServerOptions {
  /** Tried in this order. */
  readonly places: readonly ServerPlace[]
  readonly sslNegotiation: 'postgres' | 'direct'
  /** Asked for each connection. Throws where there is no usable trust or key. */
  readonly context: () => SecureContext
  readonly names: NameResolver
  readonly clock: CoarseClock
  readonly descriptors?: Descriptors
  readonly connectMs: number
  readonly handshakeMs: number
  readonly limitHit?: (limit: Limit) => void
}

/** Called once, never before `connect` has returned. The socket is verified and has no listeners. */
export type ServerConnected = (refusal: Refusal | null, opened: OpenedServer | null) => void

/** A connection whose server is proven. */
export interface OpenedServer {
  readonly socket: TLSSocket
  /** Where it leads, as an address: what a cancel request must reach too. */
  readonly place: ServerPlace
  /** What it was made with: there may be a newer one by now. */
  readonly context: SecureContext
}

interface Way {
  readonly dialer: Dialer<null>
  readonly place: ServerPlace
}

/** Opens connections to the server of one listener. */
export class ServerConnector {
  readonly #options: ServerOptions
  readonly #ways: readonly Way[]

  constructor(options: ServerOptions) {
    this.#options = options
    this.#ways = options.places.map((place) => ({ dialer: this.#dialer(place), place }))
  }

  /** The first place that can be reached decides, whatever it answers. */
  connect(done: ServerConnected): Dialling {
    return this.#next(this.#ways, [], done)
  }

  /** Exactly there, and nowhere else. */
  connectTo(place: ServerPlace, done: ServerConnected): Dialling {
    return this.#next([{ dialer: this.#dialer(place), place }], [], done)
  }

  #next(
    [first, ...others]: readonly Way[],
    failures: readonly string[],
    done: ServerConnected,
  ): Dialling {
    if (first === undefined) throw new Error('a database server has no address')
    const { dialer, place } = first
    let under: Dialling
    const over = (refusal: Refusal | null, socket: Socket | null) => {
      if (socket !== null) {
        under = new ServerHandshake(socket, place.name, this.#options, done)
      } else if (refusal?.reason === 'upstream-unreachable') {
        const all = [...failures, refusal.because]
        if (others.length > 0) under = this.#next(others, all, done)
        else done({ ...refusal, because: all.join('; ') }, null)
      } else done(refusal, null)
    }
    under = dialer.dial({}, over)
    return { cancel: () => under.cancel() }
  }

  #dialer({ host, port }: ServerPlace): Dialer<null> {
    const { names, clock, descriptors, connectMs, handshakeMs, limitHit } = this.#options
    return new Dialer<null>({
      addresses: [{ host, port }],
      names,
      tls: null,
      connectMs,
      handshakeMs,
      connectWaitMs: 0,
      clock,
      whenUnreachable: 'upstream-unreachable',
      ...(descriptors && { descriptors }),
      ...(limitHit && { limitHit }),
    })
  }
}

/** From a TCP connection to a verified one. */
class ServerHandshake implements Ticking, Dialling {
  readonly #options: ServerOptions
  readonly #name: string
  readonly #done: ServerConnected
  readonly #deadline: number
  readonly #at: string
  readonly #place: ServerPlace
  #socket: Socket | TLSSocket
  #over = false

  constructor(socket: Socket, name: string, options: ServerOptions, done: ServerConnected) {
    this.#options = options
    this.#name = name
    this.#done = done
    this.#socket = socket
    this.#deadline = options.clock.now + options.handshakeMs
    const { remoteAddress: host = '', remotePort: port = 0 } = socket
    this.#place = { host, port, name }
    this.#at = `${name} (${formatAddress({ host, port })})`
    options.clock.watch(this)
    // TLS takes the connection over; what is still told to this end of it must not be an exception.
    socket.on('error', () => socket.destroy())
    if (options.sslNegotiation === 'direct') this.#secure(socket, [ALPN])
    else this.#ask(socket)
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

  #ask(socket: Socket): void {
    const leave = this.#listen(socket)
    socket.once('data', (answer: Buffer) => {
      leave()
      if (answer[0] !== YES)
        return this.#fail('upstream-untrusted', 'does not speak TLS (ssl = on)')
      // What comes before the handshake is of someone between (CVE-2021-23214).
      if (answer.length > 1 || socket.readableLength > 0) {
        return this.#fail('upstream-malformed', 'sent bytes before the TLS handshake')
      }
      this.#secure(socket)
    })
    socket.write(SSL_REQUEST)
  }

  #secure(plain: Socket, alpn?: readonly string[]): void {
    try {
      const context = this.#options.context()
      const socket = beginNamedTls(plain, { context, name: this.#name, ...(alpn && { alpn }) })
      this.#socket = socket
      const leave = this.#listen(socket)
      socket.once('secureConnect', () => {
        leave()
        if (alpn !== undefined && socket.alpnProtocol !== ALPN) {
          return this.#fail('upstream-untrusted', `does not answer to ALPN ${ALPN}`)
        }
        this.#end()
        this.#done(null, { socket, place: this.#place, context })
      })
    } catch (error) {
      this.#fail('upstream-untrusted', `cannot be verified: ${error}`)
    }
  }

  /** A socket that fails; returns what takes the listeners off. */
  #listen(socket: Socket): () => void {
    const onError = (error: Error) => {
      // What the system says has a call; ECONNRESET in a handshake is Node's own word for an early end.
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
    this.#done(refuse(reason, `the database server ${this.#at} ${what}`), null)
  }

  #end(): void {
    this.#over = true
    this.#options.clock.unwatch(this)
  }
}

/** A name that does not fit is said with the names that would: the code alone helps no one. */
function wordsOf(error: Error): string {
  const code = saidBy(error)
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? `${code}, ${error.message}` : code
}
