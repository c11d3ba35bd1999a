import type { CredentialsInForce } from '../credentials/credentials.ts'
import type { Logger } from '../observe/log.ts'
import type { Ticking } from '../transport/clock.ts'
import type { Authentication, CutConnections } from './authentication.ts'
import type { Connections } from './connections.ts'
import type { Listeners } from './listeners.ts'
import type { Upstreams } from './upstreams.ts'

/** All that a change of trust concerns. */
export interface TrustChangeParts {
  readonly credentials: CredentialsInForce
  readonly authentication: Authentication
  readonly listeners: Listeners
  readonly upstreams: Upstreams
  readonly connections: Connections
  readonly log: Logger
}

/** How often peers' certificates are held against the clock. */
const PEERS_MS = 1000

/** What becomes of connections when credentials change, and when time alone ends a peer's. */
export class TrustChanges implements Ticking {
  readonly #concerned: TrustChangeParts
  #peersAt = 0

  constructor(concerned: TrustChangeParts) {
    this.#concerned = concerned
    concerned.credentials.subscribe(() => this.#changed())
  }

  /** New handshakes use the new generation; what may not go on is cut, the rest finishes and closes. */
  #changed(): void {
    const { listeners, upstreams, authentication, connections } = this.#concerned
    listeners.switchMaterial()
    upstreams.retire()
    this.#tellCuts(authentication.again((socket) => connections.retire(socket)))
  }

  /** Called by the coarse clock, whose time is not that of certificates. */
  tick(now: number): void {
    if (now < this.#peersAt) return
    this.#peersAt = now + PEERS_MS
    this.#tellCuts(this.#concerned.authentication.expire())
  }

  #tellCuts(cuts: readonly CutConnections[]): void {
    for (const cut of cuts) this.#concerned.log.warn(cut, 'peer cut off')
  }
}
