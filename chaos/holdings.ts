import { setTimeout as pause } from 'node:timers/promises'
import type { Holdings, Program } from './program.ts'

/** What each process held before and after. */
export interface Held {
  readonly name: string
  readonly before: Holdings
  readonly after: Holdings
}

/** V8 keeps what it once needed: so much more is no leak. One of a few bytes a call shows in hours: `npm run soak`. */
export const RSS_MAY_GROW_BYTES = 96 * 1024 * 1024

/** The longest limit of the site, and as long again. */
const SETTLE_MS = 90_000
const LOOK_EVERY_MS = 500

export function holdingsOf(programs: readonly Program[]): Map<string, Holdings> {
  return new Map(programs.map((program) => [program.name, program.holds()]))
}

/** Waits until no process has open files that change: idle connections close; how many are left. */
export async function settled(
  programs: readonly Program[],
  as?: ReadonlyMap<string, Holdings>,
): Promise<Map<string, Holdings>> {
  const end = performance.now() + SETTLE_MS
  for (let before = '', same = 0; performance.now() < end; ) {
    const now = holdingsOf(programs)
    const text = JSON.stringify([...now].map(([, { files }]) => files))
    same = text === before ? same + 1 : 0
    before = text
    const isAs =
      as === undefined || programs.every(({ name }) => sameFiles(as.get(name)!, now.get(name)!))
    // Idle connections are closed after some seconds.
    if (same * LOOK_EVERY_MS >= (as === undefined ? 11_000 : 1000) && isAs) break
    await pause(LOOK_EVERY_MS)
  }
  return holdingsOf(programs)
}

/** What is not back where it was. */
export function grown(held: readonly Held[]): string[] {
  const wrong: string[] = []
  for (const { name, before, after } of held) {
    if (!sameFiles(before, after)) {
      wrong.push(`${name}: open files were ${filesText(before)} and are ${filesText(after)}`)
    }
    const more = after.rssBytes - before.rssBytes
    if (more > RSS_MAY_GROW_BYTES) {
      wrong.push(`${name}: ${Math.round(more / 1024 / 1024)} MiB more resident memory`)
    }
  }
  return wrong
}

export function countFiles({ files }: Holdings): number {
  return Object.values(files).reduce((sum, count) => sum + count, 0)
}

function sameFiles(a: Holdings, b: Holdings): boolean {
  const classes = new Set([...Object.keys(a.files), ...Object.keys(b.files)])
  return [...classes].every((each) => a.files[each] === b.files[each])
}

function filesText({ files }: Holdings): string {
  return Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')
}
