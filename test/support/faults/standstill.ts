import { readFileSync } from 'node:fs'
import { until } from '../patience.ts'
import type { Life } from '../scenario/life.ts'

/**
 * The process stands still: it has no processor, and its kernel goes on taking connections and bytes for
 * it. Resolves when it does, to what makes it go on.
 */
export async function standStill(life: Pick<Life, 'pid' | 'signal' | 'over'>): Promise<() => void> {
  life.signal('SIGSTOP')
  await until(() => /\) T /.test(readFileSync(`/proc/${life.pid}/stat`, 'latin1')))
  let still = true
  return () => {
    if (still && !life.over) life.signal('SIGCONT')
    still = false
  }
}
