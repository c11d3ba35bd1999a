import { isOkapi } from '../folio/module-id.ts'
import { parseCaller } from '../policy/caller.ts'
import type { Decision } from '../policy/decision.ts'
import type { TokenSources } from '../policy/token-sources.ts'
import type { Reason } from '../refusal/reasons.ts'

/** What `policy explain --json` prints; every key is always there. */
export interface Explanation
  extends Pick<Decision, 'caller' | 'at' | 'provider' | 'interface' | 'route'> {
  readonly decision: 'allow' | 'refuse'
  /** The reason of a refusal, or of a would-be refusal in report mode. */
  readonly reason: Reason | null
  readonly rule: Decision['rule']
  readonly because: string
  readonly wouldAllow: string | null
  readonly nearest: string | null
  /** Whose tokens the caller may send besides its own; null: its tokens are not judged here. */
  readonly tokens: TokenSources | null
  /** Every sidecar that decides about such a call, in the order in which they are asked. */
  readonly decidedAt: readonly string[]
}

/** The sidecars that decide about a call, each by its own policy. `provider`: the module that answers, if any. */
export function decidingSidecars(
  caller: string,
  at: string,
  provider: string | null,
): readonly string[] {
  const sidecar = (id: string) => `${isOkapi(id) ? 'Okapi’s sidecar' : `sidecar of ${id}`}`
  const listener = caller === 'public' ? 'public' : caller === 'plain' ? 'migration' : 'ingress'
  if (!isOkapi(at)) {
    const from = isOkapi(caller) ? [`${sidecar(caller)} (modules)`] : []
    return [...from, `${sidecar(at)} (${listener})`]
  }
  const from = parseCaller(caller).kind === 'module' ? [`${sidecar(caller)} (egress)`] : []
  const on = provider === null ? [] : [`${sidecar(at)} (modules)`, `${sidecar(provider)} (ingress)`]
  return [...from, `${sidecar(at)} (${listener})`, ...on]
}
