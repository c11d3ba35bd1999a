import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { errorCode, fault } from '../../fault.ts'

/** Where a peer listens. */
export interface Peer {
  readonly host: string
  readonly port: number
}

/** The result of a handshake with a peer. */
export interface Meeting {
  /** The certificates that the peer sent, leaf first. */
  readonly chain: readonly X509Certificate[]
  /** `TLSv1.3`. */
  readonly protocol: string
  readonly cipher: string
  /** Whether it continued after it had received our certificate (or none). */
  readonly takesUs: boolean
  /** What it did instead, in its own words if there are any. */
  readonly refusal: string | null
}

const MEETING_MS = 5000
/** In TLS 1.3 a server may refuse after the handshake is complete for the client: how long to wait for that. */
const SILENCE_MS = 2000
const ANSWER_BYTES = 8192
/**
 * Any answer shows that we are accepted. A request with an unsupported HTTP version is refused before any policy:
 * a refusal by policy would be counted by alerts about forged requests.
 */
const QUESTION = 'GET / HTTP/3.0\r\nHost: HOST\r\nConnection: close\r\n\r\n'
/** A sidecar's reasons for a peer whose certificate it does not accept. */
const HANDSHAKE_REFUSALS = new Set([
  'no-certificate',
  'untrusted-certificate',
  'expired-certificate',
  'revoked-certificate',
  'revocation-unknown',
  'bad-identity',
])

/** `host:port`, also as the URL that other verbs take. */
const PEER = /^(?:https:\/\/)?(?:\[([^\]]+)\]|([^:/\s]+)):(\d{1,5})\/?$/

/** Reads `host:port` or `[::1]:8443`; undefined for anything else. */
export function peerOf(text: string): Peer | undefined {
  const [, bracketed, plain, digits] = PEER.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  return host === undefined || port < 1 || port > 65535 ? undefined : { host, port }
}

/** Reads a comma-separated list; throws a Fault that names the invalid part. */
export function peersOf(list: string): readonly Peer[] {
  return list.split(',').map((text) => {
    const peer = peerOf(text.trim())
    if (peer !== undefined) return peer
    throw fault(`\`${text}\` is not a peer`, { hint: 'host:port, several with commas between' })
  })
}

/** `host:port`, as typed. */
export function address({ host, port }: Peer): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * One full handshake with any certificate of the peer, and one request to see whether the peer accepts
 * ours. Nothing is trusted here. Throws a Fault if there is no peer or no TLS.
 */
export async function meet(
  peer: Peer,
  credentials: { readonly cert: string; readonly key: string } | undefined,
): Promise<Meeting> {
  const socket = connect({
    host: peer.host,
    port: peer.port,
    ...(isIP(peer.host) === 0 ? { servername: peer.host.replace(/\.$/, '') } : {}),
    ...credentials,
    // The chain is inspected, not trusted: the purpose is to show broken ones too.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
  })
  const silent = new Error('no answer')
  const deadline = setTimeout(() => socket.destroy(silent), MEETING_MS)
  try {
    const refusedEarly = await secured(socket)
    const chain = chainShown(socket)
    if (chain.length === 0) throw fault(`${address(peer)}: ${refusedEarly ?? 'no certificate'}`)
    const protocol = socket.getProtocol() ?? 'unknown'
    const cipher = socket.getCipher().standardName
    const refusal = refusedEarly ?? (await answer(socket, peer.host))
    return { chain, protocol, cipher, takesUs: refusal === null, refusal }
  } catch (error) {
    if (error instanceof Error && errorCode(error) === undefined && error !== silent) throw error
    throw fault(`${address(peer)}: ${reason(error)}`, {
      hint: 'is it running, and is this its TLS port?',
    })
  } finally {
    clearTimeout(deadline)
    socket.destroy()
  }
}

/** Resolves after the handshake; with the reason if the peer ended it after it had sent its certificate. */
function secured(socket: TLSSocket): Promise<string | null> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(null))
    socket.on('error', (error) => {
      if (chainShown(socket).length > 0) resolve(reason(error))
      else reject(error)
    })
    socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
  })
}

function chainShown(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = []
  let next = socket.getPeerX509Certificate()
  while (next !== undefined && !chain.some((one) => one.raw.equals(next!.raw))) {
    chain.push(next)
    next = next.issuerCertificate
  }
  return chain
}

/** Null when the peer answers or waits; else how it refused. */
function answer(socket: TLSSocket, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    let text = ''
    const silence = setTimeout(() => resolve(null), SILENCE_MS)
    const settle = (refusal: string | null) => {
      clearTimeout(silence)
      resolve(refusal)
    }
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (text.includes('\r\n\r\n') || text.length > ANSWER_BYTES) settle(refusalIn(text))
    })
    socket.on('error', (error) => settle(reason(error)))
    socket.on('close', () => settle(text === '' ? 'closed the connection' : refusalIn(text)))
    socket.write(QUESTION.replace('HOST', host))
  })
}

function refusalIn(text: string): string | null {
  const said = /^x-sidecar-refused:[ \t]*([a-z-]+)/im.exec(text)?.[1]
  return said !== undefined && HANDSHAKE_REFUSALS.has(said) ? said : null
}

function reason(error: unknown): string {
  const code = errorCode(error)
  const alert = /alert ([a-z ]+)/.exec(error instanceof Error ? error.message : '')?.[1]
  if (alert !== undefined) return `TLS alert: ${alert.trim()}`
  return code ?? (error instanceof Error ? error.message : String(error))
}
