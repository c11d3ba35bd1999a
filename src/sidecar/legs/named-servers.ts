import type { SecureContext, TLSSocket } from 'node:tls'
import type { CredentialsInForce } from '../../credentials/credentials.ts'
import type { Generation } from '../../credentials/generation.ts'
import { TrustFile } from '../../credentials/trust-file.ts'
import { type Refusal, refuse } from '../../refusal/refusal.ts'
import { factsOf } from '../../transport/authenticate.ts'
import { namedServerContext } from '../../transport/named-server.ts'
import { type Chain, readChain, type TrustBundle } from '../../trust/chain.ts'
import { issuedRecords, revokedOf } from '../../trust/revocation.ts'

/** The credentials that a connection with a named server was opened with, to judge it again. */
export interface NamedServerRecord {
  /** Our credentials; undefined: none. */
  readonly shown: Generation | undefined
  /** The server's chain; undefined if it cannot be built: then any change ends the connection. */
  readonly chain: Chain | undefined
  /** Milliseconds since 1970. */
  readonly notAfter: number
}

/** The trust for servers that prove a host name, and our certificate for them. */
export class NamedServers {
  readonly #credentials: CredentialsInForce
  readonly #trust: TrustFile | undefined
  readonly #shows: boolean
  /** The generation of our credentials in a context. */
  readonly #shown = new WeakMap<SecureContext, Generation>()
  #context: { readonly of: readonly unknown[]; readonly value: SecureContext } | undefined

  /**
   * Throws a Fault if the file of authorities is invalid.
   * @param trust the file; undefined: the sidecar's own bundle
   * @param shows is the sidecar's certificate sent to them?
   */
  constructor(credentials: CredentialsInForce, trust: string | undefined, shows: boolean) {
    this.#credentials = credentials
    this.#trust = trust === undefined ? undefined : new TrustFile(trust, Date.now)
    this.#shows = shows
  }

  /** For new connections; the same object as long as nothing changed. Throws if there is no trust. */
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

  /** Why a connection must end: its credentials were withdrawn. */
  unfit({ shown, chain }: NamedServerRecord): Refusal | null {
    const { bundle, crls } = this.#credentials.current
    const own = shown && withdrawn(shown.chain, bundle, crls)
    if (own) return own
    const trusted = this.#trust?.current.bundle ?? bundle
    return withdrawn(chain, trusted, this.#trust === undefined ? crls : [])
  }

  /** Does it use credentials of ours that have been replaced? */
  isStale({ shown }: NamedServerRecord): boolean {
    return shown !== undefined && shown !== this.#credentials.current
  }

  /** Was a new version of the file of authorities accepted? `failed` gets each new reason why not. */
  changed(failed: (why: string) => void): boolean {
    return this.#trust?.changed(failed) === true
  }
}

/** Is a chain revoked, or is an authority of it no longer in the bundle? */
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
