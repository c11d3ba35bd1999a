import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import {
  type ConnectionOptions,
  connect,
  createServer,
  type SecureVersion,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls'
import { dispose } from './dispose.ts'
import { factsOf, type PeerFacts } from './gate.ts'
import {
  contextOptions,
  type Material,
  type PublicKeyPair,
  publicContextOptions,
} from './tls-options.ts'

/** What the two ends of one handshake saw of each other. */
export interface HandshakeSeen {
  /** Of the end that called, as the other one saw it. */
  readonly client: PeerFacts
  /** Of the end that was called. */
  readonly server: PeerFacts
  /** OpenSSL's own words for why the server is refused, where it is: Node has no code for many. */
  readonly why?: string
}

const HANDSHAKE_MS = 10_000

/**
 * A handshake in memory in which both ends prove themselves with this material and verify by it, with
 * the options of every other connection here. Rejects with OpenSSL's reason where it does not end.
 */
export async function handshakeWithSelf(
  material: Material,
  version: 'TLSv1.2' | 'TLSv1.3',
): Promise<HandshakeSeen> {
  const seen = await handshake(material, version, (client, server) => ({
    client: factsOf(server, 'client'),
    server: factsOf(client, 'server'),
  }))
  if (seen.server.error === undefined) return seen
  const why = await refusalOf(material, version)
  return why === undefined ? seen : { ...seen, why }
}

/**
 * A handshake in memory of a listener with this pair and a client that proves nothing and believes
 * everything: whether the pair can be served. Rejects with OpenSSL's reason where it cannot.
 */
export async function handshakeForPublic(
  pair: PublicKeyPair,
  version: 'TLSv1.2' | 'TLSv1.3',
): Promise<void> {
  const options = { ...publicContextOptions(pair), minVersion: version, maxVersion: version }
  // Without `ca` all public roots would be parsed for a client that does not ask them.
  const client = { ...options, ca: [], rejectUnauthorized: false }
  await shake({ ...options, requestCert: false }, client, () => null)
}

/** Only a client that refuses by itself is told OpenSSL's words. */
async function refusalOf(material: Material, version: SecureVersion): Promise<string | undefined> {
  try {
    await handshake(material, version, () => null, { rejectUnauthorized: true })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function handshake<T>(
  material: Material,
  version: SecureVersion,
  look: (client: TLSSocket, server: TLSSocket) => T,
  over: ConnectionOptions = {},
): Promise<T> {
  const options = {
    ...contextOptions(material),
    minVersion: version,
    maxVersion: version,
    rejectUnauthorized: false,
  }
  return shake({ ...options, requestCert: true }, { ...options, ...over }, look)
}

/** Rejects with an Error whose message is OpenSSL's reason. */
async function shake<T>(
  server: TlsOptions,
  client: ConnectionOptions,
  look: (client: TLSSocket, server: TLSSocket) => T,
): Promise<T> {
  const [near, far] = duplexPair()
  const listener = createServer({ ...server, handshakeTimeout: HANDSHAKE_MS })
  const accepted = new Promise<TLSSocket>((resolve, reject) => {
    listener.on('secureConnection', (socket) => {
      socket.on('error', () => socket.destroy())
      resolve(socket)
    })
    listener.on('tlsClientError', reject)
  })
  const checkServerIdentity = () => undefined
  let calling: TLSSocket | undefined
  try {
    listener.emit('connection', far)
    calling = connect({ ...client, socket: near, checkServerIdentity })
    // Whoever finds the flaw knows its reason; the other end only gets an alert, and later.
    const [called] = await Promise.all([accepted, once(calling, 'secureConnect')])
    return look(calling, called)
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error })
  } finally {
    if (calling !== undefined) dispose(calling)
    near.destroy()
    far.destroy()
  }
}

/** `no suitable signature algorithm`: OpenSSL's words without its addresses. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message
}
