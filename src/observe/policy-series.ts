import { Gauge, type Registry } from 'prom-client'

/** The policy in force. */
export interface PolicyInfo {
  readonly hash: string
  readonly mode: 'enforce' | 'report'
  readonly quarantined: number
  readonly profiles: readonly {
    readonly caller: string
    readonly profile: string
    readonly untilMs: number
  }[]
}

/**
 * One series whose labels say which policy is in force, and one for each profile of an operator; a policy's
 * series go with it. `read` is asked at scrape.
 */
export function policySeries(registry: Registry, read: () => PolicyInfo): void {
  new Gauge({
    name: 'sidecar_policy_info',
    help: 'Always 1; the labels say which policy is in force',
    labelNames: ['hash', 'mode'],
    registers: [registry],
    collect() {
      const { hash, mode } = read()
      this.reset()
      this.set({ hash, mode }, 1)
    },
  })
  new Gauge({
    name: 'sidecar_quarantined_products',
    help: 'Products that the policy in force has in quarantine, or will have from a date on',
    registers: [registry],
    collect() {
      this.set(read().quarantined)
    },
  })
  new Gauge({
    name: 'sidecar_operator_profile_until_timestamp_seconds',
    help: 'When a grant of an operator’s profile ends, or has ended; absent where it has no end',
    labelNames: ['operator', 'profile'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { caller, profile, untilMs } of read().profiles) {
        if (Number.isFinite(untilMs)) this.set({ operator: caller, profile }, untilMs / 1000)
      }
    },
  })
}
