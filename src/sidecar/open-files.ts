import type { Problem } from '../fault.ts'
import { openFileLimit } from '../transport/descriptors.ts'

/**
 * What a person should know before connections are lost without a trace: each connection of a caller
 * may need a second one, to the upstream, and whoever is out of descriptors is told by nobody.
 * @param openFiles null where the system does not say
 */
export function openFileProblems(connections: number, openFiles = openFileLimit()): Problem[] {
  if (openFiles === null || connections <= openFiles / 2) return []
  return [
    {
      severity: 'warning',
      message: `limits.connections (${connections}) is more than half of the ${openFiles} files that this process may have open: each connection of a caller may need one to its upstream`,
      hint: 'raise the limit on open files (ulimit -n, LimitNOFILE) or lower limits.connections',
    },
  ]
}
