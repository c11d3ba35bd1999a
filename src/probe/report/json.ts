import { count, type Run } from '../result.ts'

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
  const summary = { ...count(run), notTried: notTried.length }
  const { target, startedAt, tookMs, controls } = run
  return `${JSON.stringify({ target, startedAt, tookMs, controls, attacks, notTried, summary }, null, 2)}\n`
}
