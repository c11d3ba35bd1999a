import { Counter, Gauge, type Registry } from 'prom-client'

/** The memory of tokens that Okapi sent to modules, for metrics and the status page. */
export interface TokenMemory {
  readonly mode: 'report' | 'enforce'
  /** Until then `enforce` only reports, milliseconds since 1970; null: no longer, or it never does. */
  readonly graceUntilMs: number | null
  readonly lifeMs: number
  /** How many tokens of one module are sure to be remembered. */
  readonly perModule: number
  /** Modules that were sent a token. */
  readonly modules: number
  readonly tokens: number
  /** Tokens that were dropped for others before their time was over. */
  readonly forgotten: number
  /** Unknown tokens that a module sent: refused, or only reported. */
  readonly unknown: number
  readonly bytes: number
  /** The modules with most tokens. */
  readonly fullest: readonly { readonly name: string; readonly tokens: number }[]
}

/** Reads it at scrape. */
export function tokenSeries(registry: Registry, read: () => TokenMemory): void {
  const registers = [registry]
  const gauge = (name: string, help: string, value: (now: TokenMemory) => number | undefined) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const now = value(read())
        if (now === undefined) this.remove()
        else this.set(now)
      },
    })
  const counter = (name: string, help: string, value: (now: TokenMemory) => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(value(read()))
      },
    })
  gauge('sidecar_tokens_remembered', 'Tokens of modules that are remembered', (now) => now.tokens)
  gauge(
    'sidecar_tokens_grace_until_timestamp_seconds',
    'Until when unknown tokens are only told after the start; absent from then on',
    ({ graceUntilMs }) => (graceUntilMs === null ? undefined : graceUntilMs / 1000),
  )
  counter(
    'sidecar_tokens_forgotten_total',
    'Tokens that made room for others before their life was over',
    (now) => now.forgotten,
  )
  counter(
    'sidecar_tokens_unknown_total',
    'Requests of modules with a token that Okapi has not sent to them, refused or only told',
    (now) => now.unknown,
  )
}
