import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from './random.ts'
import type { Site } from './site.ts'

/** Something that goes wrong for a while, or all at once. */
export interface Fault {
  readonly kind: string
  /**
   * May calls fail because of it? Where not, the documents promise that none is lost, and a call that fails
   * meanwhile is a finding.
   */
  readonly excuses: boolean
  /** Can it be tried on this machine? */
  possible?(site: Site): boolean
  /** Where it would strike now. No two faults strike at the same thing at the same time. */
  aim(site: Site, random: Random): Aim
}

export interface Aim {
  /** As the report names it. */
  readonly at: string
  /** What it takes for itself. */
  readonly takes: readonly unknown[]
  /** Does it and undoes it. */
  strike(): Promise<void>
}

/** Lasts for some time between the two, in ms. */
export function lasts(random: Random, least: number, most: number): () => Promise<void> {
  const ms = random.int(least, most)
  return () => pause(ms)
}
