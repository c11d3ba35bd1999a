import net from 'node:net'
import tls, { type SecureVersion } from 'node:tls'

/** Certificate (leaf first) and private key, PEM. */
export interface PemPair {
  readonly cert: string
  readonly key: string
  /** The directory with both as tls.crt and tls.key; none for a pair made for this run. */
  readonly directory?: string
}

/** Where a target listens, and whether it speaks TLS. */
export interface DialTarget {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** What the probe presents in a TLS handshake. */
export interface ClientHandshake {
  readonly pair?: PemPair
  readonly minVersion?: SecureVersion
  readonly maxVersion?: SecureVersion
  readonly ciphers?: string
  readonly servername?: string
  readonly alpn?: readonly string[]
  /** A saved session, to see whether it is resumed. */
  readonly session?: Buffer
}

/**
 * Opens the socket that an attack writes to. The target's certificate is not checked: any
 * server that answers is attacked, and a wrong certificate is a separate finding.
 */
export function openSocket(endpoint: DialTarget, handshake: ClientHandshake = {}): net.Socket {
  const { host, port } = endpoint
  if (!endpoint.tls) return net.connect({ host, port })
  const { pair, minVersion = 'TLSv1.2', maxVersion = 'TLSv1.3', alpn = ['http/1.1'] } = handshake
  return tls.connect({
    host,
    port,
    rejectUnauthorized: false,
    minVersion,
    maxVersion,
    ALPNProtocols: [...alpn],
    ...(pair === undefined ? {} : { cert: pair.cert, key: pair.key }),
    ...(handshake.ciphers === undefined ? {} : { ciphers: handshake.ciphers }),
    ...(handshake.session === undefined ? {} : { session: handshake.session }),
    ...serverName(handshake.servername ?? host),
  })
}

/** RFC 6066 section 3: an address is never sent as a server name, nor the dot at the end of a name. */
function serverName(name: string): { servername?: string } {
  return net.isIP(name) === 0 && name !== '' ? { servername: name.replace(/\.$/, '') } : {}
}

/** The event after which bytes may be written: TLS is established, or TCP if there is no TLS. */
export function readyEvent(socket: net.Socket): 'secureConnect' | 'connect' {
  return socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect'
}
