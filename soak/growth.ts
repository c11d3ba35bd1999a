/** One look at what a process holds. */
export interface Sample {
  /** Seconds since the load began. */
  readonly at: number
  readonly bytes: number
}

/** What lies below this is warming up, not growth. */
const HARMLESS_BYTES = 8 * 1024 * 1024

/** The straight line through what was seen after the first third: warming up is over by then. */
export function growthOf(samples: readonly Sample[]): { perMinute: number; whole: number } {
  const late = samples.slice(Math.floor(samples.length / 3))
  const n = late.length
  if (n < 2) return { perMinute: 0, whole: 0 }
  const meanAt = late.reduce((sum, { at }) => sum + at, 0) / n
  const meanBytes = late.reduce((sum, { bytes }) => sum + bytes, 0) / n
  let over = 0
  let under = 0
  for (const { at, bytes } of late) {
    over += (at - meanAt) * (bytes - meanBytes)
    under += (at - meanAt) ** 2
  }
  const perSecond = under === 0 ? 0 : over / under
  const seconds = late.at(-1)!.at - late[0]!.at
  return { perMinute: perSecond * 60, whole: perSecond * seconds }
}

/** Is it a leak? A short run can only show one that is fast; a long one shows slow ones too. */
export function isUnbounded(samples: readonly Sample[]): boolean {
  return growthOf(samples).whole > HARMLESS_BYTES
}
