import type { Attack } from './attack.ts'
import type { Control } from './control.ts'
import type { AttackFinding, AttackOutcome } from './finding.ts'

/** The result of an attack in a run. */
export interface Result extends AttackFinding {
  readonly attack: Attack
  /** The identity it was tried with: a module id, or null for an outsider. */
  readonly as: string | null
  readonly tookMs: number
}

/** An attack that could not be tried because something was lacking. */
export interface NotTried {
  readonly attack: Attack
  readonly why: string
}

/** A whole run against one target. */
export interface Run {
  /** As typed. */
  readonly target: string
  readonly startedAt: Date
  readonly tookMs: number
  readonly controls: readonly Control[]
  readonly results: readonly Result[]
  readonly notTried: readonly NotTried[]
}

/** The identity of an attack that only a hijacked module can try; null for all others. */
export function whose({ attack, as }: Pick<Result, 'attack' | 'as'>): string | null {
  return attack.needs?.includes('credentials') === true ? as : null
}

/** Number of attacks by outcome. */
export function countOutcomes({
  results,
}: Pick<Run, 'results'>): Readonly<Record<AttackOutcome, number>> {
  const of = (wanted: AttackOutcome) => results.filter(({ outcome }) => outcome === wanted).length
  return {
    blocked: of('blocked'),
    'got-through': of('got-through'),
    inconclusive: of('inconclusive'),
  }
}

/** Outcomes in words. */
export const OUTCOMES: Readonly<Record<AttackOutcome, string>> = {
  'got-through': 'got through',
  inconclusive: 'inconclusive',
  blocked: 'blocked',
}

/** The overall verdict on a run. */
export interface Conclusion {
  readonly kind: 'good' | 'open' | 'bad'
  readonly sentence: string
}

/** The sentence that a report begins or ends with. */
export function conclusion(run: Run): Conclusion {
  const { 'got-through': through, inconclusive } = countOutcomes(run)
  const all = run.results.length
  if (through > 0)
    return { kind: 'bad', sentence: `Yes: ${through} of ${all} attacks got through.` }
  if (all === 0) return { kind: 'open', sentence: 'Unknown: no attack was tried.' }
  if (inconclusive === 0) return { kind: 'good', sentence: `No: all ${all} attacks were blocked.` }
  const sentence = `Nothing got through, but ${inconclusive} of ${all} attacks gave no result.`
  return { kind: 'open', sentence }
}

/** The identities that the target was called with. */
export function callers(run: Run): string {
  const names = run.controls.flatMap(({ as }) => (as === null ? [] : [as]))
  return names.length === 0
    ? 'an outsider, without any certificate'
    : [...new Set(names)].join(', ')
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The report as one JSON document; keys are stable. */
export function jsonReport(run: Run): string {
  const attacks = run.results.map(({ attack, as, outcome, reason, because, evidence, tookMs }) => ({
    id: attack.id,
    group: attack.group,
    title: attack.title,
    as,
    outcome,
    reason,
    because,
    evidence,
    tookMs,
  }))
  const notTried = run.notTried.map(({ attack, why }) => ({
    id: attack.id,
    group: attack.group,
    why,
  }))
  const summary = { ...countOutcomes(run), notTried: notTried.length }
  const { target, startedAt, tookMs, controls } = run
  return `${JSON.stringify({ target, startedAt, tookMs, controls, attacks, notTried, summary }, null, 2)}\n`
}
