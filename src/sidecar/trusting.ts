import type { TLSSocket } from 'node:tls'
import type { Config } from '../config/config.ts'
import type { Credentials } from '../credentials/credentials.ts'
import type { Generation } from '../credentials/generation.ts'
import { isRefusal, type Refusal } from '../refusal/refusal.ts'
import type { Judge, PeerFacts } from '../transport/gate.ts'
import { LiveSet } from '../transport/live-set.ts'
import type { Material } from '../transport/tls-options.ts'
import type { Identity } from '../trust/identity.ts'
import { judgeConnection, type TrustContext } from '../trust/judge.ts'
import { labelOf, type Pin, pinRefusal } from '../trust/pin.ts'
import { type HandshakeRecord, recheck } from '../trust/recheck.ts'

export type Live = LiveSet<Identity, HandshakeRecord>

/**
 * Brings together who knows certificates (trust), who has them (credentials) and who needs a judge
 * (transport).
 */
export class Trusting {
  readonly live: Live
  readonly #credentials: Credentials
  readonly #fixed: Pick<TrustContext, 'trustDomain' | 'foreign' | 'spkiPins'>
  /** The judge hands a record to the live set by way of the facts that both are given. */
  readonly #records = new WeakMap<PeerFacts, HandshakeRecord>()
  #material: { readonly of: Generation; readonly value: Material } | undefined

  constructor(config: Config, credentials: Credentials) {
    this.#credentials = credentials
    this.#fixed = {
      trustDomain: config.trustDomain,
      foreign: new Map(Object.entries(config.pins.identities)),
      spkiPins: new Map(
        Object.entries(config.pins.keys).map(([name, keys]) => [name, new Set(keys)]),
      ),
    }
    this.live = new LiveSet({ peerKey: labelOf, record: (facts) => this.#recordOf(facts) })
  }

  /** What TLS is given; the same value as long as the generation is the same. */
  readonly material = (): Material => {
    const { current } = this.#credentials
    if (this.#material?.of !== current) {
      const { keyPem: key, certPem: cert, caPems: ca, crlPems: crl } = current
      this.#material = { of: current, value: { key, cert, ca, crl } }
    }
    return this.#material.value
  }

  readonly judge: Judge<Identity> = (facts) => {
    const judged = judgeConnection(facts, this.#context())
    if (isRefusal(judged)) return judged
    this.#records.set(facts, judged.record)
    return judged.identity
  }

  /** What a peer that we called must prove. */
  fits(pin: Pin): (identity: Identity) => Refusal | null {
    return (identity) => pinRefusal(identity, pin) ?? null
  }

  /**
   * Judges every live connection again after a change: unfit ones are destroyed at once, the rest
   * is handed to `stale` to finish and close.
   */
  again(stale: (socket: TLSSocket) => void): number {
    const context = { ...this.#context(), sameGeneration: false }
    let destroyed = 0
    this.live.forEach(({ socket, record }) => {
      const verdict = recheck(record, context)
      if (verdict === 'stale') stale(socket)
      if (typeof verdict === 'string') return
      destroyed++
      socket.destroy()
    })
    return destroyed
  }

  #context(): TrustContext {
    const { bundle, crls } = this.#credentials.current
    return { ...this.#fixed, bundle, crls, now: Date.now() }
  }

  #recordOf(facts: PeerFacts): HandshakeRecord {
    const record = this.#records.get(facts)
    if (record === undefined) throw new Error('a connection was let in that nobody judged')
    return record
  }
}
