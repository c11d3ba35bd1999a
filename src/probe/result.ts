import type { Attack } from './attack.ts'
import type { Control } from './control.ts'
import type { Finding, Outcome } from './finding.ts'

/** What came of an attack in a run. */
export interface Result extends Finding {
  readonly attack: Attack
  /** As whom it was tried: a module id, or null for an outsider. */
  readonly as: string | null
  readonly tookMs: number
}

/** An attack that could not be tried with what was at hand. */
export interface NotTried {
  readonly attack: Attack
  readonly why: string
}

/** A whole run against one target. */
export interface Run {
  /** As it was typed. */
  readonly target: string
  readonly startedAt: Date
  readonly tookMs: number
  readonly controls: readonly Control[]
  readonly results: readonly Result[]
  readonly notTried: readonly NotTried[]
}

/** As whom an attack was tried that only a hijacked module can try; null for all others. */
export function whose({ attack, as }: Pick<Result, 'attack' | 'as'>): string | null {
  return attack.needs?.includes('credentials') === true ? as : null
}

/** How often each outcome came. */
export function count({ results }: Pick<Run, 'results'>): Readonly<Record<Outcome, number>> {
  const of = (wanted: Outcome) => results.filter(({ outcome }) => outcome === wanted).length
  return {
    blocked: of('blocked'),
    'got-through': of('got-through'),
    inconclusive: of('inconclusive'),
  }
}
