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
import type { BrokerPlace } from './brokers.ts'

/** What connections with brokers are opened with. */
export interface BrokerConnectorOptions {
  /** The name that every broker's certificate must have; undefined: the host that is dialled. */
  readonly serverName: string | undefined
  /** Asked for each connection. Throws where there is no usable trust or key. */
  readonly context: () => SecureContext
  readonly names: NameResolver
  readonly clock: CoarseClock
  readonly descriptors?: Descriptors
  readonly connectMs: number
  readonly handshakeMs: number
  readonly limitHit?: (limit: Limit) => void
}

/** A connection whose broker is proven. */
export interface OpenedBroker {
  readonly socket: TLSSocket
  readonly place: BrokerPlace
  /** What it was made with: there may be a newer one by now. */
  readonly context: SecureContext
}

/** Called once, never before `connect` has returned. The socket is verified and has no listeners. */
export type BrokerConnected = (refusal: Refusal | null, opened: OpenedBroker | null) => void

/** Opens connections to brokers: mutual TLS, and the name of the broker in its certificate (verify-full). */
export class BrokerConnector {
  readonly #options: BrokerConnectorOptions

  constructor(options: BrokerConnectorOptions) {
    this.#options = options
  }

  /** The first place that can be reached decides, whatever it proves to be. */
  connect(places: readonly BrokerPlace[], done: BrokerConnected): Dialling {
    return this.#next(places, [], done)
  }

  #next(
    [place, ...others]: readonly BrokerPlace[],
    failures: readonly string[],
    done: BrokerConnected,
  ): Dialling {
    if (place === undefined) throw new Error('a broker has no address')
    let under: Dialling
    const over = (refusal: Refusal | null, socket: Socket | null) => {
      if (socket !== null) under = new BrokerHandshake(socket, place, this.#options, done)
      else if (refusal?.reason === 'upstream-unreachable') {
        const all = [...failures, refusal.because]
        if (others.length > 0) under = this.#next(others, all, done)
        else done({ ...refusal, because: all.join('; ') }, null)
      } else done(refusal, null)
    }
    under = this.#dialer(place).dial({}, over)
    return { cancel: () => under.cancel() }
  }

  #dialer({ host, port }: BrokerPlace): Dialer<null> {
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
class BrokerHandshake implements Ticking, Dialling {
  readonly #options: BrokerConnectorOptions
  readonly #done: BrokerConnected
  readonly #deadline: number
  readonly #at: string
  #socket: Socket | TLSSocket
  #over = false

  constructor(
    socket: Socket,
    place: BrokerPlace,
    options: BrokerConnectorOptions,
    done: BrokerConnected,
  ) {
    this.#options = options
    this.#done = done
    this.#socket = socket
    this.#deadline = options.clock.now + options.handshakeMs
    const name = options.serverName ?? place.host
    const { remoteAddress: host = '', remotePort: port = 0 } = socket
    this.#at = `${name} (${formatAddress({ host, port })})`
    options.clock.watch(this)
    // TLS takes the connection over; what is still told to this end of it must not be an exception.
    socket.on('error', () => socket.destroy())
    this.#secure(socket, name, place)
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

  #secure(plain: Socket, name: string, place: BrokerPlace): void {
    let context: SecureContext
    try {
      context = this.#options.context()
    } catch (error) {
      return this.#fail('upstream-untrusted', `cannot be verified: ${error}`)
    }
    const socket = beginNamedTls(plain, { context, name })
    this.#socket = socket
    const onError = (error: Error) => {
      // What the system says has a call; ECONNRESET in a handshake is Node's own word for an early end.
      const lost = 'syscall' in error || errorCode(error) === 'ECONNRESET'
      const what = lost ? 'closed the connection' : 'was not verified'
      this.#fail(lost ? 'upstream-unreachable' : 'upstream-untrusted', `${what}: ${said(error)}`)
    }
    const onClose = () => this.#fail('upstream-unreachable', 'closed the connection')
    socket.on('error', onError)
    socket.on('end', onClose)
    socket.on('close', onClose)
    socket.once('secureConnect', () => {
      socket.off('error', onError)
      socket.off('end', onClose)
      socket.off('close', onClose)
      this.#end()
      this.#done(null, { socket, place, context })
    })
  }

  #fail(reason: Reason, what: string): void {
    if (this.#over) return
    this.#end()
    dispose(this.#socket)
    this.#done(refuse(reason, `the broker ${this.#at} ${what}`), null)
  }

  #end(): void {
    this.#over = true
    this.#options.clock.unwatch(this)
  }
}

/** A name that does not fit is said with the names that would: the code alone helps no one. */
function said(error: Error): string {
  const code = saidBy(error)
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? `${code}, ${error.message}` : code
}
