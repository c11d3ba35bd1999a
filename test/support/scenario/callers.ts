import { readFileSync } from 'node:fs'
import net, { type Socket } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { until } from '../patience.ts'
import { ID, type Installation } from '../scenario.ts'
import { readMessage, verdictOf } from './messages.ts'

/** Who calls: by the plain port of its own sidecar, by TLS with its key alone, from an address. */
export type From =
  | { readonly egress: string }
  | { readonly key: string }
  | { readonly listener: 'public' | 'plain'; readonly address: string }

/** A call that is open, and what came back. */
export class Call {
  received = ''
  gone = false
  readonly socket: Socket

  constructor(socket: Socket, text: string) {
    this.socket = socket
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.gone = true
    })
    this.socket.on('data', (bytes) => {
      this.received += bytes.toString('latin1')
    })
    this.socket.write(text, 'latin1')
  }

  /** `429 too-many`; '' as long as nothing has come. */
  get verdict(): string {
    const message = readMessage(this.received)
    return message === undefined ? '' : verdictOf(message)
  }
}

/** Many callers of Okapi, each by its own way. */
export class Callers {
  readonly #installation: Installation
  readonly #shown: string

  /** @param shown the folder of the certificate that `public` shows */
  constructor(installation: Installation, shown: string) {
    this.#installation = installation
    this.#shown = shown
  }

  call(from: From, text: string): Call {
    return new Call(this.#connect(from), text)
  }

  /** What is answered to one call, whose connection is closed then. */
  async verdict(from: From, text: string): Promise<string> {
    const call = this.call(from, text)
    await until(() => call.verdict !== '')
    call.socket.destroy()
    return call.verdict
  }

  #connect(from: From): Socket {
    const installation = this.#installation
    if ('egress' in from) return net.connect(installation.egress(from.egress), '127.0.0.1')
    const okapi = installation.sidecar(ID.okapi)
    if ('key' in from) {
      const file = (name: string) =>
        readFileSync(join(installation.place.directory, 'certs', from.key, name))
      const own = { ca: file('ca.crt'), cert: file('tls.crt'), key: file('tls.key') }
      const host = '127.0.0.1'
      return tls.connect({ host, port: okapi.port('ingress'), ...own, checkServerIdentity })
    }
    const { listener, address: localAddress } = from
    const socket = net.connect({ host: '127.0.0.1', port: okapi.port(listener), localAddress })
    if (listener === 'plain') return socket
    const ca = readFileSync(join(this.#shown, 'ca.crt'))
    return tls.connect({ socket, ca, checkServerIdentity })
  }
}

const checkServerIdentity = () => undefined
