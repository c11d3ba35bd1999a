/** Nothing was answered in the time of the measurement: the machine is too busy to tell anything. */
export class NoAnswer extends Error {}

/** What one measurement of load saw. */
export interface LoadResult {
  readonly requests: number
  readonly perSecond: number
  readonly p50Micros: number
  readonly p99Micros: number
}
