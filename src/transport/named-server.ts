import { isIP, type Socket } from 'node:net'
import {
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
  connect as tlsConnect,
} from 'node:tls'
import { withoutDot } from './resolv-conf.ts'
import { type Material, type PublicKeyPair, protocolOptions } from './tls-options.ts'

/** The authorities that vouch for the name of a server. Never empty: Node would take the public roots. */
export type NamedTrust = Pick<Material, 'ca' | 'crl'>

/**
 * A context for a server that proves a host name and is not a peer: a database. `pair`: our
 * certificate, if it asks for one. Throws an Error when there is no trust bundle.
 */
export function namedServerContext(
  { ca, crl }: NamedTrust,
  pair: PublicKeyPair | undefined,
): SecureContext {
  if (ca.length === 0) throw new Error('a TLS context needs a trust bundle: ca is empty')
  return createSecureContext({
    ...protocolOptions(),
    ...pair,
    ca: [...ca],
    ...(crl.length > 0 ? { crl: [...crl] } : {}),
  })
}

/** How TLS begins on a connection that exists. */
export interface NamedServer {
  readonly context: SecureContext
  /** The host name or address that the certificate must have. */
  readonly name: string
  /** For the certificate in DER: the URI that makes it a caller's certificate, not a server's. */
  readonly callerIn: (der: Uint8Array) => string | undefined
  readonly alpn?: readonly string[]
}

/**
 * Begins TLS. `secureConnect` comes only when chain and name were verified (verify-full, in PostgreSQL's
 * words); `error` says why not. No session is offered: every handshake is a full one.
 */
export function beginNamedTls(
  socket: Socket,
  { context, name, callerIn, alpn }: NamedServer,
): TLSSocket {
  const host = withoutDot(name)
  return tlsConnect({
    socket,
    secureContext: context,
    rejectUnauthorized: true,
    checkServerIdentity(_, certificate) {
      const named = withoutCommonName(certificate)
      return checkServerIdentity(host, named) ?? noServer(certificate.raw, callerIn)
    },
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
  })
}

/**
 * A common name is a server name only in a certificate without other names (RFC 6125 section
 * 6.4.4). Node accepts it beside a URI too, and authorities check less closely what a workload
 * writes into its subject.
 */
function withoutCommonName(certificate: PeerCertificate): PeerCertificate {
  if (certificate.subjectaltname === undefined) return certificate
  return { ...certificate, subject: { ...certificate.subject, CN: '' } }
}

/**
 * The authority that issues the modules' certificates may have given a module the name of a server
 * too.
 */
function noServer(der: Uint8Array, callerIn: NamedServer['callerIn']): Error | undefined {
  try {
    const caller = callerIn(der)
    return caller === undefined ? undefined : new Error(`it is ${caller}, not a server`)
  } catch (error) {
    return new Error(`its certificate cannot be read: ${error}`)
  }
}
