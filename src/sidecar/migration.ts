import type { Config } from '../config/config.ts'
import type { Problem } from '../fault.ts'
import type { MigrationFacts } from '../observe/status/facts.ts'
import type { Policy } from '../policy/policy.ts'

/** What forbids a plain door beside this module, whatever the configuration says. */
export function migrationProblems({ module, migration }: Config, policy: Policy): Problem[] {
  if (migration === undefined || policy.traits(module.id)?.authFilter !== true) return []
  const message = `\`migration\`: ${module.id} has an auth filter, and no plain door leads to such a module`
  const hint = 'move it over in one step, when Okapi has its sidecar: docs/migrate.md'
  return [{ severity: 'error', message, hint }]
}

/** The plain door as people are told of it; null where there is none. */
export function plainDoorFacts({ migration }: Config, nowMs: number): MigrationFacts | null {
  if (migration === undefined) return null
  const { from, until: untilMs, why } = migration
  return { open: nowMs < untilMs, untilMs, from: from.map(({ text }) => text), why }
}
