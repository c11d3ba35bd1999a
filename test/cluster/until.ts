import { setTimeout as sleep } from 'node:timers/promises'

/** Far longer than anything here takes on a busy machine. */
const PATIENCE_MS = 300_000
/** The same for what kubectl waits for. */
export const PATIENCE = `--timeout=${PATIENCE_MS / 1000}s`

/** Waits for something that comes of itself; what it throws until then counts as not yet, and is told at the end. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  let last: unknown
  for (;;) {
    try {
      if (await holds()) return
    } catch (error) {
      last = error
    }
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`, { cause: last })
    await sleep(200)
  }
}
