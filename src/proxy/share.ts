import { Budget } from '../refusal/budget.ts'

/**
 * The kind of caller. `own`: the module beside us, which has its listeners alone. `okapi`: beside a
 * module, Okapi, which calls for all callers. `unproven`: one of many addresses.
 */
export type ShareKind = 'own' | 'okapi' | 'proven' | 'unproven'

/** How many seconds' worth of broken exchanges may happen at once. */
const AT_ONCE_SECONDS = 8
/** This many exchanges that end well allow one more broken one. */
const WELL_PER_BROKEN = 8

/** What one caller has open: an identity over all its connections, or one address. Integers only. */
export class Share {
  /** `mod-users-19.7.0`, `operator/anna`, `public/192.0.2.7`, `plain/2001:db8:0:1::/64`. */
  readonly name: string
  readonly standing: ShareKind
  connections = 0
  exchanges = 0
  /** The open exchanges towards each callee, by the callee's index. */
  readonly towards: number[] = []
  /** On links: exchanges with output that may not have been sent yet. */
  held = 0
  /** The most that may be held. */
  readonly mostHeld: number
  /** The bytes buffered for it, at the last sum. */
  bufferedBytes = 0
  /** How often it was told `too-many`. */
  refused = 0
  /** How many exchanges it may still break off; null without a limit. */
  readonly #broken: Budget | null

  /** @param brokenPerSecond exchanges that it may break off, 0 without a limit */
  constructor(name: string, standing: ShareKind, mostHeld: number, brokenPerSecond = 0, now = 0) {
    this.name = name
    this.standing = standing
    this.mostHeld = mostHeld
    const atOnce = AT_ONCE_SECONDS * brokenPerSecond
    this.#broken = brokenPerSecond === 0 ? null : new Budget(atOnce, brokenPerSecond, now)
  }

  /**
   * After this time a caller that has gone may be forgotten, because its budget would be full
   * again.
   */
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
