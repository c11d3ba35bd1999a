import { readFileSync } from 'node:fs'
import { until } from '../patience.ts'
import type { Life } from '../scenario/life.ts'

/**
 * The process is suspended: it gets no processor, but its kernel still accepts connections and bytes for
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
