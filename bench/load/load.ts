/** What one measurement of load saw. */
export interface LoadResult {
  readonly requests: number
  readonly perSecond: number
  readonly p50Micros: number
  readonly p99Micros: number
}
