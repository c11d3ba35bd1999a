import type { Config } from '../config/config.ts'
import { besideOkapi } from '../listeners/listener.ts'
import type { TokenMemory } from '../observe/token-memory.ts'
import type { Policy } from '../policy/policy.ts'
import { SeenTokens, seenTokensMemory } from '../proxy/seen-tokens.ts'
import { TokenProvenance } from '../proxy/token-provenance.ts'
import type { CoarseClock } from '../transport/clock.ts'

/** An installation grows, and during an upgrade there are two versions of a module. */
const FEWEST_MODULES = 64

/**
 * Memory for all threads: beside Okapi for the tokens of all modules, otherwise for those of our
 * own.
 */
export function tokenMemoryFor(config: Config, policy: Policy): SharedArrayBuffer | undefined {
  const { tokens, tokensPerModule } = config.policy
  if (tokens === 'off') return undefined
  const modules = besideOkapi(config) ? Math.max(FEWEST_MODULES, 2 * policy.modules.length) : 1
  return seenTokensMemory({ tokensPerModule, modules })
}

/** What one thread judges tokens by. */
export function tokenProvenance(
  config: Config,
  clock: CoarseClock,
  memory: SharedArrayBuffer | undefined,
): TokenProvenance | undefined {
  const { tokens: mode, tokenSeenMs } = config.policy
  if (mode === 'off' || memory === undefined) return undefined
  const seen = new SeenTokens(memory, tokenSeenMs)
  return new TokenProvenance({
    ...{ mode, seen, clock },
    graceMs: graceOf(config),
    lifeMs: tokenSeenMs,
  })
}

const MOST_SHOWN = 5

/** How full the memory is, read from the main thread. */
export class TokenWatch {
  readonly #config: Config
  readonly #seen: SeenTokens

  constructor(config: Config, memory: SharedArrayBuffer) {
    this.#config = config
    this.#seen = new SeenTokens(memory, config.policy.tokenSeenMs)
  }

  now(policy: Policy, nowMs: number): TokenMemory {
    const { tokens, tokenSeenMs: lifeMs, tokensPerModule: perModule } = this.#config.policy
    const seen = this.#seen
    const left = graceOf(this.#config) - seen.ageMs(performance.now())
    return {
      mode: tokens === 'enforce' ? 'enforce' : 'report',
      graceUntilMs: tokens === 'enforce' && left > 0 ? nowMs + left : null,
      lifeMs,
      perModule,
      ...seen.fill,
      fullest: policy.modules
        .map((name) => ({ name, tokens: seen.fillOf(name)?.tokens ?? 0 }))
        .filter((one) => one.tokens > 0)
        .sort((a, b) => b.tokens - a.tokens)
        .slice(0, MOST_SHOWN),
    }
  }
}

function graceOf({ policy }: Config): number {
  return Math.min(policy.tokenGraceMs, policy.tokenSeenMs)
}
