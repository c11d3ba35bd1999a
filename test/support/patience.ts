import { setTimeout as pause } from 'node:timers/promises'

// A test that waits in vain ends with a reason; ava's own timeout has none.

/** Far longer than anything takes on a busy machine, and a fourth of ava's own timeout. */
export const PATIENCE_MS = 60_000

/** What `wait` resolves to; when it does not come, an Error with the words of `why`. */
export async function patiently<T>(
  wait: Promise<T>,
  why: () => string,
  ms = PATIENCE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${why()}`)), ms)
  })
  try {
    return await Promise.race([wait, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits for a condition; the time that it takes is not asserted. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${holds}`)
    await pause(10)
  }
}
