import type { TLSSocket } from 'node:tls'
import type { Config, PublicSettings } from '../config/config.ts'
import type { CredentialsInForce } from '../credentials/credentials.ts'
import type { Generation } from '../credentials/generation.ts'
import type { PublicExpectation } from '../credentials/public-certificate.ts'
import type { Reason } from '../refusal/reasons.ts'
import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import type { Authenticator, PeerCertificates } from '../transport/authenticate.ts'
import { handshakeForPublic, lookWith } from '../transport/handshake-check.ts'
import { type LivePeer, LiveSet } from '../transport/live-set.ts'
import type { Material } from '../transport/tls-options.ts'
import { KnownIntermediates, type TrustBundle } from '../trust/chain.ts'
import type { Identity } from '../trust/identity.ts'
import {
  type HandshakeRecord,
  judgeConnection,
  recheck,
  type TrustContext,
} from '../trust/judge.ts'
import { addressRefusal, labelOf, type Pin } from '../trust/pin.ts'

/** What is kept of a live connection. */
export interface LiveRecord {
  readonly handshake: HandshakeRecord
  /** Number of the generation that we presented. */
  generation: number
}

type Live = LiveSet<Identity, LiveRecord>
type Peer = LivePeer<Identity, LiveRecord>

/** Connections of one peer that were ended for one reason. */
export interface CutConnections {
  readonly caller: string
  readonly reason: Reason
  readonly because: string
  readonly connections: number
}

/**
 * Connects trust (which judges certificates), credentials (which has them) and transport (which
 * needs an authenticator).
 */
export class Authentication {
  readonly live: Live
  readonly #credentials: CredentialsInForce
  readonly #now: () => number
  readonly #fixed: Pick<TrustContext, 'trustDomain' | 'foreign' | 'spkiPins'>
  /** The authenticator passes a record to the live set through the facts that both get. */
  readonly #records = new WeakMap<PeerCertificates, HandshakeRecord>()
  readonly #generations = new WeakMap<Material, number>()
  readonly #intermediates = new WeakMap<TrustBundle, KnownIntermediates>()
  #material: { readonly of: Generation; readonly value: Material } | undefined

  /** `now`: milliseconds since the epoch. */
  constructor(config: Config, credentials: CredentialsInForce, now: () => number = Date.now) {
    this.#credentials = credentials
    this.#now = now
    this.#fixed = {
      trustDomain: config.trustDomain,
      foreign: new Map(Object.entries(config.pins.identities)),
      spkiPins: new Map(
        Object.entries(config.pins.keys).map(([name, keys]) => [name, new Set(keys)]),
      ),
    }
    this.live = new LiveSet({ peerKey: labelOf, record: (facts) => this.#recordOf(facts) })
  }

  /** The TLS material; the same value as long as the generation is the same. */
  readonly material = (): Material => {
    const { current } = this.#credentials
    if (this.#material?.of !== current) {
      const { keyPem: key, certPem: cert, caPems: ca, crlPems: crl } = current
      this.#material = { of: current, value: { key, cert, ca, crl } }
      this.#generations.set(this.#material.value, current.number)
    }
    return this.#material.value
  }

  readonly authenticator: Authenticator<Identity> = (facts) => {
    const judged = judgeConnection(facts, this.#context())
    if (isRefusal(judged)) return judged
    this.#records.set(facts, judged.record)
    return judged.identity
  }

  /** What a called peer must prove; `known`: is this module installed? */
  fits(pin: Pin, known: (moduleId: string) => boolean): (identity: Identity) => Refusal | null {
    return (identity) => addressRefusal(identity, pin, known) ?? null
  }

  /**
   * Records which generation we presented to an accepted peer. True if it was replaced during the
   * handshake: such a connection is stale from the start.
   */
  isLate({ record }: Peer, shown: Material): boolean {
    record.generation = this.#generations.get(shown) ?? 0
    return record.generation < this.#credentials.current.number
  }

  /** Connections of older generations that have not ended yet. */
  get stale(): number {
    const { number } = this.#credentials.current
    let stale = 0
    this.live.forEach(({ record }) => {
      if (record.generation < number) stale++
    })
    return stale
  }

  /**
   * Judges every live connection again after a change: invalid ones are destroyed at once, the rest
   * is passed to `stale` to finish and close.
   */
  again(stale: (socket: TLSSocket) => void): readonly CutConnections[] {
    const context = { ...this.#context(), sameGeneration: false }
    return this.#cut(({ socket, record }) => {
      const verdict = recheck(record.handshake, context)
      if (verdict === 'stale') stale(socket)
      return typeof verdict === 'string' ? null : verdict
    })
  }

  /** Destroys the connections of peers whose certificates have expired since the handshake. */
  expire(): readonly CutConnections[] {
    const now = this.#now()
    return this.#cut(({ record: { handshake } }) => {
      if (now <= handshake.notAfter) return null
      const at = new Date(handshake.notAfter).toISOString()
      return refuse('expired-certificate', `a certificate of its chain expired on ${at}`)
    })
  }

  #cut(unfit: (peer: Peer) => Refusal | null): readonly CutConnections[] {
    const cuts = new Map<string, CutConnections>()
    this.live.forEach((peer) => {
      const refusal = unfit(peer)
      if (refusal === null) return
      peer.socket.destroy()
      const { reason, because } = refusal
      const caller = labelOf(peer.identity)
      const key = `${caller} ${because}`
      const connections = (cuts.get(key)?.connections ?? 0) + 1
      cuts.set(key, { caller, reason, because, connections })
    })
    return [...cuts.values()]
  }

  #context(): TrustContext {
    const { bundle, crls } = this.#credentials.current
    const known = this.#intermediates.get(bundle) ?? new KnownIntermediates()
    this.#intermediates.set(bundle, known)
    return { ...this.#fixed, bundle, crls, known, now: this.#now() }
  }

  #recordOf(facts: PeerCertificates): LiveRecord {
    const handshake = this.#records.get(facts)
    if (handshake === undefined) throw new Error('a connection was let in without authentication')
    return { handshake, generation: this.#credentials.current.number }
  }
}

/** The requirements for credentials, at start, on reload and in `check`. */
export function expectedOf({ module, trustDomain, pins }: Config) {
  const foreign = new Map(Object.entries(pins.identities))
  return { module: module.id, trustDomain, foreign, lookWith }
}

/** The same for the certificate of `public`. */
export function publicExpectationOf({
  credentials: { directory },
}: PublicSettings): PublicExpectation {
  return { directory, handshake: handshakeForPublic }
}
