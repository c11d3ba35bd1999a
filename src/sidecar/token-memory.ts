import type { Config } from '../config/config.ts'
import { besideOkapi } from '../listeners/listener.ts'
import type { Policy } from '../policy/policy.ts'
import { SeenTokens, seenTokensMemory } from '../proxy/seen-tokens.ts'
import { TokenProvenance } from '../proxy/token-provenance.ts'
import type { CoarseClock } from '../transport/clock.ts'

/** An installation grows, and during an upgrade two versions of a module stand side by side. */
const FEWEST_MODULES = 64

/** Memory for all threads: beside Okapi for the tokens of all modules, else for those of our own. */
export function tokenMemoryFor(config: Config, policy: Policy): SharedArrayBuffer | undefined {
  const { tokens, tokensPerModule } = config.policy
  if (tokens === 'off') return undefined
  const installed = besideOkapi(config) ? policy.summary(config.module.id).descriptors : 0
  const modules = besideOkapi(config) ? Math.max(FEWEST_MODULES, 2 * installed) : 1
  return seenTokensMemory({ tokensPerModule, modules })
}

/** What one thread judges tokens by. */
export function tokenProvenance(
  { policy }: Config,
  clock: CoarseClock,
  memory: SharedArrayBuffer | undefined,
): TokenProvenance | undefined {
  const { tokens: mode, tokenSeenMs, tokenGraceMs } = policy
  if (mode === 'off' || memory === undefined) return undefined
  const seen = new SeenTokens(memory, tokenSeenMs)
  const graceMs = Math.min(tokenGraceMs, tokenSeenMs)
  return new TokenProvenance({ mode, seen, clock, graceMs, lifeMs: tokenSeenMs })
}
