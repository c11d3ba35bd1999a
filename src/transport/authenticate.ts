import type { TLSSocket } from 'node:tls'
import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'

/** What Node reports about a peer after the handshake. */
export interface PeerCertificates {
  /** `socket.authorized`: OpenSSL verified the chain. */
  readonly authorized: boolean
  /** The code in `socket.authorizationError` (`CERT_HAS_EXPIRED`), where there is one. */
  readonly error: string | undefined
  /**
   * DER, leaf first, as far as Node shows it; may end with the root. Empty: no certificate.
   * These are issuers by name, from what the peer sent and from the bundle, not the path that
   * OpenSSL verified: signatures are for the judge to check.
   */
  readonly chain: readonly Uint8Array[]
  /**
   * DER of all that the peer sent, in the order of its message. Only for the case that `chain`
   * leads nowhere: Node (24.20) never frees the intermediates that it returns this way.
   */
  readonly allSent: () => readonly Uint8Array[]
  /** What the peer is: `client` on our listeners, `server` where we dialled. */
  readonly role: 'client' | 'server'
}

/** Returns who a peer is, or why it is refused. An exception is a refusal too. */
export type Authenticator<I> = (facts: PeerCertificates) => I | Refusal

/** A peer that passed the gate. */
export interface ProvenPeer<I> {
  readonly identity: I
  readonly facts: PeerCertificates
}

// Deeper than any profile allows, and a limit for circular chains.
const MAX_CHAIN = 10

/**
 * Judges the peer of a TLS connection whose handshake is over; to be called before any byte of the
 * peer is read or any byte is sent. Never throws: whatever goes wrong is a refusal. The judge
 * cannot accept a peer that OpenSSL did not verify, that presents no certificate, or whose session
 * was resumed.
 */
export function authenticate<I>(
  socket: TLSSocket,
  role: PeerCertificates['role'],
  authenticator: Authenticator<I>,
): ProvenPeer<I> | Refusal {
  try {
    if (socket.isSessionReused()) return untrusted('the session was resumed, it proves nothing')
    const facts = factsOf(socket, role)
    const verdict: I | Refusal | null | undefined = authenticator(facts)
    if (verdict === null || verdict === undefined)
      return untrusted('the identity could not be determined')
    if (isRefusal(verdict)) return verdict
    if (!facts.authorized || facts.chain.length === 0) return untrusted(facts.error ?? 'no chain')
    return { identity: verdict, facts }
  } catch (error) {
    return untrusted(error instanceof Error ? error.message : 'authentication failed')
  }
}

/** What Node reports about the peer of a connection whose handshake is over. */
export function factsOf(socket: TLSSocket, role: PeerCertificates['role']): PeerCertificates {
  const error: unknown = socket.authorizationError
  return {
    authorized: socket.authorized === true,
    error: errorText(error),
    chain: shownChain(socket),
    allSent: () => sentChain(socket),
    role,
  }
}

// Not getPeerX509Certificate: see sentChain. If intermediates are out of order this returns only a
// part: its search ends at an issuer that is last in the list (AddIssuerChainToObject in Node's
// crypto_common.cc).
function shownChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate = socket.getPeerCertificate(true)
  while (chain.length < MAX_CHAIN && certificate?.raw !== undefined) {
    chain.push(certificate.raw)
    const issuer = certificate.issuerCertificate
    if (issuer === certificate) break
    certificate = issuer
  }
  return chain
}

// It takes all certificates off OpenSSL's own list: a second call finds none, or on a
// connection that we opened returns the next certificate as if it were the peer's.
function sentChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate = socket.getPeerX509Certificate()
  while (chain.length < MAX_CHAIN && certificate !== undefined) {
    chain.push(certificate.raw)
    certificate = certificate.issuerCertificate
  }
  return chain
}

// Documented as an Error; in fact a string on servers, and either on connections that we opened.
function errorText(error: unknown): string | undefined {
  if (error === null || error === undefined) return undefined
  if (typeof error === 'object' && 'code' in error) return String(error.code)
  return error instanceof Error ? error.message : String(error)
}

function untrusted(because: string): Refusal {
  return refuse('untrusted-certificate', `the peer was not let in: ${because}`)
}
