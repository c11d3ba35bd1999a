import type { Direction } from '../labels.ts'

/** One refusal, or one call that enforcing would have refused. */
export interface NewRefusal {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly direction: Direction
  /** An unauthenticated caller is named by its address. */
  readonly caller: string
  /** The sender's address without a port, because one name may have many instances. '' if `caller` is an address. */
  readonly from: string
  readonly at: string
  /** Empty if it was refused before a request was read. */
  readonly method: string
  /** The pattern of a descriptor, never a path. */
  readonly route: string
  readonly status: number
  readonly reason: string
  readonly because: string
  readonly requestId: string
  /** Report mode let it pass. */
  readonly passed: boolean
}

/** The last refusal of its kind. */
export interface Refused extends NewRefusal {
  /** Number of refusals of this kind while it is remembered. */
  readonly times: number
  /** When the first of them was. Milliseconds since 1970. */
  readonly sinceMs: number
}

/** The last refusals, equal ones combined: a caller that keeps trying must not hide the others. */
export class LastRefusals {
  readonly #most: number
  /** The newest at the end. */
  readonly #refusals: Refused[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** The newest first. */
  get all(): readonly Refused[] {
    return this.#refusals.toReversed()
  }

  /** Keeps it; the oldest goes. */
  add(refusal: NewRefusal, times = 1, sinceMs = refusal.timeMs): void {
    // From the end, because a flood is of one kind.
    const before = this.#refusals.findLastIndex((one) => isAlike(one, refusal))
    const [same] = before === -1 ? [] : this.#refusals.splice(before, 1)
    const first = Math.min(same?.sinceMs ?? sinceMs, sinceMs)
    this.#refusals.push({ ...refusal, times: (same?.times ?? 0) + times, sinceMs: first })
    if (this.#refusals.length > this.#most) this.#refusals.shift()
  }
}

/** Do they differ only in time, request id, sender's address, and numbers in the sentence? */
function isAlike(a: NewRefusal, b: NewRefusal): boolean {
  return (
    a.reason === b.reason &&
    a.caller === b.caller &&
    a.route === b.route &&
    a.method === b.method &&
    a.at === b.at &&
    a.direction === b.direction &&
    a.passed === b.passed &&
    (a.because === b.because || withoutNumbers(a.because) === withoutNumbers(b.because))
  )
}

/** A number, also one in a time (2026-11-30T13:00Z), but not at the end of a name such as diku2 or lib-2. */
const NUMBER = /(?<![a-z_]-?\d*)\d+|(?<=\dT)\d+/gi

/** Clock differences, numbers of open connections and the like differ each time: the last ones are shown. */
function withoutNumbers(because: string): string {
  return because.replace(NUMBER, '0')
}
