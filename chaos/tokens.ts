import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { CLERK, TENANTS, TICK } from './call.ts'
import type { Program } from './program.ts'
import type { Random } from './random.ts'

const HAND_EVERY_MS = 400
const ANSWER_MS = 5000

/** A token that Okapi has sent to the clerk. */
export interface HandedToken {
  readonly text: string
  readonly tenant: string
  /** When it was sent, ms since 1970. */
  readonly at: number
}

/**
 * The tokens that Okapi sends to the calling module: only with these may it call. Each is sent through
 * Okapi's sidecar, which remembers it, and forgets all when it is started again.
 */
export class Tokens {
  readonly #modules: number
  readonly #okapiSidecar: Program
  readonly #random: Random
  readonly #latest = new Map<string, HandedToken>()
  #over = false

  /** `modules`: where Okapi's sidecar takes calls of modules. */
  constructor(modules: number, okapiSidecar: Program, random: Random) {
    this.#modules = modules
    this.#okapiSidecar = okapiSidecar
    this.#random = random
  }

  /** The last one of this tenant that the sidecar still knows, as far as can be seen from here. */
  of(tenant: string): HandedToken | undefined {
    const token = this.#latest.get(tenant)
    return token !== undefined && token.at > this.#okapiSidecar.startedAt ? token : undefined
  }

  /** Sends a new one now and then, until `stop`. What does not arrive is not used. */
  async run(): Promise<void> {
    this.#over = false
    while (!this.#over) {
      const tenant = this.#random.one(TENANTS)
      const token = { text: newToken(tenant), tenant, at: Date.now() }
      if (await this.#hand(token)) this.#latest.set(tenant, token)
      await pause(HAND_EVERY_MS)
    }
  }

  stop(): void {
    this.#over = true
  }

  async #hand({ tenant, text }: HandedToken): Promise<boolean> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#modules}/${CLERK}${TICK}`, {
        method: 'POST',
        headers: { 'X-Okapi-Tenant': tenant, 'X-Okapi-Token': text },
        signal: AbortSignal.timeout(ANSWER_MS),
      })
      await answer.arrayBuffer()
      return answer.status === 200
    } catch {
      return false
    }
  }
}

/** One that was sent to no module. Sidecars read tokens and verify none. */
export function newToken(tenant: string): string {
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part({ sub: 'anna', tenant, jti: randomUUID() })}.c2lnbmF0dXJl`
}
