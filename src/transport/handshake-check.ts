import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  createServer,
  type Server,
  type TLSSocket,
} from 'node:tls'
import { factsOf, type PeerCertificates } from './authenticate.ts'
import {
  contextOptions,
  type Material,
  type PublicKeyPair,
  publicContextOptions,
} from './tls-options.ts'
import { dispose } from './turn-away.ts'

/** What one end of a handshake saw of the other. */
export interface PeerSeen {
  readonly facts: PeerCertificates
  /** OpenSSL's own words for why a server is refused: Node has no code for many, and none for clients. */
  readonly why?: string
}

/**
 * A check of how peers look with one material, in one version of TLS. Nothing leaves the process.
 * It rejects with OpenSSL's reason if a handshake does not finish.
 */
export type PeerLook = (peer: PublicKeyPair, role: PeerCertificates['role']) => Promise<PeerSeen>

type Version = 'TLSv1.2' | 'TLSv1.3'

const HANDSHAKE_MS = 10_000
/** Without `ca` Node would parse all public roots for a client that verifies no peer. */
const BELIEVES_ALL = { ca: [], rejectUnauthorized: false }

/**
 * Checks peers with this material, with the same options as every other connection here. Contexts
 * with bundle and lists are made once, at the first check, for any number of peers.
 */
export function lookWith(material: Material, version: Version): PeerLook {
  const only = { minVersion: version, maxVersion: version }
  let listener: Server | undefined
  let context: ConnectionOptions | undefined
  const look: PeerLook = async (peer, role) => {
    const pair = { ...publicContextOptions(peer), ...only }
    if (role === 'client') {
      const options = { ...contextOptions(material), ...only, requestCert: true }
      listener ??= createServer({
        ...options,
        rejectUnauthorized: false,
        handshakeTimeout: HANDSHAKE_MS,
      })
      const facts = await shake(listener, { ...pair, ...BELIEVES_ALL }, (_, called) =>
        lastingFacts(called, role),
      )
      return { facts }
    }
    context ??= { secureContext: createSecureContext({ ...contextOptions(material), ...only }) }
    const server = createServer({ ...pair, handshakeTimeout: HANDSHAKE_MS })
    const facts = await shake(server, { ...context, rejectUnauthorized: false }, (calling) =>
      lastingFacts(calling, role),
    )
    if (facts.error === undefined) return { facts }
    const why = await refusalOf(server, context)
    return why === undefined ? { facts } : { facts, why }
  }
  return (peer, role) => attempt(() => look(peer, role))
}

/**
 * A handshake in memory between a listener with this pair and a client that has no certificate and
 * accepts everything: can the pair be served? Rejects with OpenSSL's reason if not.
 */
export async function handshakeForPublic(pair: PublicKeyPair, version: Version): Promise<void> {
  const options = { ...publicContextOptions(pair), minVersion: version, maxVersion: version }
  await attempt(async () => {
    const server = createServer({ ...options, handshakeTimeout: HANDSHAKE_MS })
    await shake(server, { ...options, ...BELIEVES_ALL }, () => null)
  })
}

/** Facts that stay valid after the connection. */
function lastingFacts(socket: TLSSocket, role: PeerCertificates['role']): PeerCertificates {
  const facts = factsOf(socket, role)
  const sent = facts.allSent()
  return { ...facts, allSent: () => sent }
}

/** OpenSSL's reason is available only to a client that refuses by itself. */
async function refusalOf(server: Server, context: ConnectionOptions): Promise<string | undefined> {
  try {
    await attempt(() => shake(server, { ...context, rejectUnauthorized: true }, () => null))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** One handshake over two ends of a pipe. */
async function shake<T>(
  server: Server,
  options: ConnectionOptions,
  look: (calling: TLSSocket, called: TLSSocket) => T,
): Promise<T> {
  const [near, far] = duplexPair()
  let calling: TLSSocket | undefined
  const accepted = Promise.withResolvers<TLSSocket>()
  const accept = (called: TLSSocket) => {
    called.on('error', () => called.destroy())
    accepted.resolve(called)
  }
  server.on('secureConnection', accept)
  server.on('tlsClientError', accepted.reject)
  try {
    server.emit('connection', far)
    const checkServerIdentity = () => undefined
    calling = connect({ ...options, socket: near, checkServerIdentity })
    // The end that finds the error knows the reason; the other end only gets an alert, later.
    const [called] = await Promise.all([accepted.promise, once(calling, 'secureConnect')])
    return look(calling, called)
  } finally {
    server.off('secureConnection', accept)
    server.off('tlsClientError', accepted.reject)
    if (calling !== undefined) dispose(calling)
    near.destroy()
    far.destroy()
  }
}

/** Every failure is an Error with OpenSSL's words, without its addresses: `ee key too small`. */
async function attempt<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof Error)) throw new Error(String(error))
    if (!('reason' in error) || typeof error.reason !== 'string') throw error
    throw new Error(error.reason, { cause: error })
  }
}
