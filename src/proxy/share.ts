import { Budget } from '../refusal/budget.ts'

/**
 * Who a share belongs to. `own`: the module beside us, which does not share its listeners. `okapi`:
 * beside a module, Okapi, which asks for all callers. `unproven`: an address, of which there are many.
 */
export type ShareKind = 'own' | 'okapi' | 'proven' | 'unproven'

/** So many seconds' worth of broken exchanges may come at once. */
const AT_ONCE_SECONDS = 8
/** So many exchanges that end well pay for a broken one. */
const WELL_PER_BROKEN = 8

/** What one caller has open: an identity over all its connections, or one address. Integers only. */
export class Share {
  /** `mod-users-19.7.0`, `operator/anna`, `public/192.0.2.7`, `plain/2001:db8:0:1::/64`. */
  readonly name: string
  readonly standing: ShareKind
  connections = 0
  exchanges = 0
  /** Of the exchanges those towards each callee, by the callee's index. */
  readonly towards: number[] = []
  /** On links: exchanges of which something may still have to leave. */
  held = 0
  /** The most that may be held. */
  readonly mostHeld: number
  /** What is buffered for it, as it was weighed last. */
  bufferedBytes = 0
  /** How often it was told `too-many`. */
  refused = 0
  /** What it may still break off; null without a limit. */
  readonly #broken: Budget | null

  /** @param brokenPerSecond exchanges that it may break off, 0 without a limit */
  constructor(name: string, standing: ShareKind, mostHeld: number, brokenPerSecond = 0, now = 0) {
    this.name = name
    this.standing = standing
    this.mostHeld = mostHeld
    const atOnce = AT_ONCE_SECONDS * brokenPerSecond
    this.#broken = brokenPerSecond === 0 ? null : new Budget(atOnce, brokenPerSecond, now)
  }

  /** After so long a caller that has gone may be forgotten: it would have all of its budget again. */
  static readonly keptMs = AT_ONCE_SECONDS * 1000

  /** May it begin another exchange, after all that it has broken off? */
  mayBegin(now: number): boolean {
    return this.#broken === null || this.#broken.has(now)
  }

  /** An exchange is over. */
  ended(brokenOff: boolean, now: number): void {
    if (brokenOff) this.#broken?.charge(now)
    else this.#broken?.earn(1 / WELL_PER_BROKEN)
  }
}
