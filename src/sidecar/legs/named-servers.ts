import type { SecureContext, TLSSocket } from 'node:tls'
import type { CredentialsInForce } from '../../credentials/credentials.ts'
import type { Generation } from '../../credentials/generation.ts'
import { TrustFile } from '../../credentials/trust-file.ts'
import { type Refusal, refuse } from '../../refusal/refusal.ts'
import { factsOf } from '../../transport/authenticate.ts'
import { namedServerContext } from '../../transport/named-server.ts'
import { type Chain, readChain, type TrustBundle } from '../../trust/chain.ts'
import { issuedRecords, revokedOf } from '../../trust/revocation.ts'

/** What a connection with a named server was opened with, to judge it by again. */
export interface NamedServerRecord {
  /** What we proved ourselves with; undefined: nothing. */
  readonly shown: Generation | undefined
  /** What the server showed; undefined where it cannot be followed: then any change is the end. */
  readonly chain: Chain | undefined
  /** Milliseconds since 1970. */
  readonly notAfter: number
}

/** By what servers that prove a host name are trusted, and what they are shown. */
export class NamedServers {
  readonly #credentials: CredentialsInForce
  readonly #trust: TrustFile | undefined
  readonly #shows: boolean
  /** Which generation a context proves us with. */
  readonly #shown = new WeakMap<SecureContext, Generation>()
  #context: { readonly of: readonly unknown[]; readonly value: SecureContext } | undefined

  /**
   * Throws a Fault where the file of authorities is not good.
   * @param trust the file; undefined: the sidecar's own bundle
   * @param shows are they shown the sidecar's certificate?
   */
  constructor(credentials: CredentialsInForce, trust: string | undefined, shows: boolean) {
    this.#credentials = credentials
    this.#trust = trust === undefined ? undefined : new TrustFile(trust, Date.now)
    this.#shows = shows
  }

  /** For connections from now on; the same as long as nothing changed. Throws where there is no trust. */
  context(): SecureContext {
    const { current } = this.#credentials
    const trust = this.#trust?.current
    const of = [current, trust]
    if (this.#context?.of.every((each, i) => each === of[i]) !== true) {
      const named =
        trust === undefined
          ? { ca: current.caPems, crl: current.crlPems }
          : { ca: trust.caPems, crl: [] }
      const pair = { key: current.keyPem, cert: current.certPem }
      const value = namedServerContext(named, this.#shows ? pair : undefined)
      if (this.#shows) this.#shown.set(value, current)
      this.#context = { of, value }
    }
    return this.#context.value
  }

  recordOf(socket: TLSSocket, context: SecureContext): NamedServerRecord {
    const { current } = this.#credentials
    const shown = this.#shown.get(context)
    const bundle = this.#trust?.current.bundle ?? current.bundle
    const chain = readChain(factsOf(socket, 'server').chain, bundle)
    const ends = [
      shown?.notAfter,
      chain?.leaf.notAfter,
      ...(chain?.issuers.map(({ notAfter }) => notAfter) ?? []),
    ]
    const notAfter = Math.min(...ends.filter((end) => end !== undefined))
    return { shown, chain, notAfter }
  }

  /** Why a connection may not go on: what it was opened with is withdrawn. */
  unfit({ shown, chain }: NamedServerRecord): Refusal | null {
    const { bundle, crls } = this.#credentials.current
    const own = shown && withdrawn(shown.chain, bundle, crls)
    if (own) return own
    const trusted = this.#trust?.current.bundle ?? bundle
    return withdrawn(chain, trusted, this.#trust === undefined ? crls : [])
  }

  /** Did it prove us with credentials that others have replaced? */
  isStale({ shown }: NamedServerRecord): boolean {
    return shown !== undefined && shown !== this.#credentials.current
  }

  /** Has the file of authorities changed for the better? `failed` is told each new reason why not. */
  changed(failed: (why: string) => void): boolean {
    return this.#trust?.changed(failed) === true
  }
}

/** Is a chain revoked, or does an authority of it stand in the bundle no more? */
function withdrawn(
  chain: Chain | undefined,
  bundle: TrustBundle,
  crls: Generation['crls'],
): Refusal | null {
  if (chain === undefined) {
    return refuse('untrusted-certificate', 'the server’s chain cannot be judged after a change')
  }
  const revoked = revokedOf(issuedRecords(chain), crls)
  if (revoked !== undefined) return revoked
  const root = chain.issuers.at(-1)
  if (root !== undefined && bundle.byFingerprint.has(root.fingerprint256)) return null
  const because = `the root ${root?.subject.text ?? ''} is no longer in the trust bundle`
  return refuse('untrusted-certificate', because)
}
