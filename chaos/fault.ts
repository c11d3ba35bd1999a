import { setTimeout as pause } from 'node:timers/promises'
import type { Mode } from './mode.ts'
import type { Random } from './random.ts'
import type { Site } from './site.ts'

/** So long after a fault its consequences may still come, ms. */
export const AFTERMATH_MS = 5000

/** What a fault is at one time, and what that may cost. */
export interface Phase {
  readonly kind: string
  /**
   * May calls fail because of it? Where not, the documents promise that none is lost, and a call that fails
   * meanwhile is a finding.
   */
  readonly excuses: boolean
  /** The instance, by its index, that nothing may reach meanwhile. */
  readonly closed?: number
}

/** Something that goes wrong for a while, or all at once. */
export interface Fault {
  readonly kind: string
  /** Of its first phase, by the site's mode where that makes a difference. */
  readonly excuses: boolean | ((mode: Mode) => boolean)
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
  /** Does it and undoes it. `next`: from now on it is in another phase. */
  strike(next: (phase: Phase) => void): Promise<void>
}

/** Lasts for some time between the two, in ms. */
export function lasts(random: Random, least: number, most: number): () => Promise<void> {
  const ms = random.int(least, most)
  return () => pause(ms)
}
