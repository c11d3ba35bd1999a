import { withoutTls } from '../fault.ts'
import type { Reason } from '../refusal/reasons.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Target } from './peer-addresses.ts'

/** The refusal when nothing could be reached. */
interface Unreached {
  readonly whenUnreachable: Reason
  readonly connectWaitMs: number
}

/** The results of one round over the targets of a dial. */
export class DialRound {
  /** Targets that answered and were refused. */
  readonly refused: Refusal[] = []
  /** Those that could not be reached, as sentences. */
  readonly unreached: string[] = []
  /** Those where the wanted peer may still appear, as sentences. */
  readonly notYet: string[] = []
  /** One that flooded, and is left alone. */
  flooded: Refusal | undefined
  /** The missing resource of this process, if a target was not even tried. */
  shortage: string | undefined
  /** Names were looked up once more, because no address proved the wanted identity. */
  renewed = false
  readonly #tried = new Set<string>()

  tries({ key }: Target): void {
    this.#tried.add(key)
  }

  /** Those of `targets` that were not tried yet. */
  untried(targets: readonly Target[]): readonly Target[] {
    return targets.filter(({ key }) => !this.#tried.has(key))
  }

  /**
   * The refusal of those that answered. None if the process could not try an address, because then
   * the result is not final.
   */
  get refusal(): Refusal | undefined {
    const [first] = this.refused
    if (first === undefined || this.shortage !== undefined) return undefined
    const because = [...this.notYet, ...this.refused.map((each) => each.because)].join('; ')
    return { ...first, because }
  }

  /**
   * How a dial ends when none of them has answered; null: it waits for another round.
   * @param last the refusal that ends all waiting
   */
  ending(
    last: Refusal | null,
    isOver: boolean,
    { whenUnreachable, connectWaitMs }: Unreached,
  ): Refusal | null {
    if (this.flooded !== undefined && this.shortage === undefined) return this.flooded
    if (last !== null) {
      const why = this.shortage ?? this.unreached.join('; ')
      return { ...last, because: `${last.because}; ${why}` }
    }
    if (!isOver) return null
    if (this.shortage !== undefined) return refuse('overloaded', this.shortage)
    const limit = connectWaitMs > 0 ? { limit: 'connectWaitMs' as const } : {}
    const unreached = this.notYet.length > 0 ? 'module-unavailable' : whenUnreachable
    return refuse(unreached, this.#nothingReached, limit)
  }

  get #nothingReached(): string {
    return `nothing could be reached: ${[...this.notYet, ...this.unreached].join('; ')}`
  }
}

/** At which of several addresses: a name may lead to the one that another pod has now. */
export function placed({ key }: Target, refusal: Refusal): Refusal {
  if (refusal.reason !== 'wrong-peer') return refusal
  return { ...refusal, because: `${key}: ${refusal.because}` }
}

/** It answered, and is not to be talked to. */
export function untrusted({ key }: Target, why: string): Refusal {
  return refuse('upstream-untrusted', `${key} could not be trusted: ${withoutTls(why) ?? why}`)
}
