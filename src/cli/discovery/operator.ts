import { X509Certificate } from 'node:crypto'
import type { buildConnector } from 'undici'
import { checkGeneration } from '../../credentials/check-generation.ts'
import { directorySource } from '../../credentials/directory.ts'
import type { Generation } from '../../credentials/generation.ts'
import { errorCode, fault } from '../../fault.ts'
import type { PeerCertificates } from '../../transport/authenticate.ts'
import { CoarseClock } from '../../transport/clock.ts'
import { Dialer } from '../../transport/dial.ts'
import { lookWith } from '../../transport/handshake-check.ts'
import { LiveSet } from '../../transport/live-set.ts'
import { NameResolver } from '../../transport/name-resolver.ts'
import { type Identity, readSpiffeId } from '../../trust/identity.ts'
import { judgePeer } from '../../trust/judge.ts'
import { labelOf, pinRefusal } from '../../trust/pin.ts'

const CONNECT_MS = 5_000

/** An operator with credentials, who calls Okapi's sidecar under the same rules as a sidecar. */
export class Operator {
  readonly #generation: Generation
  readonly #clock = new CoarseClock()

  private constructor(generation: Generation) {
    this.#generation = generation
  }

  /**
   * Reads tls.crt, tls.key, ca.crt and, if present, ca.crl; the trust domain is that of the certificate.
   * Throws a Fault with everything that is wrong.
   */
  static async from(directory: string): Promise<Operator> {
    const raw = await directorySource(directory).read()
    const trustDomain = trustDomainOf(raw.cert.bytes)
    if (trustDomain === undefined) {
      throw fault('names no identity: it has no SPIFFE URI', { where: { file: raw.cert.path } })
    }
    const expected = { module: undefined, trustDomain, now: Date.now() }
    return new Operator(await checkGeneration(raw, { ...expected, lookWith }))
  }

  /** The connector for undici; the peer must prove to be Okapi, of any version. */
  connector(host: string, port: number): buildConnector.connector {
    const { keyPem: key, certPem: cert, caPems: ca, crlPems: crl } = this.#generation
    const { bundle, crls, identity } = this.#generation
    const { trustDomain } = identity
    const material = { key, cert, ca, crl }
    const authenticator = (facts: PeerCertificates) =>
      judgePeer(facts, { bundle, crls, trustDomain, foreign: new Map(), now: Date.now() })
    const dialer = new Dialer<Identity, null>({
      addresses: [{ host, port }],
      names: new NameResolver(() => this.#clock.now),
      tls: {
        material: () => material,
        authenticator,
        fits: (peer) => pinRefusal(peer, { product: 'okapi' }) ?? null,
        live: new LiveSet({ peerKey: labelOf, record: () => null }),
      },
      connectMs: CONNECT_MS,
      handshakeMs: CONNECT_MS,
      connectWaitMs: 0,
      clock: this.#clock,
      whenUnreachable: 'upstream-unreachable',
    })
    return (_, done) => {
      dialer.dial({}, (refusal, socket) => {
        if (socket !== null) done(null, socket)
        else done(fault(refusal?.because ?? 'no connection'), null)
      })
    }
  }

  /** Lets the process end. */
  stop(): void {
    this.#clock.stop()
  }
}

function trustDomainOf(pem: Uint8Array): string | undefined {
  try {
    const names = new X509Certificate(pem).subjectAltName ?? ''
    const uri = /URI:(spiffe:[^\s,]+)/.exec(names)?.[1]
    return uri === undefined ? undefined : readSpiffeId(uri)?.trustDomain
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}
