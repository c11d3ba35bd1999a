import { readFileSync } from 'node:fs'

/**
 * How many files and sockets this process may have open, or null where the system does not say.
 * Out of them, libuv closes new connections without an event that could be counted: so a limit on
 * connections should stay below this.
 */
export function openFileLimit(limits = '/proc/self/limits'): number | null {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync(limits, 'utf8'))
    return line?.[1] === undefined ? null : Number(line[1])
  } catch {
    return null
  }
}
