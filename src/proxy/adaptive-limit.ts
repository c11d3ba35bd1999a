/** A window ends after this time and this many samples. */
const WINDOW_MS = 250
const LEAST_SAMPLES = 16
/** More samples in one window add nothing. */
const MOST_SAMPLES = 512
/** The limit starts at this many times the minimum, and doubles until calls take longer. */
const BEGINS_AT = 4
/** One window reduces the limit at most by this factor. */
const MOST_CUT = 0.5
/**
 * If calls are slow for this many windows at the lowest limit, the number of open calls is not the
 * cause.
 */
const WINDOWS_AT_LEAST = 5
/** After this much time without much load the usual latency is learned again. */
const PERIOD_MS = 600_000

/** What one window has come to. */
export type WindowEnd = 'period' | 'relearn' | null

/**
 * How many calls a module can have open before they only wait in it: a gradient limit, as in
 * Netflix' concurrency-limits and Envoy's adaptive concurrency filter. Each window compares the
 * median latency with what is usual. Above `tolerance` times that, the limit falls with the
 * latency; otherwise it rises by its square root, if it was needed. The usual latency is passed in
 * (UsualLatency).
 */
export class AdaptiveLimit {
  /** Calls that are open. */
  open = 0
  #limit: number
  readonly #least: number
  readonly #most: number
  readonly #tolerance: number
  /** Doubling: nothing was slow since the start. */
  #slowStart = true
  /** This window: the maximum of open calls, samples, and start. */
  #peak = 0
  readonly #samples = new Float64Array(MOST_SAMPLES)
  #count = 0
  #since: number
  /** Calls that began before this were measured under the previous limit. */
  #loweredAt = Number.NEGATIVE_INFINITY
  #windowsAtLeast = 0
  #calmMs = 0

  /** @param tolerance up to this many times the usual latency is not too slow */
  constructor(least: number, most: number, tolerance: number, now: number) {
    this.#least = Math.min(least, most)
    this.#most = most
    this.#tolerance = tolerance
    this.#limit = Math.min(most, BEGINS_AT * least)
    this.#since = now
  }

  /** So many may be open now. */
  get limit(): number {
    return Math.floor(this.#limit)
  }

  began(): void {
    this.open++
    if (this.open > this.#peak) this.#peak = this.open
  }

  ended(): void {
    this.open--
  }

  /**
   * A call was answered.
   * @param timesUsual its latency divided by the usual one; NaN: unknown
   * @returns the result of the window, if it ended: `period` the usual latency may be forgotten
   * after another one, `relearn` forget it now
   */
  answered(timesUsual: number, beganAt: number, now: number): WindowEnd {
    if (beganAt < this.#loweredAt || Number.isNaN(timesUsual)) return null
    if (this.#count < MOST_SAMPLES) this.#samples[this.#count++] = timesUsual
    if (this.#count < LEAST_SAMPLES || now - this.#since < WINDOW_MS) return null
    const slowness = medianOf(this.#samples.subarray(0, this.#count)) / this.#tolerance
    const end = this.#windowEnds(slowness, now)
    this.#count = 0
    this.#peak = this.open
    this.#since = now
    return end
  }

  #windowEnds(slowness: number, now: number): WindowEnd {
    const needed = 2 * this.#peak >= this.#limit
    if (slowness > 1) {
      this.#lower(slowness, needed, now)
      return this.#isStuck(needed) ? 'relearn' : null
    }
    this.#windowsAtLeast = 0
    if (needed) {
      this.#rise()
      return null
    }
    this.#calmMs += now - this.#since
    if (this.#calmMs < PERIOD_MS) return null
    this.#calmMs = 0
    return 'period'
  }

  /** If it is not needed it falls too, but not below what may be needed next. */
  #lower(slowness: number, needed: boolean, now: number): void {
    this.#slowStart = false
    const lowered = this.#limit * Math.max(MOST_CUT, 1 / slowness)
    const least = needed ? this.#least : Math.max(this.#least, 2 * this.#peak)
    const limit = Math.max(least, lowered)
    if (limit >= this.#limit) return
    this.#limit = limit
    this.#loweredAt = now
  }

  #rise(): void {
    const more = this.#slowStart ? this.#limit : Math.sqrt(this.#limit)
    this.#limit = Math.min(this.#most, this.#limit + more)
  }

  /** Envoy measures its least latency again after five windows at the least limit, too. */
  #isStuck(needed: boolean): boolean {
    if (!needed || this.#limit > this.#least) this.#windowsAtLeast = 0
    else this.#windowsAtLeast++
    if (this.#windowsAtLeast < WINDOWS_AT_LEAST) return false
    this.#windowsAtLeast = 0
    return true
  }
}

/** Sorts in place. */
function medianOf(values: Float64Array): number {
  values.sort()
  return values[values.length >> 1]!
}
